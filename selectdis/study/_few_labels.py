"""What a user does with labels of a target: draw images, read the table back, take the pick back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from selectdis._files import open_file
from selectdis.data import ImageDataset
from selectdis.data._label_sheet import write_label_sheet
from selectdis.data._label_table import Labels, labels_of_frame, parse_factors, read_labels
from selectdis.errors import SelectdisError
from selectdis.study._labelled import (
    free_sheet,
    keep_labels,
    keep_ranking,
    kept_labels,
    kept_ranking,
    rank_runs,
    take_back,
)

if TYPE_CHECKING:
    from selectdis.study._stage import Stage
    from selectdis.study._transfer import Transfer

__all__ = ["keep_or_take_back", "labelled_again", "new_sheet", "write_sheet"]


def write_sheet(stage: Stage, factors: Sequence[str], n: int, seed: int) -> list[Path]:
    """Write the next sheet of a target: what is labelled already stands in it, so that nothing is asked twice."""
    ranking = kept_ranking(stage)
    known = None if ranking is None else kept_labels(stage, ranking)
    return new_sheet(lambda: free_sheet(stage), stage.data.load(), factors, n, seed, known)


def new_sheet(
    place: Callable[[], Path],
    data: ImageDataset,
    factors: Sequence[str],
    n: int,
    seed: int,
    known: Labels | None = None,
) -> list[Path]:
    """Write a table to fill in, and pictures, for `n` images drawn at random beside those that are `known`.

    Without `factors`, those of the known labels. `place` gives the table's, once nothing can be wrong any more.
    """
    parsed = known.factors if known is not None and not factors else parse_factors(factors)
    labelled = np.array([], dtype=np.int64) if known is None else known.images
    order = data.sample_indices(min(n + len(labelled), len(data)), np.random.default_rng(seed))
    drawn = np.sort(order[~np.isin(order, labelled)][:n])
    if not len(drawn):
        raise SelectdisError(f"all {len(data):,} images have labels already")
    return write_label_sheet(place(), data, np.concatenate([labelled, drawn]), parsed, known)


def keep_or_take_back(transfer: Transfer, labels: pd.DataFrame | Path | str | None) -> Transfer:
    """Keep the labels, then the ranking by them; with None take the kept ranking back.

    The labels come first: whatever happens later, they are there.
    """
    stage = transfer.stage
    if labels is None:
        take_back(stage)
        return transfer
    size = len(stage.data.load())
    if isinstance(labels, pd.DataFrame):
        given, content = labels_of_frame(labels, size), None
    else:
        given = read_labels(Path(labels), size)
        with open_file(Path(labels)) as file:
            content = file.read()
    table = keep_labels(stage, given, content)
    ranking = rank_runs(stage, given, table.name)
    keep_ranking(stage, ranking)
    return transfer.by_ranking(ranking)


def labelled_again(transfer: Transfer) -> Transfer:
    """Return a transfer by the labels that its target has, with the runs scored that came after them."""
    ranking = kept_ranking(transfer.stage)
    if ranking is None:
        return transfer
    try:
        ranking = rank_runs(transfer.stage, kept_labels(transfer.stage, ranking), ranking.table)
    except (SelectdisError, OSError) as error:
        warnings.warn(f"the labels of {transfer.target} cannot be read again ({error})", stacklevel=3)
        return transfer.as_kept()
    keep_ranking(transfer.stage, ranking)
    return transfer.by_ranking(ranking)
