"""The transfer table of Locatello et al. 2019 (section 5.6), on any records."""

from __future__ import annotations

import numpy as np
import pandas as pd

from selectdis.records import CONFIGURATION, DATASET, SEED, labelled, need
from selectdis.selection._intervals import probability_interval
from selectdis.selection._scores import WIN_RATE, beats, run_scores, score_metrics

__all__ = ["transfer_table"]

_CELLS = [("same", "same"), ("same", "different"), ("different", "same"), ("different", "different")]


def transfer_table(records: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return the probability that a configuration chosen by one metric on one data set beats a random run elsewhere.

    The protocol: draw a metric m, a data set d and one of its seeds s; take the best run of seed s, and go on with its
    configuration alone. Draw another metric or the same, another data set or the same. The probability that a run of
    this configuration with a seed other than s beats a random other run of the destination with a seed other than s,
    ties counting one half. The paper draws 10,000 times; here the mean over all draws is taken exactly. Metrics are
    the six of the paper where they are there, and otherwise all on mean codes.

    Parameters
    ----------
    records
        One row per run; without the column ``seed``, runs of a configuration are numbered.
    level
        Of the intervals.

    Returns
    -------
    DataFrame
        One row per cell: ``metric`` and ``data_set`` ("same" or "different"), ``p_beats_random`` in [0, 1] (0.5: no
        better than random), ``p_low``, ``p_high`` (`probability_interval` over source data sets), ``datasets``. NaN
        where a cell needs a second metric, data set or seed that is not there.
    """
    need(records, DATASET, CONFIGURATION)
    known = labelled(records)
    if SEED not in known:
        known = known.assign(seed=known.groupby([DATASET, CONFIGURATION], observed=True).cumcount())
    scores = np.stack([run_scores(known, name) for name in score_metrics(known, WIN_RATE)], axis=1)
    values = _by_source(known, scores)  # (source data set, source metric, data set, metric)
    return pd.DataFrame([_cell(values, metric, data, level) for metric, data in _CELLS])


def _cell(values: np.ndarray, metric: str, data: str, level: float) -> dict:
    n_datasets, n_metrics = values.shape[:2]
    same_data = np.eye(n_datasets, dtype=bool)[:, None, :, None] == (data == "same")
    same_metric = np.eye(n_metrics, dtype=bool)[None, :, None, :] == (metric == "same")
    inside = np.where(same_data & same_metric, values, np.nan)
    known = np.isfinite(inside).sum(axis=(1, 2, 3))
    per_source = np.nansum(inside, axis=(1, 2, 3))[known > 0] / known[known > 0]
    low, high = probability_interval(per_source, level=level) if len(per_source) else (np.nan, np.nan)
    middle = float(per_source.mean()) if len(per_source) else np.nan
    cell = {"metric": metric, "data_set": data, "p_beats_random": middle, "p_low": low, "p_high": high}
    return {**cell, "datasets": len(per_source)}


def _by_source(records: pd.DataFrame, scores: np.ndarray) -> np.ndarray:
    """Return the mean over source seeds of P(beats random), (data set, metric) of choice x of judgement."""
    datasets, names = pd.factorize(records[DATASET])
    configurations, kinds = pd.factorize(records[CONFIGURATION])
    seeds = records[SEED].to_numpy()
    shape = (len(names), scores.shape[1])
    total, count = np.zeros(shape + shape), np.zeros(shape + shape)
    for seed in np.unique(seeds):
        worth = _configuration_worths(datasets, configurations, scores, seeds != seed, len(names), len(kinds))
        for source in range(len(names)):
            rows = np.flatnonzero((datasets == source) & (seeds == seed))
            if len(rows):
                found = _chosen(configurations[rows], scores[rows], worth)  # (source metric, data set, metric)
                total[source] += np.where(np.isnan(found), 0.0, found)
                count[source] += ~np.isnan(found)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _configuration_worths(
    datasets: np.ndarray,
    configurations: np.ndarray,
    scores: np.ndarray,
    rows: np.ndarray,
    n_datasets: int,
    n_kinds: int,
) -> np.ndarray:
    """Return (data set, configuration, metric): the mean over a configuration's `rows` of P(beats another of them)."""
    worth = np.full((n_datasets, n_kinds, scores.shape[1]), np.nan)
    for dataset in range(n_datasets):
        here = np.flatnonzero(rows & (datasets == dataset))
        shares = beats(scores[here])
        for metric in range(scores.shape[1]):
            known = np.isfinite(shares[:, metric])
            kinds = configurations[here][known]
            sums, counts = np.bincount(kinds, shares[known, metric], n_kinds), np.bincount(kinds, minlength=n_kinds)
            worth[dataset, counts > 0, metric] = sums[counts > 0] / counts[counts > 0]
    return worth


def _chosen(configurations: np.ndarray, scores: np.ndarray, worth: np.ndarray) -> np.ndarray:
    """Return (source metric, data set, metric): what the best run's configuration is worth, the mean over ties."""
    found = np.full((scores.shape[1], worth.shape[0], worth.shape[2]), np.nan)
    for metric in range(scores.shape[1]):
        column = scores[:, metric]
        if np.isfinite(column).any():
            inside = worth[:, configurations[column == np.nanmax(column)]]
            known = np.isfinite(inside).sum(axis=1)
            found[metric] = np.where(known > 0, np.nansum(inside, axis=1) / np.maximum(known, 1), np.nan)
    return found
