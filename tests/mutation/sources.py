"""Small CUDA sources as tests mutate them."""

from pathlib import Path

from harness.mutation.mutant import Mutant, mutants_of
from harness.mutation.parsing import parse


def kernel(body: str) -> str:
    """A kernel with these statements."""
    return f"__global__ void k(float* out, const float* x, int n)\n{{\n{body}\n}}\n"


def mutants(folder: Path, content: str, operator: str = "") -> list[Mutant]:
    """The mutants of a file a.cu with this content, of one operator or of all."""
    path = folder / "a.cu"
    path.write_text(content)
    return [mutant for mutant in mutants_of([parse(path)]) if operator in ("", mutant.operator)]


def changed_lines(mutant: Mutant) -> list[str]:
    """The lines that the diff puts in, stripped."""
    lines = mutant.diff.splitlines()
    return [line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++")]
