"""From a search space to configurations: a grid, quasi-random points, or what an Optuna sampler suggests."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
import scipy
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from selectdis.models import ARCHITECTURES, LIKELIHOODS
from selectdis.objectives import OBJECTIVES
from selectdis.spec import Range, SearchSpec, StudySpec
from selectdis.study.persistence._optuna import Ask, quietly
from selectdis.training import Candidate

__all__ = [
    "ENQUEUED", "Params", "balanced_order", "candidate_from", "distributions_holding", "distributions_of", "grid",
    "make_sampler", "params_of", "starting_points", "suggest",
]  # fmt: skip

# These know all their configurations beforehand; tpe and gp ask for what comes after the first ones.
ENQUEUED = ("grid", "qmc", "random")
SETTINGS = ("architecture", "latents", "learning_rate", "weight_decay", "width", "discriminator_width", "likelihood")
Params = dict[str, Any]
Values = tuple[Any, ...] | Range


def values_of(search: SearchSpec, objective: str) -> dict[str, Values]:
    """Return what each parameter of an objective's configurations may be, in a fixed order: values, or a range.

    A strength is named ``<objective>.<strength>``, so that two objectives never share a parameter of other meaning.
    """
    values: dict[str, Values] = {"objective": (objective,), "architecture": search.architecture}
    has_adversary = objective in OBJECTIVES and OBJECTIVES[objective].adversary is not None
    values |= {"latents": search.latents, "learning_rate": search.learning_rate}
    for name in ("weight_decay", "width", "discriminator_width", "likelihood"):
        if (own := getattr(search, name)) is not None and (name != "discriminator_width" or has_adversary):
            values[name] = own
    return values | {f"{objective}.{name}": own for name, own in search.objective[objective].items()}


def distributions_of(
    search: SearchSpec, objective: str, begun: Mapping[str, BaseDistribution] | None = None
) -> dict[str, BaseDistribution]:
    """Return the Optuna distributions of one objective's configurations.

    Optuna refuses other choices in a study that exists. Where all configurations are enqueued, the distributions are
    therefore wide ones, so that a study can be extended by values and objectives; and those that a study has `begun`
    with, when there were fewer objectives, stay as long as they hold what is searched.
    """
    enqueued = search.sampler in ENQUEUED
    known = {"objective": tuple(OBJECTIVES) if enqueued else tuple(search.objective)}
    known |= {"architecture": tuple(ARCHITECTURES) if enqueued else search.architecture}
    known |= {"likelihood": LIKELIHOODS if enqueued else search.likelihood or LIKELIHOODS[:1]}
    found: dict[str, BaseDistribution] = {}
    for name, values in values_of(search, objective).items():
        found[name] = CategoricalDistribution(known[name]) if name in known else _distribution(values, enqueued)
        old = (begun or {}).get(name) if enqueued and name in known else None
        if old is not None and not isinstance(values, Range) and all(_holds(old, value) for value in values):
            found[name] = old
    return found


def distributions_holding(params: Params, known: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Return distributions for given parameters, which no space need hold; `known` are those that the study has.

    Numbers get a distribution of one value where they can, since a list of choices could never hold another one.
    """
    listed = {"objective": CategoricalDistribution(tuple(OBJECTIVES))}
    listed |= {"architecture": CategoricalDistribution(tuple(ARCHITECTURES))}
    listed |= {"likelihood": CategoricalDistribution(LIKELIHOODS)}
    return {
        name: own
        if (own := known.get(name)) is not None and _holds(own, value)
        else listed.get(name) or _exactly(value, own)
        for name, value in params.items()
    }


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return distribution.low <= value <= distribution.high
    return value in getattr(distribution, "choices", ())


def _exactly(value: Any, like: BaseDistribution | None) -> BaseDistribution:
    """Return a distribution of one value, of the kind that Optuna wants beside `like`."""
    if isinstance(like, IntDistribution) or (like is None and isinstance(value, int)):
        return IntDistribution(value, value, log=getattr(like, "log", False))
    return FloatDistribution(value, value, log=getattr(like, "log", False))


def _distribution(values: Values, enqueued: bool) -> BaseDistribution:
    if isinstance(values, Range):
        if values.integer:
            return IntDistribution(int(values.low), int(values.high), log=values.log)
        return FloatDistribution(values.low, values.high, log=values.log)
    if not enqueued:
        return CategoricalDistribution(values)
    if all(isinstance(value, int) for value in values):
        return IntDistribution(min(values), max(values))
    return FloatDistribution(min(values), max(values))


def grid(search: SearchSpec) -> Iterator[Params]:
    """Yield every configuration of the space, objective by objective, the last key fastest."""
    for objective in search.objective:
        values = values_of(search, objective)
        for combination in itertools.product(*(own for own in values.values() if not isinstance(own, Range))):
            yield dict(zip(values, combination, strict=True))


def balanced_order(configurations: Sequence[Params], seed: int) -> list[int]:
    """Return an order of configurations of which each beginning holds every value of every parameter about as often.

    Drawn from `seed`. Of a search that is cut short, what was done then says something of all values.
    """
    values = {(name, value): None for c in configurations for name, value in c.items()}
    count = Counter(name for name, _ in values)
    # 1 where a configuration has a value; times its weight: of many values each counts for more.
    has = np.array([[c.get(name) == value for name, value in values] for c in configurations], dtype=float)
    weighted = has * [count[name] for name, _ in values]
    first = np.random.default_rng(seed).permutation(len(configurations))
    so_far, order = np.zeros(len(first)), []
    for _ in first:
        chosen = int(first[np.argmin(so_far[first])])
        order.append(chosen)
        so_far += weighted @ has[chosen]
        so_far[chosen] = np.inf
    return order


