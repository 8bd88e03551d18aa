"""The hosts that drive the vgpu: what one thread pays for an operator, a launch, a synchronisation.

In: a name. Out: a `Host`, read by the clock and by the model of torch's operators.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.vgpu import datasheet

DEFAULT = "server"
FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Host:
    """One host thread with its software. Figures are nanoseconds unless they say otherwise."""

    name: str
    full_name: str
    torch_operator_ns: int  # an eager operator that launches: Python, dispatcher, output allocation; no driver call
    torch_view_ns: int  # an operator that makes a view or reads metadata
    torch_allocation_ns: int  # torch.empty and the like: Python, dispatcher, caching allocator
    torch_extension_ns: int  # a call from Python into a C++ extension that launches kernels by itself
    python_ns: dict[str, int]  # Python work before a driver call, by call ("cuLaunchKernel" is PyCUDA's)
    call_ns: dict[str, int]  # the driver or runtime call itself; "default" for those not named
    synchronize_ns: int  # from the end of the work to the return of the waiting call
    pageable_bandwidth: float  # bytes/s through the driver's page-locked staging buffers, one direction

    def torch_ns(self, cost: str) -> int:
        """Nanoseconds of a torch "operator", "view", "allocation" or "extension", without its driver calls."""
        return {
            "operator": self.torch_operator_ns,
            "view": self.torch_view_ns,
            "allocation": self.torch_allocation_ns,
            "extension": self.torch_extension_ns,
        }[cost]

    def python(self, call: str) -> int:
        """Nanoseconds of Python before `call`."""
        return self.python_ns.get(call, 0)

    def call(self, call: str) -> int:
        """Nanoseconds that `call` itself takes."""
        return self.call_ns.get(call, self.call_ns["default"])


def names() -> tuple[str, ...]:
    """Names of the hosts that have a data file."""
    return datasheet.names(FOLDER)


def load(name: str = DEFAULT) -> Host:
    """The host of that name; FuseproofError lists the known ones."""
    return datasheet.load(FOLDER, name, Host)
