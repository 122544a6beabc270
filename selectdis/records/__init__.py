"""What a record is: its columns, its status, the directions of its scores, and its labels in words."""

from selectdis.records._columns import (
    CANDIDATE,
    CONFIGURATION,
    CRITERION,
    DATASET,
    EARLIER,
    FAMILY,
    JUDGING,
    METRIC,
    OBJECTIVE,
    PART,
    SAMPLED,
    SCORES_VERSION,
    SEED,
    STATUS,
    STRENGTH,
    criterion_names,
    families,
    is_score,
    metric_names,
    need,
    score_columns,
    score_name,
    strength_columns,
    without_labels,
)  # fmt: skip
from selectdis.records._directions import direction, has_direction
from selectdis.records._labels import (
    configuration_labels,
    number,
    objective_label,
    run_label,
    score_label,
    strength_label,
    with_settings,
)  # fmt: skip
from selectdis.records._record import (
    Record,
    active_latents,
    as_frame,
    checked_pool,
    checked_record,
    is_candidate_id,
    json_ready,
)
from selectdis.records._status import is_finished, is_settled, pickable
from selectdis.records._tables import (
    check_records,
    copied_datasets,
    each_run_once,
    labelled,
    labelled_datasets,
    read_records,
)
from selectdis.records._versions import frame_of_one_version, of_one_version, scores_version

__all__ = [
    "CANDIDATE", "CONFIGURATION", "CRITERION", "DATASET", "EARLIER", "FAMILY", "JUDGING", "METRIC", "OBJECTIVE", "PART",
    "SAMPLED", "SCORES_VERSION", "SEED", "STATUS", "STRENGTH", "Record", "active_latents", "as_frame", "check_records",
    "checked_pool", "checked_record", "configuration_labels", "copied_datasets", "criterion_names", "direction",
    "each_run_once", "families", "frame_of_one_version", "has_direction", "is_candidate_id", "is_finished", "is_score",
    "is_settled", "json_ready", "labelled", "labelled_datasets", "metric_names", "need", "number", "objective_label",
    "of_one_version", "pickable", "read_records", "run_label", "score_columns", "score_label", "score_name",
    "scores_version", "strength_columns", "strength_label", "with_settings", "without_labels",
]  # fmt: skip
