"""A mutation campaign as JSON, for programs. In: a `Campaign`. Out: a file with every mutant and its outcome."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from harness.mutation.campaign import Campaign, FileScore


def write(campaign: Campaign, folder: Path) -> Path:
    """mutation.json in that folder."""
    path = folder / "mutation.json"
    path.write_text(render(campaign))
    return path


def render(campaign: Campaign) -> str:
    """suites, device, seed, counts and score by file, mutants with their outcomes."""
    document = {
        "suites": campaign.suites,
        "device": campaign.device,
        "seed": campaign.seed,
        "cases": campaign.cases,
        "possible": campaign.possible,
        "files": [_score(file) for file in campaign.files],
        "total": _score(campaign.total),
        "guards": dict(campaign.guards),
        "mutants": [
            {
                "id": mutant.id,
                "file": mutant.file,
                "line": mutant.line,
                "operator": mutant.operator,
                "description": mutant.description,
                **{name: value for name, value in asdict(outcome).items() if name not in ("mutant", "cpu_seconds")},
                "diff": mutant.diff,
            }
            for mutant, outcome in zip(campaign.mutants, campaign.outcomes, strict=True)
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _score(file: FileScore) -> dict[str, object]:
    counts = {str(fate): count for fate, count in file.counts.items()}
    return {"file": file.file, "mutants": file.mutants, "score": file.score, **counts}
