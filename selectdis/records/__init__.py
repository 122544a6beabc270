"""What a record is: its columns, its status, the directions of its scores, and its labels in words."""

from selectdis.records._directions import direction
from selectdis.records._record import Record, as_frame, final, is_candidate_id, plain
from selectdis.records._tables import (
    criterion_names,
    each_run_once,
    labelled,
    labelled_datasets,
    metric_names,
    need,
    pickable,
    read_records,
)

__all__ = [
    "Record",
    "as_frame",
    "criterion_names",
    "direction",
    "each_run_once",
    "final",
    "is_candidate_id",
    "labelled",
    "labelled_datasets",
    "metric_names",
    "need",
    "pickable",
    "plain",
    "read_records",
]
