"""What went wrong last, for people: C programs get a code only, so the message is kept beside it.

In: failures of calls. Out: the last report of the process, and the text that cuGetErrorString returns: the phrase
of the code, with the report of the failure that this thread has just seen.
"""

from __future__ import annotations

import ctypes
import threading

from harness.vgpu.driver.errors import Result


class _Failure(threading.local):
    """The last failing call of a thread; a successful call clears it."""

    code = 0
    message = ""
    buffer: ctypes.Array[ctypes.c_char] | None = None  # keeps the last text alive for the caller


_failure = _Failure()
_last: str | None = None
_texts: dict[str, ctypes.Array[ctypes.c_char]] = {}


def failed(call: str, code: int, message: str) -> None:
    """Keep the report of a failing call."""
    global _last
    _failure.code, _failure.message = code, message
    _last = f"{call}: {message}"


def succeeded() -> None:
    """The thread's last failure is over."""
    _failure.code = 0


def last() -> str | None:
    """The report of the process' last failure."""
    return _last


def text(result: Result) -> int:
    """The address of a C string that explains a code."""
    if result and result == _failure.code:
        _failure.buffer = ctypes.create_string_buffer(f"{result.text} - {_failure.message}".encode())
        return ctypes.addressof(_failure.buffer)
    return c_string(result.text)


def c_string(content: str) -> int:
    """The address of a C string that lives as long as the process."""
    if content not in _texts:
        _texts[content] = ctypes.create_string_buffer(content.encode())
    return ctypes.addressof(_texts[content])
