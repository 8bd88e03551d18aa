"""A whole campaign on a toy kernel: each fate, the journal, the tree that stays as it is."""

import json
from pathlib import Path

import pytest
import torch

from harness.device import current
from harness.errors import FuseproofError
from harness.mutation import command, trial
from harness.mutation.campaign import Campaign, FileScore, possible_mutants
from harness.mutation.explained import read_explained
from harness.mutation.outcome import Outcome
from harness.selection import Selection
from reports.mutation import json as json_report
from reports.mutation import markdown
from tests.devices import vgpu_or_skip
from tests.mutation.sources import kernel, mutants

KERNEL = """\
__device__ float unused(float v) { return v * 7.0f; }

__global__ void ramp(float* out, const float* x, int count)
{
    const int step = blockDim.x;
    for (int at = threadIdx.x; at < count; at += step) {
        *(out + at) = x[at] * 3.0f;
    }
}
"""

PROJECT = Path(__file__).parents[2]
FEW = ("arithmetic", "dropped-operand", "loop")

SUITE = """
import torch

from harness.kernel import Kernel
from harness.suite import suite
from harness.sweep import Sweep

_ramp = Kernel("ramp.cu", "ramp")


def fused(x):
    out = torch.empty_like(x)
    _ramp(out, x, x.numel(), grid=1, block=32)
    return out


def reference(x):
    return x * 3.0


@suite(fused=fused, reference=reference, launches=1, sweep=Sweep(count=({counts}), dtype="fp32"))
def ramp(case):
    return case.randn(case.count)
"""


@pytest.fixture(scope="module")
def device():
    return vgpu_or_skip("mutants run on the vgpu")


@pytest.fixture(scope="module")
def one_thread():
    """torch as a campaign wants it, and afterwards as it was."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def project(tmp_path_factory, device, one_thread):
    """`project(name, counts)`: a folder with a kernel, and a suite of these sizes."""

    def make(name: str, *counts: int) -> Path:
        folder = tmp_path_factory.mktemp(name)
        (folder / "ramp.cu").write_text(KERNEL)
        (folder / "test_ramp.py").write_text(SUITE.format(counts=", ".join(map(str, counts)) + ","))
        return folder

    return make


def run(folder: Path, **options):
    from rich.console import Console

    patched = pytest.MonkeyPatch()
    patched.setattr(trial, "CPU_GRACE", 1)
    patched.setattr(command, "use_threads", lambda count: None)
    try:
        chosen = command.Options(Selection(), out=folder / "out", **options)
        return command.mutate([str(folder / "test_ramp.py")], current().label, chosen, Console(quiet=True))
    finally:
        patched.undo()


@pytest.fixture(scope="module")
def strong(project):
    """Mutants of the toy kernel, on a size below a block and one beyond."""
    folder = project("strong", 20, 77)
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return folder, before, run(folder, operators=FEW)


def fates(campaign) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for mutant, outcome in zip(campaign.mutants, campaign.outcomes, strict=True):
        found.setdefault(outcome.fate, set()).add(mutant.description)
    return found


def test_each_fate_is_found(strong):
    found = fates(strong[2])
    assert "* → / in x[at] * 3.0f" in found["killed"]
    assert "without * 7.0f" in found["equivalent"]  # of a function that no kernel calls
    assert "without out +" in found["does not compile"]
    assert found["timed out"] == {"+= → = in at += step"}  # a loop that never ends


def test_a_strong_suite_kills_all(strong):
    assert strong[2].survivors == []
    assert strong[2].total.score == 1.0


def test_the_dead_say_which_case_and_which_guard(strong):
    dead = [outcome for outcome in strong[2].outcomes if outcome.fate == "killed"]
    assert {outcome.case for outcome in dead} <= {"ramp[fp32-count20]", "ramp[fp32-count77]"}
    assert {"largest error", "NaN and infinities"} <= {outcome.guard for outcome in dead}


def test_nothing_in_the_tree_has_changed(strong):
    folder, before, _ = strong
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_resumed_campaign_runs_what_is_missing_and_answers_the_same(strong, monkeypatch):
    folder, _, first = strong
    journal = folder / "out" / command.JOURNAL
    whole = journal.read_text()
    journal.write_text("".join(whole.splitlines(keepends=True)[:-2]))
    again = run(folder, resume=True, operators=FEW)
    assert [outcome.fate for outcome in again.outcomes] == [outcome.fate for outcome in first.outcomes]
    assert len(journal.read_text().splitlines()) == len(whole.splitlines())


def test_a_weak_suite_lets_mutants_survive_and_they_are_listed_with_their_diff(project):
    campaign = run(project("weak", 32), files=("ramp.cu",), operators=("loop",))
    found = fates(campaign)
    assert "at += step → steps twice as long" in found["survived"]  # one turn of the loop is all there is
    assert campaign.total.score < 0.99
    text = markdown.render(campaign)
    assert "-    for (int at = threadIdx.x; at < count; at += step) {" in text
    assert "+    for (int at = threadIdx.x; at < count; at += 2 * (step)) {" in text
    rows = json.loads(json_report.render(campaign))
    assert {row["fate"] for row in rows["mutants"]} >= {"killed", "survived"}


def test_a_suite_that_fails_by_itself_is_refused(project):
    folder = project("failing", 20)
    suite = (folder / "test_ramp.py").read_text()
    (folder / "test_ramp.py").write_text(suite.replace("x * 3.0", "x * 4.0"))
    with pytest.raises(FuseproofError, match="fails without any mutation"):
        run(folder)


def test_a_file_that_no_kernel_includes_is_refused(project):
    with pytest.raises(FuseproofError, match=r"no kernel of these suites is in other\.cu: their files are ramp\.cu"):
        run(project("files", 20), files=("other.cu",))


def test_a_score_counts_neither_equivalents_nor_what_does_not_compile():
    score = FileScore("a.cu", {"killed": 2, "timed out": 1, "survived": 1, "equivalent": 5, "does not compile": 9})
    assert score.score == 0.75
    assert FileScore("a.cu", {"equivalent": 3}).score is None


def test_a_survivor_that_the_table_explains_counts_neither_way(tmp_path):
    (mutant,) = mutants(tmp_path, kernel("n = threadIdx.x;"), "component")
    survived = Outcome(mutant.id, "survived", cases_run=3)
    campaign = Campaign(("s",), "vgpu:T4", 0, 3, 1, (mutant,), (survived,), {mutant.id: "n is never read"})
    assert campaign.survivors == []
    assert campaign.total.score is None
    assert f"| `{mutant.id}` | 3 | n is never read |" in markdown.render(campaign)


def test_an_explanation_without_a_reason_is_refused(tmp_path):
    (tmp_path / "e.csv").write_text("mutant,reason\na.cu:constant:1,\n")
    with pytest.raises(FuseproofError, match=r"e\.csv:2"):
        read_explained(tmp_path / "e.csv")


def test_an_operator_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(FuseproofError, match="no operator is called nonsense: there are arithmetic, barrier"):
        possible_mutants([], ["nonsense"])


def test_every_explained_mutant_exists(monkeypatch):
    monkeypatch.chdir(PROJECT)  # ids hold the path within the project
    explained = read_explained(PROJECT / "suites" / "explained_mutants.csv")
    files = [path for suffix in ("cu", "cuh") for path in (PROJECT / "kernels").rglob(f"*.{suffix}")]
    assert set(explained) <= {mutant.id for mutant in possible_mutants(files)}
