"""What an identifier means at one place of a module: registers, variables, functions, special registers, labels.

A scope is a `{ }`. A name that is already in use in the function gets a suffix that PTX cannot spell (`t#2`), so
that everything is unique by name within a function. Labels may be used before they stand, so they are looked up
when the function has ended.
"""

from __future__ import annotations

from harness.vgpu.ptx.program import Operand, Sink, Special

_VECTORS = ("tid", "ntid", "ctaid", "nctaid", "clusterid", "nclusterid", "cluster_ctaid", "cluster_nctaid")
_SCALARS = (
    *("laneid", "warpid", "nwarpid", "smid", "nsmid", "gridid", "is_explicit_cluster"),
    *("cluster_ctarank", "cluster_nctarank"),
    *(f"lanemask_{relation}" for relation in ("eq", "le", "lt", "ge", "gt")),
    *("clock", "clock_hi", "clock64", "globaltimer", "globaltimer_lo", "globaltimer_hi"),
    *(f"pm{index}" for index in range(8)),
    *(f"pm{index}_64" for index in range(8)),
    *(f"envreg{index}" for index in range(32)),
    *(f"reserved_smem_offset_{which}" for which in ("begin", "end", "cap", "0", "1")),
    *("total_smem_size", "aggr_smem_size", "dynamic_smem_size", "current_graph_exec"),
)

SPECIALS = frozenset(
    [f"%{name}" for name in (*_SCALARS, *_VECTORS)] + [f"%{name}.{axis}" for name in _VECTORS for axis in "xyzw"]
)
"""Special registers (PTX ISA, section 10)."""


class Names:
    """Meanings of identifiers where the parser stands, with scopes that nest."""

    __slots__ = ("_hidden", "_labels", "_parents", "_scope", "_used", "meanings")

    def __init__(self) -> None:
        self.meanings: dict[str, Operand] = {"_": Sink(), **{name: Special(name) for name in SPECIALS}}
        self._hidden: list[dict[str, Operand | None]] = []  # for each open scope: what its names meant before
        self._used: dict[str, int] = {}  # how often the function declared a name
        self._labels: dict[tuple[int, str], str] = {}
        self._parents: dict[int, int] = {}
        self._scope = 0

    @property
    def depth(self) -> int:
        """How many scopes are open."""
        return len(self._hidden)

    @property
    def scope(self) -> int:
        """The innermost open scope; labels are resolved from here."""
        return self._scope

    def open(self) -> None:
        """Enter a scope."""
        if not self._hidden:
            self._used, self._labels, self._parents, self._scope = {}, {}, {}, 0
        scope = len(self._parents) + 1
        self._parents[scope] = self._scope
        self._scope = scope
        self._hidden.append({})

    def close(self) -> None:
        """Leave the innermost scope; its names mean what they meant before."""
        self._scope = self._parents[self._scope]
        for name, before in self._hidden.pop().items():
            if before is None:
                del self.meanings[name]
            else:
                self.meanings[name] = before

    def is_declared_here(self, name: str) -> bool:
        """Whether the innermost scope itself declares `name`."""
        return name in self._hidden[-1] if self._hidden else name in self.meanings

    def unique(self, name: str) -> str:
        """`name`, or a variation that nothing else in the function is called."""
        count = self._used[name] = self._used.get(name, 0) + 1
        return name if count == 1 and name not in self.meanings else f"{name}#{count}"

    def declare(self, name: str, meaning: Operand) -> None:
        """Let `name` mean something from here to the end of the innermost scope."""
        if self._hidden:
            self._hidden[-1].setdefault(name, self.meanings.get(name))
        self.meanings[name] = meaning

    def declare_label(self, name: str) -> str | None:
        """The unique name of a label of the innermost scope; None if the scope has it already."""
        key = (self._scope, name)
        if key in self._labels:
            return None
        taken = self._used.get(f":{name}", 0) + 1  # labels have names of their own
        self._used[f":{name}"] = taken
        return self._labels.setdefault(key, name if taken == 1 else f"{name}#{taken}")

    def label(self, name: str, scope: int) -> str | None:
        """The unique name of the label that `name` means in `scope`; None if there is no such label."""
        while scope:
            if (scope, name) in self._labels:
                return self._labels[scope, name]
            scope = self._parents[scope]
        return None
