"""How much of a score's variance objective, strength and seed explain."""

from __future__ import annotations

import numpy as np
import pandas as pd

from selectdis.records import CONFIGURATION, DATASET, METRIC, OBJECTIVE, labelled, metric_names, need, strength_columns
from selectdis.selection._intervals import group_resamples
from selectdis.selection._scores import WIN_RATE, current_score_name, run_scores

__all__ = ["SOURCES", "variance_explained"]


def variance_explained(
    records: pd.DataFrame,
    scores: list[str] | None = None,
    *,
    n_bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return R^2 of one-way ANOVAs of a score on objective, on objective and strength, and on the whole configuration.

    As in Locatello et al. 2019, section 5.4: R^2 = sum of squares between groups / total sum of squares, within a data
    set. What the configuration leaves is the seed's. Group sizes may differ.

    Parameters
    ----------
    records
        One row per run; needs ``objective``; strengths are the ``strength.*`` columns, or else ``strength``.
    scores
        Metrics, and ``"win_rate"``; default: the win rate and every metric.
    n_bootstrap, level, seed
        Intervals: R^2 +- z times its standard deviation when runs are resampled within configurations (centred on the
        estimate: resampling within groups shrinks their spread and would push R^2 up).

    Returns
    -------
    DataFrame
        One row per data set, score and source (``objective``, ``objective + strength``, ``configuration``, ``seed``):
        ``share`` in [0, 1] with ``low`` and ``high``; ``adjusted`` for the number of groups, with ``adjusted_low`` and
        ``adjusted_high``, which with few seeds is the better estimate, since k groups in n runs explain
        (k - 1) / (n - 1) by chance; ``groups`` and ``runs``.
    """
    need(records, OBJECTIVE, CONFIGURATION, DATASET)
    known = labelled(records)
    scores = scores and [current_score_name(score) for score in scores]
    rng = np.random.default_rng(seed)
    rows: list[dict] = []
    for name, part in known.groupby(DATASET, sort=False, observed=True):
        there = metric_names(part)
        wanted = [WIN_RATE, *there] if scores is None else [s for s in scores if s == WIN_RATE or s in there]
        raw = {score: part[METRIC + score].to_numpy(dtype=float) for score in wanted if score != WIN_RATE}
        values = np.stack([raw[score] if score in raw else run_scores(part, score) for score in wanted], axis=1)
        for complete in _same_rows(values):  # scores known for the same runs go together: few passes, not one each
            keep = np.isfinite(values[:, complete[0]])
            if keep.sum() > 1:
                found = _dataset(part[keep], values[keep][:, complete], n_bootstrap, level, rng)
                rows += [{"dataset": name, "score": wanted[complete[row.pop("column")]], **row} for row in found]
    order = {source: k for k, source in enumerate(SOURCES)}
    table = pd.DataFrame(
        rows, columns=["dataset", "score", "source", "share", "low", "high", *_ADJUSTED, "groups", "runs"]
    )
    return table.sort_values(["dataset", "score", "source"], key=lambda c: c.map(order) if c.name == "source" else c)


_ADJUSTED = ("adjusted", "adjusted_low", "adjusted_high")
SOURCES = ("objective", "objective + strength", "configuration", "seed")


def _same_rows(values: np.ndarray) -> list[list[int]]:
    patterns: dict[bytes, list[int]] = {}
    for column in range(values.shape[1]):
        patterns.setdefault(np.isfinite(values[:, column]).tobytes(), []).append(column)
    return list(patterns.values())


def _dataset(
    records: pd.DataFrame, values: np.ndarray, n_bootstrap: int, level: float, rng: np.random.Generator
) -> list[dict]:
    from scipy.stats import norm

    groups = _groups(records)
    shares = {source: _r_squared(values, codes) for source, codes in groups.items()}
    draws = group_resamples(groups["configuration"], n_bootstrap, rng)
    z, n = norm.ppf(0.5 + level / 2), len(values)
    rows = []
    for source in SOURCES:
        group = "configuration" if source == "seed" else source
        codes, k = groups[group], len(np.unique(groups[group]))
        error = np.std([_r_squared(values[drawn], codes[drawn]) for drawn in draws], axis=0)
        for column in range(values.shape[1]):
            share = float(shares[group][column])
            adjusted = 1 - (1 - share) * (n - 1) / (n - k) if n > k else np.nan
            if source == "seed":
                share, adjusted = 1 - share, 1 - adjusted
            half = z * error[column]
            row = {"column": column, "source": source, "share": share, **_bounds("", share, half)}
            row |= {"adjusted": float(np.clip(adjusted, 0, 1)), "groups": k, "runs": n}
            rows.append({**row, **_bounds("adjusted_", adjusted, half * (n - 1) / (n - k) if n > k else np.nan)})
    return rows


def _bounds(prefix: str, share: float, half: float) -> dict[str, float]:
    ends = np.clip([share - half, share + half], 0.0, 1.0)
    return {f"{prefix}low": float(ends[0]), f"{prefix}high": float(ends[1])}


def _groups(records: pd.DataFrame) -> dict[str, np.ndarray]:
    strengths = strength_columns(records) or [column for column in ["strength"] if column in records]
    columns = [OBJECTIVE, *strengths]
    both = records[columns].groupby(columns, dropna=False, sort=False, observed=True).ngroup().to_numpy()
    return {
        "objective": pd.factorize(records[OBJECTIVE])[0],
        "objective + strength": both,
        "configuration": pd.factorize(records[CONFIGURATION])[0],
    }


def _r_squared(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(n_scores,) between-group over total sum of squares; 0 where the score does not vary."""
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(codes)))[:, None]
    centred = values[order] - values.mean(axis=0)
    total = (centred**2).sum(axis=0)
    between = (np.add.reduceat(centred, starts, axis=0) ** 2 / sizes).sum(axis=0)
    return np.divide(between, total, out=np.zeros_like(total), where=np.ptp(values, axis=0) > 0)
