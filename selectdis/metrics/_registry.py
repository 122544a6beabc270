"""How a metric describes itself, and the drawn samples that it is computed from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np

from selectdis._arrays import check_parts
from selectdis.errors import SelectdisError, renamed
from selectdis.metrics._trees import FittedTrees, fit_all_trees, with_interventions

__all__ = ["Metric", "Need", "Samples", "Votes", "metric_of", "plain_metric"]

Need = Literal["train", "test", "pairs", "fixed_factor", "interventions"]


@dataclass(frozen=True)
class Votes:
    """Votes as positions in a table of codes: `batches` hold (votes, batch) each, `factor` (votes,) what was fixed."""

    batches: tuple[np.ndarray, ...]
    factor: np.ndarray


@dataclass(frozen=True)
class Samples:
    """All that the metrics of one representation are computed from.

    Attributes
    ----------
    codes_train, codes_test : (n_samples, n_latents) float
        Representations.
    factors_train, factors_test : (n_samples, n_factors) int or float
        Class of each factor; NaN where there is none; the values of a continuous factor.
    seed : int
        Of every fitted model.
    n_jobs : int
        Threads.
    table : (n_images, n_latents) float, optional
        The codes that `draws` point into.
    draws : mapping
        The (train, test) votes of the BetaVAE score ("pairs") and of the FactorVAE score ("fixed_factor"); images with
        each factor in turn set to each of its values ("interventions").
    repeats : (n_samples,) bool, optional
        Training samples whose image comes earlier too.
    """

    codes_train: np.ndarray
    factors_train: np.ndarray
    codes_test: np.ndarray
    factors_test: np.ndarray
    seed: int = 0
    n_jobs: int = 1
    table: np.ndarray | None = None
    draws: Mapping[Need, tuple[Votes, ...]] = field(default_factory=dict)
    repeats: np.ndarray | None = None

    @property
    def split(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """codes_train, factors_train, codes_test, factors_test: the arguments of the metrics that fit a model."""
        return self.codes_train, self.factors_train, self.codes_test, self.factors_test

    @property
    def each_once(self) -> tuple[np.ndarray, np.ndarray]:
        """Codes and factors of the training part, of each image once."""
        rows = slice(None) if self.repeats is None else ~self.repeats
        return self.codes_train[rows], self.factors_train[rows]

    def votes(self, need: Need) -> list[np.ndarray]:
        """Return codes of batches (votes, batch, n_latents) and factors (votes,), for training, then for test."""
        if self.table is None or need not in self.draws:
            raise SelectdisError(f"these samples hold no draws of {need!r}; they hold {sorted(self.draws)}")
        return [part for drawn in self.draws[need] for part in (*(self.table[b] for b in drawn.batches), drawn.factor)]

    @cached_property
    def checked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What `split` holds, as `check_parts` returns it."""
        return check_parts(*self.split)

    @cached_property
    def interventions(self) -> list[np.ndarray] | None:
        """Of each factor, codes (n_values, n_images, n_latents) of the same images with each of its values."""
        if self.table is None or "interventions" not in self.draws:
            return None
        return [self.table[batch] for batch in self.draws["interventions"][0].batches]

    @cached_property
    def trees(self) -> dict[int, FittedTrees]:
        """Boosted trees from codes to each varying factor; DCI, downstream and fairness share them."""
        x_train, y_train, x_test, y_test = self.checked
        test = with_interventions(x_test, y_test, self.interventions)
        return fit_all_trees(x_train, y_train, *test, seed=self.seed, n_jobs=self.n_jobs)


Samples.__init__ = renamed(jobs="n_jobs")(Samples.__init__)  # type: ignore[method-assign]


@dataclass(frozen=True)
class Metric:
    """A supervised score: what it is called, what it needs, and where it comes from.

    `function` is the public function of arrays; `compute` calls it on `Samples` and names the numbers. `continuous`:
    whether factors may be continuous, where all others need classes.
    """

    name: str
    produces: tuple[str, ...]
    function: Callable[..., Any]
    compute: Callable[[Samples], dict[str, float]]
    paper: str
    needs: tuple[Need, ...] = ("train",)
    range: tuple[float, float] = (0.0, 1.0)
    higher_is_better: bool | None = True
    cost: Literal["cheap", "slow"] = "cheap"
    continuous: bool = False


def plain_metric(
    name: str,
    function: Callable[..., float],
    paper: str,
    needs: tuple[Need, ...] = ("train",),
    *,
    continuous: bool = False,
) -> Metric:
    """Describe a metric whose `function` gives one number of the training part, or of both parts."""
    compute = partial(_plain_score, name, function, 4 if "test" in needs else 2)
    return Metric(name, (name,), function, compute, paper, needs, continuous=continuous)


def metric_of(function: Callable[..., Any]) -> Metric:
    """Describe a user's function of (codes, factors), or of the training and the test part of both, by its name.

    Raises
    ------
    SelectdisError
        If it has no name, or takes another number of arguments.
    """
    name = getattr(function, "__name__", type(function).__name__)
    if not name.isidentifier():
        raise SelectdisError(f"a metric of your own is called what its function is called, found {name!r}: use def")
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = {}.values()
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    n_arrays = sum(p.kind in by_place and p.default is p.empty for p in parameters)
    if n_arrays not in (2, 4):
        raise SelectdisError(
            f"the metric {name} must take (codes, factors) or (codes_train, factors_train, codes_test, factors_test), "
            f"found {n_arrays} arguments without a default"
        )
    needs: tuple[Need, ...] = ("train", "test") if n_arrays == 4 else ("train",)
    compute = partial(_own_scores, name, function, n_arrays)
    return Metric(name, (name,), function, compute, "", needs, higher_is_better=None, continuous=True)


def _own_scores(name: str, function: Callable[..., Any], n_arrays: int, samples: Samples) -> dict[str, float]:
    found = function(*samples.split[:n_arrays])
    try:
        if isinstance(found, Mapping):
            return {f"{name}_{part}": float(value) for part, value in found.items()}
        return {name: float(found)}
    except (TypeError, ValueError):
        raise SelectdisError(
            f"the metric {name} must return a number, or a dict of numbers, found {found!r:.80}"
        ) from None


def _plain_score(name: str, function: Callable[..., float], n_arrays: int, samples: Samples) -> dict[str, float]:
    return {name: function(*samples.split[:n_arrays])}
