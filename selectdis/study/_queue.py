"""What a search has in its queue before any sampler is asked."""

from __future__ import annotations

import warnings

import optuna

from selectdis import selection
from selectdis.spec import SearchSpec, StudySpec
from selectdis.study._search import Params, at_random, distributions_of, grid, params_of, quasi_random
from selectdis.study._trial_values import trial_values
from selectdis.study._trials import WARM_START

__all__ = ["planned", "warm_start"]


def planned(search: SearchSpec) -> list[Params]:
    """The whole grid, all quasi-random points, or those that a model-based sampler starts from."""
    if search.sampler == "grid":
        return list(grid(search))[: search.trials]
    if search.sampler == "random":
        return at_random(search, search.trials or 0)
    if search.sampler == "qmc":
        return quasi_random(search, search.trials or 0)
    # tpe and gp: batches of these hardly spread, so they start spread out
    return quasi_random(search, min(search.startup, search.trials or search.startup))


def warm_start(study: optuna.Study, spec: StudySpec) -> None:
    """Tell the sampler, once, of the configurations in the records `spec.warm_start` that lie in this space."""
    if spec.warm_start is None or "warm_start" in study.user_attrs:
        return
    added = 0
    for _, group in selection.read_records(spec.warm_start).groupby("configuration"):
        rows = [row.to_dict() for _, row in group.iterrows()]
        params = params_of(rows[0], spec.search)
        values = [value for value in trial_values(rows, spec) if value is not None]
        if params is not None and len(values) == len(spec.optimise):
            distributions = distributions_of(spec.search, params["objective"])
            # Marked, so that it does not count as one of this study's own.
            trial = optuna.trial.create_trial(
                params=params, distributions=distributions, values=values, user_attrs={WARM_START: True}
            )
            study.add_trial(trial)
            added += 1
    study.set_user_attr("warm_start", {"from": spec.warm_start, "configurations": added})
    if not added:
        warnings.warn(f"warm_start: no configuration of {spec.warm_start} lies in this study's space", stacklevel=2)
