"""The study file: its model, its one reader, its checks, and the presets."""

from selectdis.spec._model import (
    DataSpec,
    EvaluationSpec,
    Range,
    RuleSpec,
    SearchSpec,
    SeedsSpec,
    StudySpec,
    TrainingSpec,
    check_spec,
    parse_spec,
    read_spec,
)

__all__ = [
    "DataSpec",
    "EvaluationSpec",
    "Range",
    "RuleSpec",
    "SearchSpec",
    "SeedsSpec",
    "StudySpec",
    "TrainingSpec",
    "check_spec",
    "parse_spec",
    "read_spec",
]
