"""A CUDA kernel as a Python callable: compiled at its first call, launched through PyCUDA.

In: a .cu file and a C++ expression; then torch tensors and numbers, checked against the kernel's own parameters.
Out: launches on torch's current stream. On the vgpu each tensor's storage is known to the launch with its exact bounds.

    _bias_gelu = Kernel("activation.cu", "bias_gelu<{scalar}, {vector}>", vector=(1, 4))
    _bias_gelu(out, x, bias, rows, cols, grid=rows, block=256, vector=4)
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeAlias

from harness.arguments import Packer, describe
from harness.compiler import Unit, compile_unit
from harness.device import Device, current
from harness.dtypes import Scalar, scalar_of
from harness.errors import FuseproofError
from harness.resources import Resources

if TYPE_CHECKING:
    import torch

Dimensions: TypeAlias = int | Sequence[int]
Compile: TypeAlias = Callable[[Path, Sequence[str], tuple[int, int]], Unit]  # the signature of compile_unit
_DEFAULT_SHARED_LIMIT = 48 * 1024  # CUDA programming guide: more dynamic shared memory needs an opt-in


class KernelError(FuseproofError):
    """A call that does not fit its kernel, or a kernel that failed."""


class LaunchError(KernelError):
    """A launch that was made and failed, unlike one that was refused before."""


@dataclass(frozen=True, slots=True)
class _Launcher:
    """One instantiation, loaded: PyCUDA's function, and how its arguments are packed."""

    function: Any
    packer: Packer