def sobol_points(search: SearchSpec, n: int) -> list[Params]:
    """Draw `n` scrambled Sobol points of the whole conditional space, the same ones for the same ``search.seed``.

    One axis is the objective; the axes behind the shared parameters serve as whichever strengths that objective has.
    """
    axes = max(len(values_of(search, objective)) for objective in search.objective)
    sobol = scipy.stats.qmc.Sobol(axes, scramble=True, rng=np.random.default_rng(search.seed))
    return _distinct(sobol.random(4 * 2 ** max(n - 1, 0).bit_length()), search, n)  # a power of two keeps the balance


def random_points(search: SearchSpec, n: int) -> list[Params]:
    """Draw `n` points independently, the same ones for the same ``search.seed``; more of them go on from there."""
    axes = max(len(values_of(search, objective)) for objective in search.objective)
    return _distinct(np.random.default_rng(search.seed).random((4 * n, axes)), search, n)


def _distinct(points: np.ndarray, search: SearchSpec, n: int) -> list[Params]:
    """Return the first `n` configurations that differ: where values are listed, some points coincide."""
    configurations = (_configuration_at(point, search) for point in points)
    return list({tuple(params.items()): params for params in configurations}.values())[:n]


def _configuration_at(point: np.ndarray, search: SearchSpec) -> Params:
    objective = _value_at(float(point[0]), tuple(search.objective))
    values = values_of(search, objective) | {"objective": (objective,)}
    return {name: _value_at(float(u), own) for u, (name, own) in zip(point, values.items(), strict=False)}


def _value_at(u: float, values: Values) -> Any:
    if not isinstance(values, Range):
        return values[min(int(u * len(values)), len(values) - 1)]
    low, high = values.low, values.high
    value = float(np.exp(np.log(low) + u * (np.log(high) - np.log(low)))) if values.log else low + u * (high - low)
    return round(value) if values.integer else min(max(value, low), high)


def starting_points(search: SearchSpec, known: int = 0) -> list[Params]:
    """List the whole grid, all quasi-random points, or those that a model-based sampler starts from.

    Of the latter `known` configurations, of which it has been told, take the place of as many.
    """
    if search.sampler == "grid":
        return list(itertools.islice(grid(search), search.trials))
    if search.sampler == "random":
        return random_points(search, search.trials or 0)
    if search.sampler == "qmc":
        return sobol_points(search, search.trials or 0)
    # tpe and gp: batches of these hardly spread, so they start spread out
    return sobol_points(search, min(max(search.startup - known, 0), search.trials or search.startup))


def suggest(ask: Ask, search: SearchSpec, begun: Mapping[str, BaseDistribution], objective: str | None = None) -> None:
    """Ask for one configuration: the objective first, then the parameters that it has.

    Parameters
    ----------
    ask, search
        Whom, and in which space.
    begun
        Distributions that the study has already.
    objective
        The one that is queued, where one is.
    """
    first = distributions_of(search, objective or next(iter(search.objective)), begun)["objective"]
    if objective is not None and first != begun.get("objective", first):
        raise ValueError(
            f"the study was begun without {objective!r}, and Optuna lets no other choices in; search that in a study "
            "of its own"
        )
    objective = ask("objective", first)
    if objective not in search.objective:
        raise ValueError(f"the search has no objective {objective!r} any more")
    for name, distribution in distributions_of(search, objective, begun).items():
        if name != "objective":
            ask(name, distribution)


def make_sampler(search: SearchSpec, *, number: int = 0) -> optuna.samplers.BaseSampler:
    """Make the Optuna sampler of trial `number`, for what is not enqueued beforehand as grids and points are.

    Each trial has random numbers of its own: with one stream for all, a study that goes on after a stop would be
    suggested its first configurations again.
    """
    seed = int(np.random.SeedSequence([search.seed, number]).generate_state(1)[0])
    if search.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=search.startup)
    if search.sampler == "tpe":
        with quietly():  # conditional spaces: `group` models each objective's own strengths jointly
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=search.startup, group=True)
    return optuna.samplers.RandomSampler(seed=seed)


def candidate_from(params: Mapping[str, Any], spec: StudySpec, *, seed: int = 0) -> Candidate:
    """Make the candidate that one configuration and one seed make."""
    objective = params["objective"]
    prefix = f"{objective}."
    strengths = {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}
    settings = {name: params[name] for name in SETTINGS if name in params}
    return Candidate(
        objective=objective, seed=seed, strengths=strengths, batch_size=spec.training.batch_size, **settings
    )


def params_of(record: Mapping[Any, Any], search: SearchSpec) -> Params | None:
    """Return the configuration behind a row of records, or None where it lies outside the space of `search`."""
    objective = record.get("objective")
    if objective not in search.objective:
        return None
    params: Params = {}
    for name, values in values_of(search, str(objective)).items():
        value = record.get(name.replace(f"{objective}.", "strength.") if "." in name else name)
        if name == "likelihood" and not isinstance(value, str):  # of a record from before there were others
            value = LIKELIHOODS[0]
        if value is None or not _allowed(value, values):
            return None
        # The space's own 1 rather than a table's 1.0 or NumPy's: the same configuration must get the same id.
        params[name] = value if isinstance(values, Range) else values[values.index(value)]
    return params


def _allowed(value: Any, values: Values) -> bool:
    if isinstance(values, Range):
        return isinstance(value, int | float) and values.low <= value <= values.high
    return value in values
