"""What a study will train, settled before it starts, and how long that takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from selectdis import selection
from selectdis.data import ImageDataset
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.execution._estimate import TimeEstimate, estimate_time
from selectdis.execution._job import CohortJob
from selectdis.spec import check_rule
from selectdis.study._search import ENQUEUED, Params, candidate_from, params_of, starting_points
from selectdis.study._transfer import TransferOptions
from selectdis.study._trial_records import records_in
from selectdis.training import Candidate
from selectdis.training._checkpoint import descriptions_in, ids_of

if TYPE_CHECKING:
    from selectdis.study._study import Study

__all__ = ["TransferPlan", "estimate_plan", "estimate_search", "plan_transfer"]

SHARE = 0.85  # of the time budget that is planned with: a measurement on a few steps is no promise


@dataclass(frozen=True)
class TransferPlan:
    """What a transfer trains, by which rule it picks, and what that learns from."""

    given: TransferOptions
    rule: selection.Rule
    data: DataReference
    proxies: pd.DataFrame
    params: list[Params]  # of each configuration
    seeds: int  # of each of them


def plan_transfer(
    study: Study,
    target: str | ImageDataset | None,
    top: int | None,
    seeds: int | None,
    rule: selection.Rule | str | None,
    options: dict[str, Any],
) -> TransferPlan:
    """Check what a transfer is given (see `Study.transfer`), and return what it trains."""
    given = TransferOptions.of(rule, top, seeds)
    rule = given.rule(study.rule)
    check_rule(rule, study.spec)
    data = study.data.target(target, **options)
    proxies = study.proxies_of(data)
    if proxies.empty:
        raise SelectdisError(f"the study {study.name!r} has no runs on its proxy yet: run it first")
    study.data.check_target(data, rule)
    if study.evidence is not None:
        return TransferPlan(given, rule, data, proxies, *_by_evidence(study, given, rule, data))
    chosen = rule.configurations(proxies)[: max(rule.top, 1)]
    study.data.check_pairs(data, proxies.loc[proxies["configuration"].isin(chosen), "objective"].unique())
    params = list(_carried(study, proxies, chosen))
    return TransferPlan(given, rule, data, proxies, params, given.seeds or study.spec.select.seeds)


def _carried(study: Study, proxies: pd.DataFrame, chosen: Sequence[str]) -> Iterator[Params]:
    """Yield the parameters of the `chosen` configurations, be they of today's search or of an earlier one."""
    rows = proxies.drop_duplicates("configuration").set_index("configuration")
    trials = [trial for stage in study.proxy_stages() for trial in stage.trials.all()]
    recorded = {record["configuration"]: trial.params for trial in trials for record in records_in(trial)}
    for configuration in chosen:
        yield params_of(rows.loc[configuration].to_dict(), study.spec.search) or recorded[configuration]


def _by_evidence(
    study: Study, given: TransferOptions, rule: selection.Rule, data: DataReference
) -> tuple[list[Params], int]:
    """Return what is trained where the evidence is the proxy, and its seeds: as much as the time budget has room for.

    A call that goes on with a study makes no fewer runs than are there, finished or half trained.
    """
    assert study.evidence is not None
    everything = study.evidence.plan(rule, data, None)
    params = list(study.evidence.params(everything.configurations))
    if given.seeds is not None or study.spec.time_budget is None:
        return params, given.seeds or everything.seeds
    if data.slug not in study.seconds_per_run:
        measured = _measured(study, _candidates(study, params, everything.seeds), "target", data)
        study.seconds_per_run[data.slug] = measured.seconds_per_run
    cost = study.seconds_per_run[data.slug]
    stage = study.store.stage("target", data)
    recorded = [] if stage is None else [record["candidate"] for record in stage.raw_records()]
    begun = len({*recorded, *_half_trained(study, data)})
    runs = max(int(SHARE * 60 * study.spec.time_budget / cost), begun, 1)
    chosen = study.evidence.plan(rule, data, runs)
    return params[: len(chosen.configurations)], chosen.seeds


def estimate_search(study: Study) -> TimeEstimate:
    """Return how long what `Study.run` still has to do will take."""
    search, seeds, found = study.spec.search, study.spec.seeds.count, TimeEstimate(0)
    for data in study.data.proxies():
        study.data.check_proxy(data)
        first = starting_points(search)
        here = _measured(study, _left(study, _candidates(study, first, seeds), "proxy", data), "proxy", data)
        more = (search.trials or 0) - len(first) if search.sampler not in ENQUEUED else 0
        found += here.prolonged(max(more, 0) * seeds) if here.runs else here
    return found


def estimate_plan(study: Study, plan: TransferPlan) -> TimeEstimate:
    """Return how long what a transfer still has to do will take."""
    candidates = _candidates(study, plan.params, plan.seeds)
    return _measured(study, _left(study, candidates, "target", plan.data), "target", plan.data)


def _candidates(study: Study, params: Iterable[Params], seeds: int) -> list[Candidate]:
    first = study.spec.seeds.first
    every = (candidate_from(own, study.spec, seed=seed) for own in params for seed in range(first, first + seeds))
    return list({candidate.id: candidate for candidate in every}.values())


def _left(study: Study, candidates: Sequence[Candidate], name: str, data: DataReference) -> list[Candidate]:
    stage = study.store.stage(name, data)
    done = set() if stage is None else {r["candidate"] for r in stage.raw_records() if stage.is_done(r)}
    return [candidate for candidate in candidates if candidate.id not in done]


def _half_trained(study: Study, data: DataReference) -> Iterator[str]:
    """Yield the ids of candidates whose training a call before this one began."""
    for _, description in descriptions_in(_job(study, "target", data).checkpoint.parent):
        yield from ids_of(description)


def _job(study: Study, name: str, data: DataReference) -> CohortJob:
    return CohortJob((), data, name, study.spec.training, study.spec.evaluation, str(study.folder))


def _measured(study: Study, candidates: Sequence[Candidate], name: str, data: DataReference) -> TimeEstimate:
    in_parts = study.spec.time_budget is not None
    return estimate_time(candidates, _job(study, name, data), n_jobs=study.processes, in_parts=in_parts)
