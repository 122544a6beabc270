"""``study.plot``: figures of a study, as matplotlib figures to show, save or change."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from selectdis.errors import SelectdisError, nearest
from selectdis.records import configuration_labels
from selectdis.visualization import _bars as bars
from selectdis.visualization import _charts as charts
from selectdis.visualization import _study_figures as figures
from selectdis.visualization._pictures import RunPictures, tile, traversal_sheet
from selectdis.visualization._snapshot import StageSnapshot, StudySnapshot, take_snapshot

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

__all__ = ["StudyPlots"]


class StudyPlots:
    """Figures of a study; also there as ``study.plot``.

    Each method returns a `matplotlib.figure.Figure`, or a `PIL.Image.Image` where it shows images. All raise
    `SelectdisError` where the study lacks what they show.

    Parameters
    ----------
    study : Study or StudySnapshot

    Examples
    --------
    >>> study.plot.criterion_heatmap().savefig("criteria.svg")     # doctest: +SKIP
    >>> study.plot.traversals()                                     # doctest: +SKIP
    """

    def __init__(self, study: Any) -> None:
        self._study = study

    @cached_property
    def snapshot(self) -> StudySnapshot:
        """What the figures are made of, read once."""
        return self._study if isinstance(self._study, StudySnapshot) else take_snapshot(self._study)

    def metric_heatmap(self, dataset: str | None = None, *, sampled: bool = False) -> Figure:
        """Draw rank correlations of metrics with one another, over the runs of a labelled data set.

        Parameters
        ----------
        dataset : str, optional
            By default the first proxy.
        sampled : bool
            Of the scores on sampled codes rather than on mean ones.

        Returns
        -------
        Figure
        """
        table = figures.correlation_table(self.snapshot, "metrics", dataset, sampled=sampled)
        return charts.heatmap(table, "Metrics with one another (Spearman)")

    def criterion_heatmap(self, dataset: str | None = None, *, sampled: bool = False) -> Figure:
        """Draw rank correlations of metrics with criteria: what can be seen of disentanglement without labels.

        Parameters
        ----------
        dataset : str, optional
            By default the first proxy.
        sampled : bool
            Of the scores on sampled codes rather than on mean ones.

        Returns
        -------
        Figure
        """
        table = figures.correlation_table(self.snapshot, "criteria", dataset, sampled=sampled)
        return charts.heatmap(table, "Metrics with criteria (Spearman)")

    def strength_seed(
        self, objective: str | None = None, *, score: str | None = None, dataset: str | None = None
    ) -> Figure:
        """Draw a dot for each run of an objective, at its strength.

        Parameters
        ----------
        objective : str, optional
            By default that of the best run.
        score : str, optional
            A metric or ``win_rate``; by default the study's score.
        dataset : str, optional
            A proxy; by default the first.

        Returns
        -------
        Figure
        """
        stage = self._proxy(dataset)
        known = list(dict.fromkeys(map(str, stage.records["objective"])))
        if objective is None:
            objective = str(stage.row(stage.best[0])["objective"]) if stage.best else known[0]
        if objective not in known:
            hint = nearest(objective, known) or f"; there are: {', '.join(known)}"
            raise SelectdisError(f"the study has no run of {objective!r}{hint}")
        return figures.strength_figure(stage, objective, score or self.snapshot.score)

    def variance_explained(self, dataset: str | None = None) -> Figure:
        """Draw what explains each score: the objective, its strength, what else is in the configuration, the seed.

        Parameters
        ----------
        dataset : str, optional
            A labelled one; by default the first proxy.

        Returns
        -------
        Figure
        """
        return figures.variance_figure(self.snapshot, dataset, "Share of the variance between runs")

    def transfer_scatter(self, target: str | None = None) -> Figure:
        """Draw configurations by their score on the proxy against the score (or the criterion) on a target.

        Parameters
        ----------
        target : str, optional
            By default the latest.

        Returns
        -------
        Figure
        """
        stage = _named(self.snapshot.targets[::-1], target, "target", "transfer it first")
        return figures.transfer_figure(self.snapshot, stage)

    def curves(self, term: str = "loss", *, candidates: list[str] | None = None) -> Figure:
        """Draw training curves of runs on the first proxy.

        Parameters
        ----------
        term : str
            ``loss``, ``reconstruction``, ``kl`` or another term of the objective.
        candidates : list of str, optional
            Ids; by default those of the best runs.

        Returns
        -------
        Figure
        """
        stage = self._proxy(None)
        return figures.curve_figure(stage, configuration_labels(stage.records), term, candidates)

    def parallel(self, *, score: str | None = None, dataset: str | None = None) -> Figure:
        """Draw parallel coordinates of the runs on a proxy: what they were trained with, and how they scored.

        Parameters
        ----------
        score : str, optional
            A metric or ``win_rate``; by default the study's score.
        dataset : str, optional
            A proxy; by default the first.

        Returns
        -------
        Figure
        """
        return figures.parallel_figure(self._proxy(dataset), score or self.snapshot.score)

    def pareto(self, scores: tuple[str, str] = ("win_rate", "reconstruction"), *, dataset: str | None = None) -> Figure:
        """Draw the configurations of a proxy by two scores: those that no other one beats in both stand out.

        Parameters
        ----------
        scores : (str, str)
            ``win_rate``, metrics or criteria.
        dataset : str, optional
            A proxy; by default the first.

        Returns
        -------
        Figure
        """
        return figures.pareto_figure(self.snapshot, self._proxy(dataset), scores)[0]

    def history(self, *, score: str | None = None, dataset: str | None = None) -> Figure:
        """Draw the configurations of a proxy in the order in which they were tried, and the best so far.

        Parameters
        ----------
        score : str, optional
            A metric or ``win_rate``; by default the study's score.
        dataset : str, optional
            A proxy; by default the first.

        Returns
        -------
        Figure
        """
        return figures.history_figure(self._proxy(dataset), score or self.snapshot.score)

    def traversals(self, candidate: str | None = None, *, dataset: str | None = None) -> Image:
        """Show what each latent of a run does, most informative first.

        Parameters
        ----------
        candidate : str, optional
            An id; by default that of the picked run, else of the best.
        dataset : str, optional
            By default the latest target that has the run, else a proxy.

        Returns
        -------
        PIL.Image.Image
        """
        pictures = self._pictures(candidate, dataset)
        return traversal_sheet(pictures.traversals, pictures.kl, pictures.latent_names)

    def reconstructions(self, candidate: str | None = None, *, dataset: str | None = None) -> Image:
        """Show images above, and what a run makes of them below.

        Parameters
        ----------
        candidate, dataset : str, optional
            As for `traversals`.

        Returns
        -------
        PIL.Image.Image
        """
        return tile(self._pictures(candidate, dataset).reconstructions)

    def kl_per_latent(self, candidate: str | None = None, *, dataset: str | None = None) -> Figure:
        """Draw the KL of each latent of a run, in nats.

        Parameters
        ----------
        candidate, dataset : str, optional
            As for `traversals`.

        Returns
        -------
        Figure

        Raises
        ------
        SelectdisError
            If the codes of the run have no posterior, and so no KL.
        """
        pictures = self._pictures(candidate, dataset)
        if pictures.kl is None:
            raise SelectdisError("the codes of this run are quantised and have no KL: take a run of another objective")
        return bars.kl_bars(pictures.kl, pictures.latent_names)

    def importance(self, candidate: str | None = None, *, dataset: str | None = None) -> Figure:
        """Draw which latent of a run knows which factor (mutual information over the factor's entropy).

        Parameters
        ----------
        candidate : str, optional
            As for `traversals`.
        dataset : str, optional
            By default the first proxy.

        Returns
        -------
        Figure
        """
        pictures = self._pictures(candidate, dataset or self._proxy(None).name)
        if pictures.importance is None:
            raise SelectdisError("the factors of this data set are not known: take a run on the proxy")
        return charts.importance_heatmap(pictures.importance, pictures.latent_names, pictures.factor_names)

    def _proxy(self, name: str | None) -> StageSnapshot:
        return _named(self.snapshot.proxies, name, "proxy", "run it first")

    def _pictures(self, candidate: str | None, dataset: str | None) -> RunPictures:
        """Of a run on `dataset`, or on the latest target that has it; by default the pick, or a proxy's best run."""
        stages = self.snapshot.latest_first
        for stage in [_named(stages, dataset, "data set", "run it first")] if dataset is not None else stages:
            wanted = candidate or stage.pick_or_best
            if wanted and (pictures := stage.pictures_of(wanted)) is not None:
                return pictures
        raise SelectdisError(f"no trained run {candidate or ''} is on disk".replace("  ", " "))


def _named(stages: list[StageSnapshot], name: str | None, what: str, remedy: str) -> StageSnapshot:
    """Return the stage of that name, or the first."""
    known = {stage.name: stage for stage in stages}
    if not known:
        raise SelectdisError(f"the study has no {what} yet: {remedy}")
    if name is not None and name not in known:
        hint = nearest(name, known) or f"; there are: {', '.join(known)}"
        raise SelectdisError(f"the study has no {what} {name!r}{hint}")
    return stages[0] if name is None else known[name]
