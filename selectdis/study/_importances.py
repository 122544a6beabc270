"""Optuna's parameter importances, with the strengths judged within their own objective."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

__all__ = ["importances_of"]


_FEWEST = 3


def importances_of(study: optuna.Study) -> dict[str, float]:
    """Return parameter -> importance for the first score, in [0, 1].

    The shared parameters are judged over all configurations; an objective's own strengths over that objective's
    configurations, since the others do not have them, beside the shared parameters. Importances share out what is
    explained: a parameter that varies alone would have 1.0 whatever it does, and is left out, as is an objective with
    fewer than three configurations.

    Raises
    ------
    ValueError
        If fewer than two configurations have finished.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(trials) < 2:
        raise ValueError(f"{len(trials)} configurations have finished, and two are needed")
    shared = [name for name in trials[0].params if "." not in name]
    found = _evaluated(study, trials, shared)
    for objective in dict.fromkeys(trial.params["objective"] for trial in trials):
        own = [trial for trial in trials if trial.params["objective"] == objective]
        names = [name for name in own[0].params if name.startswith(f"{objective}.")]
        if len(own) >= _FEWEST:
            inside = _evaluated(study, own, [*names, *shared])
            found |= {name: inside[name] for name in names if name in inside}
    return found


def _evaluated(study: optuna.Study, trials: list[optuna.trial.FrozenTrial], names: list[str]) -> dict[str, float]:
    varying = [name for name in names if len({trial.params[name] for trial in trials}) > 1]
    if len(varying) < 2:  # one alone explains all that there is to explain: 1.0, which says nothing
        return {}
    # Here: they bring scikit-learn's forests, which nobody else needs.
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    part = optuna.create_study(direction=study.directions[0])
    for trial in trials:
        values = {name: trial.params[name] for name in varying}
        ranges = {name: trial.distributions[name] for name in varying}
        part.add_trial(optuna.trial.create_trial(params=values, distributions=ranges, value=trial.values[0]))
    # fANOVA explains the variance over the whole space; Optuna's default, PED-ANOVA, looks at the best tenth alone.
    found = get_param_importances(part, evaluator=FanovaImportanceEvaluator(seed=0), params=varying)
    return {name: float(value) for name, value in found.items()}
