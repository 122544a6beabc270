"""From a search space to configurations: a grid, quasi-random points, or what an Optuna sampler suggests."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import qmc

from selectdis.study.spec import Range, SearchSpec, StudySpec
from selectdis.training.candidate import Candidate

__all__ = ["candidate_from", "distributions_of", "grid", "make_sampler", "params_of", "quasi_random", "suggest"]

Params = dict[str, Any]


def distributions_of(search: SearchSpec, objective: str) -> dict[str, BaseDistribution]:
    """The Optuna distributions of one objective's configurations, in a fixed order.

    A strength is named ``<objective>.<strength>``, so that two objectives never share a parameter of other meaning.
    """
    spaces: dict[str, Any] = {"objective": tuple(search.objective), "architecture": search.architecture}
    spaces |= {"latents": search.latents, "learning_rate": search.learning_rate}
    if search.width is not None:
        spaces["width"] = search.width
    spaces |= {f"{objective}.{name}": values for name, values in search.objective[objective].items()}
    return {name: _distribution(values) for name, values in spaces.items()}


def _distribution(values: Any) -> BaseDistribution:
    if not isinstance(values, Range):
        return CategoricalDistribution(values)
    if values.integer:
        return IntDistribution(int(values.low), int(values.high), log=values.log)
    return FloatDistribution(values.low, values.high, log=values.log)


def grid(search: SearchSpec) -> Iterator[Params]:
    """Every configuration of the space, objective by objective, the last key fastest."""
    for objective in search.objective:
        choices = {
            name: distribution.choices if name != "objective" else (objective,)
            for name, distribution in distributions_of(search, objective).items()
            if isinstance(distribution, CategoricalDistribution)
        }
        for values in itertools.product(*choices.values()):
            yield dict(zip(choices, values, strict=True))


def quasi_random(search: SearchSpec, n: int) -> list[Params]:
    """`n` scrambled Sobol points of the whole conditional space, the same ones for the same ``search.seed``.

    One axis is the objective; the axes behind the shared parameters serve as whichever strengths that objective has.
    """
    per_objective = {objective: distributions_of(search, objective) for objective in search.objective}
    axes = max(len(distributions) for distributions in per_objective.values())
    sobol = qmc.Sobol(axes, scramble=True, rng=np.random.default_rng(search.seed))
    points = sobol.random(2 ** max(n - 1, 0).bit_length())[:n]  # a power of two keeps Sobol's balance
    return [_configuration_at(point, search, per_objective) for point in points]


def _configuration_at(
    point: np.ndarray, search: SearchSpec, per_objective: Mapping[str, Mapping[str, BaseDistribution]]
) -> Params:
    objectives = tuple(search.objective)
    objective = objectives[min(int(point[0] * len(objectives)), len(objectives) - 1)]
    rest = list(per_objective[objective].items())[1:]
    return {"objective": objective} | {
        name: _value_at(float(u), distribution) for u, (name, distribution) in zip(point[1:], rest, strict=False)
    }


def _value_at(u: float, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[min(int(u * len(distribution.choices)), len(distribution.choices) - 1)]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = float(distribution.low), float(distribution.high)
    value = float(np.exp(np.log(low) + u * (np.log(high) - np.log(low)))) if distribution.log else low + u * (high - low)
    return round(value) if isinstance(distribution, IntDistribution) else min(max(value, low), high)


def suggest(trial: optuna.Trial, search: SearchSpec) -> Params:
    """Ask `trial` for one configuration: the objective first, then the parameters that it has."""
    objective = trial.suggest_categorical("objective", tuple(search.objective))
    values = {"objective": objective}
    for name, distribution in distributions_of(search, objective).items():
        if name != "objective":
            values[name] = trial._suggest(name, distribution)
    return values


def make_sampler(search: SearchSpec) -> optuna.samplers.BaseSampler:
    """The Optuna sampler for what is not enqueued beforehand (grids and quasi-random points are)."""
    if search.sampler == "gp":
        return optuna.samplers.GPSampler(seed=search.seed, n_startup_trials=search.startup)
    if search.sampler == "tpe":
        # Conditional spaces: `group` models each objective's own strengths jointly.
        return optuna.samplers.TPESampler(seed=search.seed, n_startup_trials=search.startup, group=True)
    return optuna.samplers.RandomSampler(seed=search.seed)


def candidate_from(params: Mapping[str, Any], spec: StudySpec, *, seed: int = 0) -> Candidate:
    """The candidate that one configuration and one seed make."""
    objective = params["objective"]
    prefix = f"{objective}."
    strengths = {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}
    settings = {name: params[name] for name in ("architecture", "latents", "learning_rate", "width") if name in params}
    return Candidate(
        objective=objective, seed=seed, strengths=strengths, batch_size=spec.training.batch_size, **settings
    )


def params_of(record: Mapping[str, Any], search: SearchSpec) -> Params | None:
    """The configuration behind a row of records, or None where it lies outside the space of `search`."""
    objective = record.get("objective")
    if objective not in search.objective:
        return None
    params: Params = {}
    for name, distribution in distributions_of(search, str(objective)).items():
        value = record.get(name.replace(f"{objective}.", "strength.") if "." in name else name)
        if value is None or not distribution._contains(distribution.to_internal_repr(value)):
            return None
        params[name] = value
    return params
