"""How far a data set without labels is from each one of the evidence, and whether trust falls with that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import pandas as pd

from selectdis.data._statistics import STATISTICS
from selectdis.records import CONFIGURATION, DATASET, FAMILY, PART, pickable
from selectdis.selection._correlations import correlation_interval
from selectdis.selection._folds import Picker
from selectdis.selection.archive._by_proxies import published_evidence
from selectdis.selection.archive._table import evidence

__all__ = ["Distance", "distance_to", "published_statistics"]

PROFILE = ("reconstruction", "kl", "active_units")  # criteria, the first per number of an image
NAMED = 3  # nearest data sets that are named
FEWEST = 3  # data sets, below which no scale can be known
TRUSTED = 4  # below which nothing can be said of trust and distance


@dataclass(frozen=True)
class Distance:
    """How far a data set is from those of the evidence; ``str()`` says it.

    Attributes
    ----------
    nearest : pandas.Series
        Data set -> distance, ascending: root mean square of differences in standard deviations over the evidence.
    among : pandas.Series
        Data set of the evidence -> distance to the nearest one of another family: what was backtested.
    profiles : bool
        Whether it goes by how the same configurations trained as well, beside the images.
    correlation, low, high : float
        Spearman's, over the evidence, of that distance with P(the rule's pick beats a random run), and its 95%
        interval; NaN where too few are known.
    """

    nearest: pd.Series
    among: pd.Series
    profiles: bool
    correlation: float = np.nan
    low: float = np.nan
    high: float = np.nan

    @property
    def beyond(self) -> bool:
        """Whether it is farther than any data set was on which a rule has been tried."""
        return bool(self.nearest.iloc[0] > self.among.max())

    def __str__(self) -> str:
        named = ", ".join(f"{name} ({value:.2f})" for name, value in self.nearest.head(NAMED).items())
        trained = ", and by how the same settings trained" if self.profiles else ""
        place = "farther than any of them: nothing was tried so far away" if self.beyond else "within that"
        return (
            f"Distance: the nearest labelled data sets by spectrum, colours, edges and variety{trained}: {named}. Each "
            f"of the {len(self.among)} on which the rule was tried had its nearest of another family at "
            f"{self.among.min():.2f} to {self.among.max():.2f}; this one is {place}.{self._trust_and_distance()}"
        )

    def _trust_and_distance(self) -> str:
        if np.isnan(self.correlation):
            return ""
        if self.high < 0:
            found = "fell with distance"
        elif self.low > 0:
            found = "rose with distance"
        else:
            found = "was not shown to fall with distance"
        numbers = f"rank correlation {self.correlation:.2f} [{self.low:.2f}, {self.high:.2f}]"
        return f" Over these, the worth of a pick {found} ({numbers})."


@lru_cache(maxsize=1)
def published_statistics() -> pd.DataFrame:
    """Return the statistics of the images of the evidence: index part and data set, a column for each."""
    with (files("selectdis.selection.archive") / "statistics.csv").open("rb") as file:
        return pd.read_csv(file).set_index([PART, DATASET])


def distance_to(
    part: str,
    statistics: Mapping[str, float],
    runs: pd.DataFrame | None = None,
    *,
    rule: Picker | None = None,
    name: str = "",
    without_objectives: Collection[str] = (),
) -> Distance | None:
    """Return how far a data set is from those of a part of the evidence.

    Parameters
    ----------
    part
        Of the evidence.
    statistics
        Of its images, from `image_statistics`.
    runs
        Records of runs on it, of configurations of the evidence, with ``numbers``, how many an image has; None before
        there are any.
    rule
        Whose worth is compared with the distances over the evidence.
    name
        Of the data set, whose own family is left out.
    without_objectives
        Of `published_evidence`, for the worth of the rule.

    Returns
    -------
    Distance or None
        None where too few data sets have statistics to know a scale.
    """
    table = evidence(part)
    own = table.loc[table[DATASET] == name, FAMILY]
    family = table[~table[FAMILY].isin(own)].drop_duplicates(DATASET).set_index(DATASET)[FAMILY]
    known = published_statistics()
    known = known[known.index.get_level_values(PART) == part].droplevel(PART)
    family = family[family.index.isin(known.index)]
    if len(family) < FEWEST or family.nunique() < 2:
        return None
    groups = [_scaled(known.loc[family.index, list(names)], statistics) for names in STATISTICS.values()]
    profile = None if runs is None else _profiles(table, runs, family.index)
    groups += [] if profile is None else [profile] * len(groups)  # training weighs as much as the images do
    between = np.sqrt(np.mean([_squares(there, there) for there, _ in groups], axis=0))
    to_here = np.sqrt(np.mean([_squares(here, there)[0] for there, here in groups], axis=0))
    np.putmask(between, family.to_numpy()[:, None] == family.to_numpy(), np.inf)
    among = pd.Series(between.min(axis=1), index=family.index)
    nearest = pd.Series(to_here, index=family.index).sort_values(kind="stable")
    known_worth = _worth_and_distance(part, rule, among, name, without_objectives)
    return Distance(nearest, among, profile is not None, *known_worth)


def _scaled(known: pd.DataFrame, here: Mapping[str, float] | pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return (sets, k) and (1, k) in standard deviations over the sets; what all of them share is left out."""
    scale = known.std(ddof=0).to_numpy()
    use = scale > 1e-9
    values = np.array([here[column] for column in known.columns], dtype=float)
    return known.to_numpy()[:, use] / scale[use], (values[use] / scale[use])[None]