class Kernel:
    """One `__global__` function of a .cu file beside the Python file that makes the Kernel.

    `expression` names it in C++. `{scalar}` becomes the C++ type of the first floating tensor of a call; other
    placeholders are filled from the call's keyword arguments. Values that are stated here (`vector=(1, 4)`) are
    compiled together at the first call, and no other value is accepted; unstated ones are compiled when they occur.

    Floating tensors of one call share one dtype unless `mixed` says that the kernel takes several; tensors are
    contiguous unless `strided` says that the kernel is given their strides. `chooses` says that later launches read
    where this one's results point, tokens or rows: it is run as a whole where of others a sample of blocks is enough.
    """

    def __init__(
        self,
        source: str,
        expression: str,
        *,
        mixed: bool = False,
        strided: bool = False,
        chooses: bool = False,
        **stated: Sequence[Any],
    ) -> None:
        caller = sys._getframe(1).f_globals.get("__file__", "")
        self.source = (Path(caller).parent / source).resolve()
        self.expression = expression
        self.name = expression.partition("<")[0].strip()
        self.mixed = mixed
        self.strided = strided
        self.chooses = chooses
        self.stated = stated
        self._placeholders = frozenset(name for _, name, _, _ in Formatter().parse(expression) if name)
        self._launchers: dict[tuple[str, tuple[tuple[str, Any], ...]], _Launcher] = {}
        if unknown := stated.keys() - self._placeholders:
            raise KernelError(f"{self}: no placeholder {', '.join(sorted(unknown))} in {expression!r}")
        _kernels_of.setdefault(self.source, []).append(self)

    def __repr__(self) -> str:
        return f"kernel {self.name} of {self.source.name}"

    def __call__(self, *args: Any, grid: Dimensions, block: Dimensions, shared: int = 0, **template: Any) -> None:
        """Launch. `grid` and `block` are one to three sizes; a grid with a zero in it launches nothing."""
        grid, block = self._dimensions("grid", grid), self._dimensions("block", block)
        if 0 in grid:
            return
        device = current()
        key = (self._scalar_type(args, device), tuple(sorted(template.items())))
        launcher = self._launchers.get(key)
        if launcher is None:
            launcher = self._launchers[key] = self._load(key[0], template, device)
        values = launcher.packer.values(args)
        if shared > _DEFAULT_SHARED_LIMIT:
            _allow_shared(launcher.function, shared)
        if device.vgpu:
            self._launch_on_vgpu(device.vgpu, launcher.function, grid, block, values, shared, args)
        else:
            self._launch_on_cuda(launcher.function, grid, block, values, shared)
        if _counting is not None:
            with _counting_lock:
                _counting[self.name.rpartition("::")[2]] += 1

    def instantiations(self, scalar: str) -> list[str]:
        """The C++ expressions that the stated values make for one scalar type; none while a value is unstated."""
        if self._placeholders - {"scalar"} - self.stated.keys():
            return []
        chosen = [dict(zip(self.stated, values, strict=True)) for values in product(*self.stated.values())]
        return [self.expression.format(scalar=scalar, **values) for values in chosen]

    def _scalar_type(self, args: Sequence[Any], device: Device) -> str:
        """Check the tensors of a call; the C++ type of its floating ones, "" where the kernel takes no scalar type."""
        first: tuple[int, Scalar] | None = None
        templated = "scalar" in self._placeholders
        for position, arg in enumerate(args, start=1):
            if not hasattr(arg, "data_ptr"):
                continue
            if arg.device != device.torch:
                raise KernelError(f"{self}: {describe(position, arg)} is on {arg.device}, the kernel on {device.torch}")
            if not (self.strided or arg.is_contiguous()):
                raise KernelError(f"{self}: {describe(position, arg)} has strides {arg.stride()}: make it contiguous")
            if scalar := scalar_of(arg.dtype):
                if first is None:
                    first = position, scalar
                elif templated and scalar is not first[1] and not self.mixed:
                    raise KernelError(
                        f"{self}: {describe(position, arg)}, but argument {first[0]} is {first[1].torch_name}: "
                        "Kernel(..., mixed=True) where the kernel takes both"
                    )
        if not templated:
            return ""
        if first is None:
            raise KernelError(f"{self}: {{scalar}} needs a floating tensor among the arguments")
        return first[1].cpp

    def _load(self, scalar: str, template: dict[str, Any], device: Device) -> _Launcher:
        needed = self._placeholders - {"scalar"}
        if template.keys() != needed:
            wanted = ", ".join(sorted(needed)) or "none"
            raise KernelError(f"{self}: template arguments are {wanted}, not {', '.join(sorted(template)) or 'none'}")
        for name, values in self.stated.items():
            if template[name] not in values:
                raise KernelError(f"{self}: {name}={template[name]} is not among the values stated, {tuple(values)}")
        expression = self.expression.format(scalar=scalar, **template)
        unit, module = _module(self.source, scalar or "float", expression, device)
        entry = unit.entries[expression]
        function = module.get_function(entry.symbol)
        packer = Packer(str(self), entry.parameters)
        function.prepare(packer.format)
        return _Launcher(function, packer)

    def _launch_on_vgpu(
        self, vgpu: Any, function: Any, grid: Sequence, block: Sequence, values: list, shared: int, args: Sequence
    ) -> None:
        whole = vgpu.using(replace(vgpu.mode, alone=False)) if self.chooses else nullcontext()
        with storages_known(vgpu, args), self._explained(vgpu), whole:
            function.prepared_call(grid, block, *values, shared_size=shared)

    def _launch_on_cuda(self, function: Any, grid: Sequence, block: Sequence, values: list, shared: int) -> None:
        with self._explained(None), _on_torch_stream() as stream:
            function.prepared_async_call(grid, block, stream, *values, shared_size=shared)

    @contextmanager
    def _explained(self, vgpu: Any) -> Iterator[None]:
        """Turn PyCUDA's error into one that names the kernel and carries the vgpu's report."""
        import pycuda.driver

        try:
            yield
        except pycuda.driver.Error as error:
            report = vgpu.last_report() if vgpu else None
            raise LaunchError(f"{self} ({self.source}) failed: {report or error}") from error

    def _dimensions(self, what: str, sizes: Dimensions) -> tuple[int, int, int]:
        listed = (sizes,) if isinstance(sizes, int) else tuple(sizes)
        if not 1 <= len(listed) <= 3 or any(size < 0 for size in listed):
            raise KernelError(f"{self}: {what}={sizes}: one to three sizes, none negative")
        x, y, z = (*listed, 1, 1)[:3]
        return x, y, z


