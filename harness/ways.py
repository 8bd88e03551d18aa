"""Which ways of running a case are timed beside plain calls of its two functions: the text of --variants.

In: a comma list, and the kind of device. Out: ways, in the order of the tables. `graph` replays the reference and the
fused function as CUDA graphs; `compile` runs the reference under torch.compile, whose kernels only a GPU can time.
"""

from __future__ import annotations

from harness.device.spec import Kind
from harness.errors import FuseproofError
from harness.results.record import Way

_WAYS: dict[Kind, tuple[Way, ...]] = {"vgpu": ("graph",), "cuda": ("graph", "compile")}
_KNOWN = _WAYS["cuda"]


def parse_ways(text: str, kind: Kind) -> tuple[Way, ...]:
    """`none`, `all` that the device has, or names."""
    if text == "none":
        return ()
    if text == "all":
        return _WAYS[kind]
    wanted = [word.strip() for word in text.split(",")]
    if unknown := [word for word in wanted if word not in _KNOWN]:
        raise FuseproofError(f"--variants takes {', '.join(_KNOWN)}, all or none, not {unknown[0]!r}")
    if lacking := [way for way in _KNOWN if way in wanted and way not in _WAYS[kind]]:
        raise FuseproofError(
            f"--variants {lacking[0]} needs --device cuda: the vgpu does not know what torch.compile would launch"
        )
    return tuple(way for way in _KNOWN if way in wanted)
