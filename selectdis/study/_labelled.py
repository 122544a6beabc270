"""Labels of a study's target: every table that was read, and which of them the pick goes by."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selectdis._files import atomic_write, inside, open_file, own_file
from selectdis.data._label_table import Labels, labels_text, read_labels
from selectdis.errors import whole_number
from selectdis.records import CRITERION, is_candidate_id, need, pickable
from selectdis.scoring._ranked_codes import rank_codes
from selectdis.selection._run_choosers import RunScores

if TYPE_CHECKING:
    from selectdis.study._stage import Stage

__all__ = [
    *("COLUMNS", "ByLabels", "LabelRanking", "free_sheet", "keep_labels", "keep_ranking", "kept_labels"),
    *("kept_ranking", "rank_runs", "take_back"),
]

FOLDER, CURRENT = "labels", "pick.json"
LARGEST_FILE = 10_000_000  # bytes
PARTS = ("score", "error", "p_best")
NAME = "latent_share"
# Columns of a labelled transfer's records: what runs are chosen by stands where every view looks for that.
COLUMNS = (f"{CRITERION}{NAME}", "labels.error", "labels.p_best")


@dataclass(frozen=True)
class ByLabels:
    """Chooses the run with the best score by the labels that a user gave."""

    label: str = NAME
    target_columns: tuple[str, ...] = ()

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        def scores(target: pd.DataFrame) -> np.ndarray:
            need(target, COLUMNS[0])
            return target[COLUMNS[0]].to_numpy(dtype=float)

        return scores


@dataclass(frozen=True)
class LabelRanking:
    """What labels say of the runs of a target.

    Attributes
    ----------
    table : str
        Name of the file in the study's folder that holds the labels; empty where they are not kept.
    n_labels : int
        How many images have a label.
    runs : mapping of str to (score, error, p_best)
        Candidate -> its `latent_share`, the standard deviation of that over resamples of the images, and the share of
        these in which it is the best.
    """

    table: str
    n_labels: int
    runs: Mapping[str, tuple[float, float, float]]

    def columns(self, candidates: pd.Series) -> dict[str, pd.Series]:
        """Return the `COLUMNS` of `candidates`; NaN where nothing is known."""
        return {
            column: candidates.map({name: values[k] for name, values in self.runs.items()}).astype(float)
            for k, column in enumerate(COLUMNS)
        }


def rank_runs(stage: Stage, labels: Labels, table: str = "") -> LabelRanking:
    """Score all finished runs of `stage` whose files are there by `labels`.

    Raises
    ------
    SelectdisError
        On fewer than two such runs.
    """
    records, images = stage.records, stage.data.load().images_at(labels.images)
    finished = records.loc[pickable(records), "candidate"] if "status" in records else []
    runs = {candidate: run for candidate in finished if (run := stage.load_run(candidate)) is not None}
    codes = {candidate: run.transform(images) for candidate, run in runs.items()}
    ranked = rank_codes(codes, labels.values, ordered=labels.ordered).set_index("run")[list(PARTS)]
    return LabelRanking(
        table,
        len(images),
        {str(name): tuple(row) for name, row in zip(ranked.index, ranked.to_numpy().tolist(), strict=True)},
    )


# What is kept -------------------------------------------------------------------------------------------------------


def free_sheet(stage: Stage) -> Path:
    """Return where the next table to fill in goes: an empty file, which nobody else takes meanwhile."""
    for number in itertools.count(1):
        place = inside(stage.folder, FOLDER, stage.data.slug, f"sheet-{number}.csv")
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            place.touch(exist_ok=False)
            return place
    raise AssertionError


def keep_labels(stage: Stage, labels: Labels, content: bytes | None = None) -> Path:
    """Copy a table of labels into the study's folder, under a name that no other content has.

    `content` is the file as it was given; without it the table is written anew.
    """
    content = labels_text(labels).encode() if content is None else content
    digest = hashlib.sha256(content).hexdigest()[:12]
    name = f"read-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{digest}.csv"
    place = inside(stage.folder, FOLDER, stage.data.slug, name)
    for earlier in place.parent.glob(f"read-*-{digest}.csv"):
        return earlier
    with atomic_write(place) as temporary:
        temporary.write_bytes(content)
    return place


def keep_ranking(stage: Stage, ranking: LabelRanking) -> None:
    """Let the pick go by `ranking`, in every view, from now on; a kill leaves the earlier one or this one."""
    said = {"version": 1, "table": ranking.table, "n_labels": ranking.n_labels, "runs": ranking.runs}
    with atomic_write(inside(stage.folder, FOLDER, stage.data.slug, CURRENT)) as temporary:
        temporary.write_text(json.dumps(said, indent=1))


def take_back(stage: Stage) -> bool:
    """Let the pick go without labels again; the tables stay. Returns whether it went by any."""
    place = own_file(stage.folder, FOLDER, stage.data.slug, CURRENT)
    there = place.exists()
    place.unlink(missing_ok=True)
    return there


def kept_ranking(stage: Stage) -> LabelRanking | None:
    """Return what the pick goes by; None where it goes without labels, or what is kept is damaged, which is said."""
    place = own_file(stage.folder, FOLDER, stage.data.slug, CURRENT)
    if not place.exists():
        return None
    try:
        with open_file(place) as file:
            return _checked(json.loads(file.read(LARGEST_FILE)))
    except (ValueError, TypeError, KeyError, AttributeError):
        warnings.warn(
            f"{place} is damaged, so that the pick on {stage.data.name} goes without labels: `selectdis label --read` "
            f"with the last table in {place.parent} makes it again",
            stacklevel=3,
        )
        return None


def kept_labels(stage: Stage, ranking: LabelRanking) -> Labels:
    """Return the labels that `ranking` was made of."""
    return read_labels(own_file(stage.folder, FOLDER, stage.data.slug, ranking.table), len(stage.data.load()))


def _checked(said: Any) -> LabelRanking:
    """Read what is kept; a folder may come from anybody."""
    runs = {str(name): tuple(float(value) for value in values) for name, values in said["runs"].items()}
    table = said["table"]
    if said["version"] != 1 or not isinstance(table, str) or Path(table).name != table:
        raise ValueError("of another version")
    if not all(
        is_candidate_id(name) and len(v) == len(PARTS) and all(map(math.isfinite, v)) for name, v in runs.items()
    ):
        raise ValueError("no scores")
    return LabelRanking(table, whole_number("n_labels", said["n_labels"], 1), runs)  # type: ignore[arg-type]