def _squares(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return mean squared differences (n, m) of rows (n, k) and (m, k)."""
    return ((left[:, None] - right) ** 2).mean(axis=2) if left.shape[1] else np.zeros((len(left), len(right)))


def _profiles(table: pd.DataFrame, runs: pd.DataFrame, names: pd.Index) -> tuple[np.ndarray, np.ndarray] | None:
    """Return how the configurations trained that all of the data sets have; None where there are none."""
    if not {f"criterion.{name}" for name in PROFILE} <= {*map(str, runs.columns)}:
        return None
    size = table["channels"] * table["image_size"] ** 2
    there, here = _profile(table.assign(numbers=size)), _profile(runs.assign(**{DATASET: ""}))
    both = [column for column in here.columns if column in there.columns]
    known = there.reindex(index=names, columns=both).dropna(axis=1)
    if known.empty or not len(known.columns):
        return None
    return _scaled(known, here.iloc[0][known.columns])


def _profile(runs: pd.DataFrame) -> pd.DataFrame:
    """Return mean over seeds: index data set, columns (criterion, configuration)."""
    finished = runs[pickable(runs)]
    values = finished[[f"criterion.{name}" for name in PROFILE]].astype(float)
    values.columns = list(PROFILE)
    values["reconstruction"] /= finished["numbers"]
    table = values.groupby([finished[DATASET], finished[CONFIGURATION]]).mean().unstack()
    return pd.DataFrame(table).dropna(axis=1, how="any")


def _worth_and_distance(
    part: str, rule: Picker | None, among: pd.Series, name: str, without_objectives: Collection[str]
) -> tuple[float, float, float]:
    """Return the rank correlation of distance with what the rule's pick is worth, and its interval."""
    found = None
    if rule is not None:
        without = [name] if name else []
        found = published_evidence(rule, len(among), without=without, without_objectives=without_objectives, part=part)
    worth = pd.Series({} if found is None else found.values, dtype=float).reindex(among.index)
    use = worth.notna() & np.isfinite(among)
    if use.sum() < TRUSTED:
        return np.nan, np.nan, np.nan
    correlation = float(among[use].corr(worth[use], method="spearman"))
    return (correlation, *correlation_interval(correlation, int(use.sum())))
