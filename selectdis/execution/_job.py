"""What a worker is told to do, and where it leaves its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from selectdis._files import inside
from selectdis.data._reference import DataReference
from selectdis.spec import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate

__all__ = ["CohortJob"]


@dataclass(frozen=True)
class CohortJob:
    """Candidates to train together on one data set, how, and the study's folder for the files."""

    candidates: tuple[Candidate, ...]
    data: DataReference
    stage: str
    training: TrainingSpec
    evaluation: EvaluationSpec
    folder: str

    @property
    def on_the_way(self) -> tuple[int, ...]:
        """Steps before the last after which runs are scored too, ascending."""
        steps = self.training.steps
        return tuple(sorted({max(round(share * steps), 1) for share in self.evaluation.at} - {steps}))

    @property
    def checkpoint(self) -> Path:
        digest = hashlib.sha256(" ".join(candidate.id for candidate in self.candidates).encode()).hexdigest()[:16]
        return inside(self.folder, "checkpoints", self.data.slug, f"{digest}.safetensors")
