"""``study.plot``: figures of a study, as matplotlib figures to show, save or change."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError, nearest
from selectdis.records import configuration_labels, objective_label, run_label, score_label
from selectdis.visualization import _charts as charts
from selectdis.visualization._pictures import Anatomy, latent_labels, tile
from selectdis.visualization._snapshot import Material, StageRuns, gather, stage_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

__all__ = ["StudyPlots", "correlation_table", "transfer_frame", "variance_table"]


class StudyPlots:
    """Figures of a study; also there as ``study.plot``.

    Each method returns a `matplotlib.figure.Figure`, or a `PIL.Image.Image` where it shows images. All raise
    `SelectdisError` where the study lacks what they show.

    Examples
    --------
    >>> study.plot.criterion_heatmap().savefig("criteria.svg")     # doctest: +SKIP
    >>> study.plot.traversals()                                     # doctest: +SKIP
    """

    def __init__(self, study: Any) -> None:
        self._study = study

    @cached_property
    def material(self) -> Material:
        """What the figures are made of, read once."""
        return self._study if isinstance(self._study, Material) else gather(self._study)

    def metric_heatmap(self, dataset: str | None = None, *, sampled: bool = False) -> Figure:
        """Rank correlations of metrics with one another, over the runs of a labelled data set (the proxy)."""
        table = correlation_table(self.material, "metrics", dataset, sampled=sampled)
        return charts.heatmap(table, "Metrics with one another (Spearman)")

    def criterion_heatmap(self, dataset: str | None = None, *, sampled: bool = False) -> Figure:
        """Rank correlations of metrics with criteria: what can be seen of disentanglement without labels."""
        table = correlation_table(self.material, "criteria", dataset, sampled=sampled)
        return charts.heatmap(table, "Metrics with criteria (Spearman)")

    def strength_seed(
        self, objective: str | None = None, *, score: str | None = None, dataset: str | None = None
    ) -> Figure:
        """A dot a run of `objective` (by default the best one's) on a proxy (by default the first), at its strength."""
        stage = self._proxy(dataset)
        known = list(dict.fromkeys(map(str, stage.records["objective"])))
        if objective is None:
            objective = str(stage.row(stage.first)["objective"]) if stage.first else known[0]
        if objective not in known:
            hint = nearest(objective, known) or f"; there are: {', '.join(known)}"
            raise SelectdisError(f"the study has no run of {objective!r}{hint}")
        values, name = stage_scores(stage.records, score or self.material.score, "")
        return charts.strength_seed(stage.records, values, objective, score_label(name))

    def variance_explained(self, dataset: str | None = None) -> Figure:
        """What explains each score: the objective, its strength, what else is in the configuration, the seed."""
        return charts.stacked_bars(variance_table(self.material, dataset), "Share of the variance between runs")

    def transfer_scatter(self, target: str | None = None) -> Figure:
        """Configurations: their score on the proxy against the score (or the criterion) on a target."""
        material, chosen = self.material, self._target(target)
        table, y_name = transfer_frame(material, chosen)
        groups = [objective_label(str(name)) for name in table["objective"]]
        return charts.scatter(
            table["proxy"],
            table["target"],
            f"{score_label(material.score)} on {material.proxy_names}",
            f"{score_label(y_name)} on {chosen.name}",
            groups,
            str(chosen.row(chosen.pick)["configuration"]) if chosen.pick else None,
        )

    def curves(self, term: str = "loss", *, candidates: list[str] | None = None) -> Figure:
        """Training curves of runs on the proxy (by default the best ones).

        Parameters
        ----------
        term : ``loss``, ``reconstruction``, ``kl`` or another term of the objective.
        """
        from selectdis.study._replay import stage_views

        view, stage = next(iter(stage_views(self._study))), self._proxy(None)
        labels = configuration_labels(stage.records)
        series = {}
        for candidate in candidates or stage.best:
            run = view.load_run(candidate)
            if run is not None and term in run.curves:
                series[run_label(stage.row(candidate), labels)] = (run.curves["step"], run.curves[term])
        if not series:
            raise SelectdisError(f"no run has a curve {term!r}")
        return charts.curves(series, f"{term} (nats an image)")

    def parallel(self, *, score: str | None = None, dataset: str | None = None) -> Figure:
        """Parallel coordinates of the runs on a proxy: what they were trained with, and how they scored."""
        records = self._proxy(dataset).records
        values, name = stage_scores(records, score or self.material.score, "")
        settings = ("objective", "architecture", "learning_rate", "latents", "strength", "seed")
        table = records[[c for c in settings if c in records and records[c].nunique() > 1]].copy()
        table[name] = values
        return charts.parallel(table, name)

    def traversals(self, candidate: str | None = None, *, dataset: str | None = None) -> Image:
        """What each latent of a run does, most informative first (by default the picked run, else the best)."""
        anatomy = self._anatomy(candidate, dataset)
        return tile(anatomy.traversals[anatomy.order], latent_labels(anatomy))

    def reconstructions(self, candidate: str | None = None, *, dataset: str | None = None) -> Image:
        """Images above, their reconstructions below."""
        anatomy = self._anatomy(candidate, dataset)
        return tile(np.stack([anatomy.originals, anatomy.reconstructions]))

    def kl_per_latent(self, candidate: str | None = None, *, dataset: str | None = None) -> Figure:
        """The KL of each latent of a run, in nats."""
        return charts.kl_bars(self._anatomy(candidate, dataset))

    def importance(self, candidate: str | None = None, *, dataset: str | None = None) -> Figure:
        """Which latent of a run knows which factor (mutual information over the factor's entropy)."""
        return charts.importance(self._anatomy(candidate, dataset or self._proxy(None).name))

    def _proxy(self, name: str | None) -> StageRuns:
        return _named(self.material.proxies, name, "proxy", "run it first")

    def _target(self, name: str | None) -> StageRuns:
        return _named(self.material.targets[::-1], name, "target", "transfer it first")

    def _anatomy(self, candidate: str | None, dataset: str | None) -> Anatomy:
        """Of a run on `dataset`, or on the latest target that has it; by default the pick, or a proxy's best run."""
        stages = self.material.latest_first
        for stage in [_named(stages, dataset, "data set", "run it first")] if dataset is not None else stages:
            wanted = candidate or stage.first
            if wanted and (anatomy := self.material.dissect(stage.key, wanted)) is not None:
                return anatomy
        raise SelectdisError(f"no trained run {candidate or ''} is on disk".replace("  ", " "))


def _named(stages: list[StageRuns], name: str | None, what: str, remedy: str) -> StageRuns:
    """The stage of that name, or the first."""
    known = {stage.name: stage for stage in stages}
    if not known:
        raise SelectdisError(f"the study has no {what} yet: {remedy}")
    if name is not None and name not in known:
        hint = nearest(name, known) or f"; there are: {', '.join(known)}"
        raise SelectdisError(f"the study has no {what} {name!r}{hint}")
    return stages[0] if name is None else known[name]


def correlation_table(
    material: Material, of: Any, dataset: str | None = None, *, sampled: bool = False
) -> pd.DataFrame:
    """Spearman correlations: metrics in rows, metrics or criteria in columns; on mean codes, or on `sampled` ones."""
    tables = selection.rank_correlations(material.everything, of)
    dataset = dataset or material.proxies[0].name
    if dataset not in tables:
        raise SelectdisError(f"{dataset!r} is not labelled: there is nothing to correlate with")
    table = tables[dataset]
    rows, columns = ([n for n in names if _kept(str(n), sampled)] for names in (table.index, table.columns))
    return table.loc[rows, columns].dropna(how="all").dropna(how="all", axis=1)


def _kept(name: str, sampled: bool) -> bool:
    return name.endswith(".sampled") == sampled and not name.startswith("downstream_efficiency")


def variance_table(material: Material, dataset: str | None = None) -> pd.DataFrame:
    """Shares of the variance: rows are scores, columns objective, strength, other settings and seed; they sum to 1."""
    found = selection.variance_explained(material.everything, n_bootstrap=2)
    found = found[found["dataset"] == (dataset or material.proxies[0].name)]
    found = found[[_kept(str(name), False) for name in found["score"]]]
    if found.empty:
        raise SelectdisError("a share of the variance needs two runs with a score")
    shares = found.pivot(index="score", columns="source", values="share").reindex(found["score"].drop_duplicates())
    parts = {
        "objective": shares["objective"],
        "strength": shares["objective + strength"] - shares["objective"],
        "other settings": shares["configuration"] - shares["objective + strength"],
        "seed": shares["seed"],
    }
    table = pd.DataFrame({name: values.clip(0, 1) for name, values in parts.items()})
    return table.loc[:, [name for name in table if name in ("strength", "seed") or table[name].max() > 0.005]]


def transfer_frame(material: Material, target: StageRuns) -> tuple[pd.DataFrame, str]:
    """Configurations on both data sets: index configuration; ``objective``, mean ``proxy`` and ``target`` scores.

    The second value names what the target is judged by: the score where it has labels, the criterion otherwise.
    """
    proxies = material.proxy_records
    on_proxy, _ = stage_scores(proxies, material.score, "")
    on_target, name = stage_scores(target.records, material.score, target.criterion)
    left = pd.Series(on_proxy).groupby(proxies["configuration"].to_numpy()).mean()
    right = pd.Series(on_target).groupby(target.records["configuration"].to_numpy()).mean()
    table = pd.DataFrame({"proxy": left, "target": right}).dropna()
    objectives = proxies.drop_duplicates("configuration").set_index("configuration")["objective"]
    return table.assign(objective=objectives.reindex(table.index)), name