_counting: Counter[str] | None = None
_counting_lock = threading.Lock()


@contextmanager
def counted_launches() -> Iterator[Counter[str]]:
    """Count the launches that every Kernel makes inside, by the function's name: what a profiler's count must equal."""
    global _counting
    before, _counting = _counting, Counter()
    try:
        yield _counting
    finally:
        _counting = before


_kernels_of: dict[Path, list[Kernel]] = {}
_modules: dict[tuple[Path, str], list[tuple[Unit, Any]]] = {}
_compile: Compile | None = None  # what stands in for compile_unit


def resources_of(symbol: str) -> Resources | None:
    """What ptxas said of a kernel that this process has loaded; None where it came in another way."""
    units = (unit for loaded in _modules.values() for unit, _ in loaded)
    return next((unit.resources[symbol] for unit in units if symbol in unit.resources), None)


@contextmanager
def compiled_by(compile: Compile) -> Iterator[None]:
    """Inside, every kernel is compiled afresh, by this function; afterwards it is as it was before."""
    global _compile
    kernels = [kernel for listed in _kernels_of.values() for kernel in listed]
    before = _compile, dict(_modules), [kernel._launchers for kernel in kernels]
    _compile = compile
    _modules.clear()
    for kernel in kernels:
        kernel._launchers = {}
    try:
        yield
    finally:
        _compile, modules, launchers = before
        _modules.clear()
        _modules.update(modules)
        for kernel, loaded in zip(kernels, launchers, strict=True):
            kernel._launchers = loaded


def _module(source: Path, scalar: str, expression: str, device: Device) -> tuple[Unit, Any]:
    """The loaded module that holds an instantiation: one for all stated ones of a file, one for each further one."""
    import pycuda.driver

    loaded = _modules.setdefault((source, scalar), [])
    for unit, module in loaded:
        if expression in unit.entries:
            return unit, module
    stated = {name for kernel in _kernels_of[source] for name in kernel.instantiations(scalar)}
    wanted = sorted(stated) if expression in stated else [expression]
    unit = (_compile or compile_unit)(source, wanted, device.compute_capability)
    loaded.append((unit, pycuda.driver.module_from_buffer(unit.fatbin)))
    return loaded[-1]


@contextmanager
def storages_known(vgpu: Any, args: Sequence[Any]) -> Iterator[None]:
    """Register each tensor's storage with its exact bounds for one launch; a storage that two share, once."""
    registered: list[int] = []
    try:
        for position, arg in enumerate(args, start=1):
            if hasattr(arg, "data_ptr"):
                storage = arg.untyped_storage()
                address, size = storage.data_ptr(), storage.nbytes()
                if size and address not in registered:
                    vgpu.register(address, size, describe(position, arg))
                    registered.append(address)
        yield
    finally:
        for address in registered:
            vgpu.unregister(address)


@contextmanager
def _on_torch_stream() -> Iterator[Any]:
    """PyCUDA's stream for a launch in torch's order: None, the default stream, where that is torch's current one.

    PyCUDA cannot wrap a stream that torch made. A launch for such a stream goes to a stream of PyCUDA's, between two
    events: it starts after torch's work so far, and torch's next work starts after it.
    """
    import torch

    stream = torch.cuda.current_stream()
    if stream.cuda_stream == 0:
        yield None
        return
    own = _own_stream(stream.device)
    own.external.wait_stream(stream)
    yield own.pycuda
    stream.wait_stream(own.external)


@dataclass(frozen=True, slots=True)
class _OwnStream:
    pycuda: Any
    external: torch.cuda.ExternalStream


_own_streams: dict[Any, _OwnStream] = {}


def _own_stream(device: torch.device) -> _OwnStream:
    if device not in _own_streams:
        import pycuda.driver
        import torch

        stream = pycuda.driver.Stream()
        _own_streams[device] = _OwnStream(stream, torch.cuda.ExternalStream(stream.handle, device))
    return _own_streams[device]


def _allow_shared(function: Any, size: int) -> None:
    import pycuda.driver

    function.set_attribute(pycuda.driver.function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES, size)
