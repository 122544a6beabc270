"""The study file: its model, its one reader, its checks, and the presets."""

from selectdis.spec._checks import check_rule
from selectdis.spec._evidence import EVIDENCE, default_part, evidence_study
from selectdis.spec._kept import KEPT, check_keepable, forgotten_overrides, keep_spec
from selectdis.spec._model import (
    ConstraintSpec,
    DataSpec,
    EvaluationSpec,
    Range,
    RuleSpec,
    SearchSpec,
    SeedsSpec,
    StudySpec,
    TrainingSpec,
)
from selectdis.spec._presets import PRESETS
from selectdis.spec._reader import check_spec, parse_spec, read_spec
from selectdis.spec._ready import ready_studies, ready_study

__all__ = [
    "EVIDENCE",
    "KEPT",
    "PRESETS",
    "ConstraintSpec",
    "DataSpec",
    "EvaluationSpec",
    "Range",
    "RuleSpec",
    "SearchSpec",
    "SeedsSpec",
    "StudySpec",
    "TrainingSpec",
    "check_keepable",
    "check_rule",
    "check_spec",
    "default_part",
    "evidence_study",
    "forgotten_overrides",
    "keep_spec",
    "parse_spec",
    "read_spec",
    "ready_studies",
    "ready_study",
]
