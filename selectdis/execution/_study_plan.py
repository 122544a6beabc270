"""From candidates to the jobs that train them: first the cohorts that a checkpoint waits for, then new ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob
from selectdis.execution._plan import plan_cohorts
from selectdis.training import Candidate
from selectdis.training._runtime import place_of

__all__ = ["device_here", "jobs_of"]


def jobs_of(candidates: Iterable[Candidate], template: CohortJob, *, n_jobs: int) -> list[CohortJob]:
    """Cohorts of candidates that can train as one program, as large as pays on this device.

    A cohort that an earlier driver left half-trained is made again as it was, so that its checkpoint fits.

    Parameters
    ----------
    template : CohortJob
        What the jobs have in common.
    n_jobs : int
        Cohorts that run at the same time, so that each process gets work.
    """
    left = {candidate.id: candidate for candidate in candidates}
    jobs = []
    for ids in _interrupted(template):
        if all(candidate in left for candidate in ids):
            jobs.append(replace(template, candidates=tuple(left.pop(candidate) for candidate in ids)))
    if left:
        rest = list(left.values())
        shape = template.data.load().image_shape
        for cohort in plan_cohorts(rest, shape, device=device_here(template.training.device), jobs=n_jobs):
            jobs.append(replace(template, candidates=tuple(rest[i] for i in cohort)))
    return jobs


def device_here(device: str) -> str:
    """The device that cohorts are planned for: "cpu" where only the workers of a scheduler have `device`."""
    try:
        place_of(device, "float32")
    except SelectdisError:
        return "cpu"
    return device


def _interrupted(template: CohortJob) -> Iterator[list[str]]:
    """Ids of the candidates of each cohort that has a checkpoint."""
    for path in sorted(template.checkpoint.parent.glob("*.json")):
        ids = _read(path)
        if ids and len(set(ids)) == len(ids) and any(path.parent.glob(f"{path.stem}*.safetensors")):
            yield ids


def _read(path: Path) -> list[str]:
    try:
        ids = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # torn: the cohort starts anew
        return []
    return ids if isinstance(ids, list) and all(isinstance(i, str) for i in ids) else []
