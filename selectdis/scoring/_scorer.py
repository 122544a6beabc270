"""Scores of one trained run: metrics where there are labels, criteria from held-out images, codes of the probe."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from selectdis._arrays import DegenerateWarning
from selectdis._factors import FactorWarning, as_factors
from selectdis.criteria import CRITERIA, Criterion, Decoded, HeldOut, gaussian_kl, shuffle_dimensions
from selectdis.data import ImageDataset
from selectdis.data._labels import continuous_factors, factors_of
from selectdis.errors import SelectdisError
from selectdis.metrics import resolve_metrics
from selectdis.records._record import ACTIVE, KL
from selectdis.scoring._encoded import Encoded, ImageSource, encode, encode_and_judge
from selectdis.scoring._evaluation import Evaluation
from selectdis.scoring._version import SCORES_VERSION
from selectdis.spec._model import EvaluationSpec

if TYPE_CHECKING:  # it brings torch
    from selectdis.objectives import Objective
    from selectdis.training import Candidate, Run

__all__ = ["Scorer", "check_split"]

Codes = dict[str, np.ndarray]  # by the suffix of their scores: "" for means, ".sampled"


def check_split(data: ImageDataset, spec: EvaluationSpec) -> None:
    """Refuse a data set that leaves no image to train on or to judge by, or whose factors the metrics cannot use.

    Parameters
    ----------
    data : ImageDataset
        What runs are to be trained on.
    spec : EvaluationSpec
        With the share that is held out.

    Raises
    ------
    SelectdisError
        With how many images there are and how many it takes, or the factor that is continuous.
    """
    held_out = spec.held_out
    if held_out > 0 and not 0 < round((1 - held_out) * len(data)) < len(data):
        images = "1 image" if len(data) == 1 else f"{len(data)} images"
        raise SelectdisError(
            f"{data.name!r} has only {images}, of which evaluation.held_out ({held_out:g}) leaves none to judge runs "
            f"by: give it more than {math.ceil(0.5 / held_out)}"
        )
    need_classes = [metric for metric in resolve_metrics(list(spec.metrics)).values() if not metric.continuous]
    if need_classes and continuous_factors(data):
        as_factors(factors_of(data, np.arange(len(data))), names=data.factor_names)  # which refuses them


class Scorer:
    """Score the runs of a data set on images that are drawn once: the split, the metrics' samples, the probe.

    Parameters
    ----------
    data : ImageDataset
    spec : EvaluationSpec
    """

    def __init__(self, data: ImageDataset, spec: EvaluationSpec) -> None:
        self.data, self.spec = data.drawn_once(spec.seed), spec
        check_split(data, spec)
        if spec.held_out > 0:
            self.training_data, self.held_out = self.data.split(1 - spec.held_out, seed=spec.seed)
        else:
            self.training_data = self.held_out = self.data

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """The metrics' draws; None without labels."""
        if not self.data.labelled:
            return None
        n_train, n_test = self.spec.n_train, self.spec.n_test
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FactorWarning)  # few rows: as in `score_codes`
            return Evaluation(
                self.data,
                list(self.spec.metrics),
                seed=self.spec.seed,
                n_train=n_train,
                n_test=n_test,
                votes_train=n_train,
                votes_test=n_test,
                protocol=self.spec.protocol,
            )

    @cached_property
    def of_criteria(self) -> np.ndarray:
        """Images of all that the criteria of codes look at, int64 (n,) indices in ascending order."""
        return self._draw(self.data, self.spec.n_criteria)

    @cached_property
    def needed(self) -> np.ndarray:
        """Images that every run encodes for metrics and criteria of codes: int64 (k,) indices, each once, ascending."""
        return self.of_criteria if self.evaluation is None else np.union1d(self.of_criteria, self.evaluation.indices)

    @cached_property
    def probe_indices(self) -> np.ndarray:
        """Images that every run encodes for the criteria over many runs: int64 (probe,) indices."""
        return self._draw(self.data, self.spec.probe)

    @cached_property
    def probe(self) -> np.ndarray:
        """The images of `probe_indices`, uint8 (probe, c, h, w)."""
        return self.data.images_at(self.probe_indices)

    @cached_property
    def unseen_indices(self) -> np.ndarray:
        """Images outside training, for reconstruction, KL and ELBO: int64 (n,) indices into `held_out`."""
        return self._draw(self.held_out, self.spec.n_test)

    @cached_property
    def unseen(self) -> np.ndarray:
        """The images of `unseen_indices`, uint8 (n, c, h, w)."""
        return self.held_out.images_at(self.unseen_indices)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What a record says of how its scores were made: their version, the protocol, and images by use."""
        sizes = {"n.criteria": len(self.of_criteria), "n.held_out": len(self.unseen_indices)}
        sizes["n.probe"] = len(self.probe_indices)
        if self.evaluation is not None:
            sizes["n.train"], sizes["n.test"] = self.evaluation.sizes
            return {"scores_version": SCORES_VERSION, "protocol": self.spec.protocol, **sizes}
        return {"scores_version": SCORES_VERSION, **sizes}

    def score(self, run: Run) -> tuple[dict[str, Any], np.ndarray]:
        """Return what a record says of a run that has not diverged, and the codes of the probe; see `score_codes`."""
        encoded = self.encode(run)
        return self.score_codes(encoded, run.candidate), encoded.probe

    def encode(self, run: Run) -> Encoded:
        """Return what the scores need of a run that has not diverged, computed where its weights are."""
        mean, log_variance = encode(run, self._source)
        held_out_mean, held_out_log_variance, error = encode_and_judge(run, self._unseen_source)
        decoded = shuffled = np.empty((0, *self.data.image_shape), np.float32)
        if self._chosen("decoder"):
            decoded = run.decode(held_out_mean)
            shuffled = run.decode(shuffle_dimensions(held_out_mean, rng=np.random.default_rng([self.spec.seed, 5])))
        return Encoded(
            mean,
            log_variance,
            held_out_mean,
            held_out_log_variance,
            error,
            run.transform(self.probe),
            decoded,
            shuffled,
        )

    def leave_device(self) -> None:
        """Give back the images that a device holds for `encode`: the next cohort trains there."""
        self._source.forget()
        self._unseen_source.forget()

    def score_codes(self, encoded: Encoded, candidate: Candidate) -> dict[str, Any]:
        """Return what a record says of a run.

        Parameters
        ----------
        encoded : Encoded
            As `encode` made it, here or elsewhere.
        candidate : Candidate
            Whose codes they are.

        Returns
        -------
        dict
            ``metric.*`` (with labels), ``criterion.*``, ``active_latents`` (a list of bool), where the objective has a
            KL ``kl_per_latent`` (a list of nats), and `about`.
        """
        with warnings.catch_warnings():
            # Dead latents are common in a sweep: the defined number stands in the record, a warning per run would not.
            warnings.simplefilter("ignore", DegenerateWarning)
            warnings.simplefilter("ignore", FactorWarning)  # few rows: the record says how many
            warnings.simplefilter("ignore", RuntimeWarning)  # scikit-learn's, of separable classes
            codes = self._codes(encoded)
            scores: dict[str, Any] = {f"metric.{name}": value for name, value in self._metrics(codes).items()}
            unsupervised, per_latent = self._criteria(encoded, codes, candidate.specification)
            scores |= {f"criterion.{name}": value for name, value in unsupervised.items()}
        return scores | per_latent | self.about

    def prepare(self) -> None:
        """Make the draws that all scores share, and none of the images."""
        _ = self.needed, self.unseen_indices, self.probe_indices

    @cached_property
    def _source(self) -> ImageSource:
        return ImageSource(self.data.images_at, self.needed, math.prod(self.data.image_shape))

    @cached_property
    def _unseen_source(self) -> ImageSource:
        return ImageSource(self.held_out.images_at, self.unseen_indices, math.prod(self.data.image_shape))

    def _codes(self, encoded: Encoded) -> Codes:
        """Codes of the images `needed`, mean and, where the study asks for them, sampled."""
        mean, log_variance = encoded.mean, encoded.log_variance
        return {"": mean} | ({".sampled": self._sampled(mean, log_variance)} if self.spec.sampled else {})

    def _metrics(self, codes: Codes) -> dict[str, float]:
        if self.evaluation is None:
            return {}
        rows = np.searchsorted(self.needed, self.evaluation.indices)
        scores: dict[str, float] = {}
        for suffix, table in codes.items():
            scores |= self.evaluation.score(table[rows], suffix=suffix)
        return scores

    def _criteria(
        self, encoded: Encoded, codes: Codes, objective: Objective
    ) -> tuple[dict[str, float], dict[str, list[float]]]:
        """Of codes from all images, for which there are many; of likelihood from those that were held out.

        Also, of each latent, whether it is active and, where there is one, its KL.
        """
        mean, log_variance = encoded.held_out_mean, encoded.held_out_log_variance
        kl = gaussian_kl(mean, log_variance) if objective.has_kl else None
        active = objective.active(mean, log_variance)
        held_out = HeldOut(mean, encoded.reconstruction_error, kl, active)
        rows = np.searchsorted(self.needed, self.of_criteria)
        scores: dict[str, float] = {}
        for criterion in self._chosen("run"):
            if criterion.needs_kl and kl is None:
                continue  # missing, and not zero
            if not criterion.of_codes:
                scores |= criterion.compute(held_out)
                continue
            for suffix, table in codes.items():
                values = criterion.compute(replace(held_out, codes=table[rows]))
                scores |= {f"{name}{suffix}": value for name, value in values.items()}
        decoded = Decoded(encoded.decoded, encoded.shuffled, self.spec.seed)
        for criterion in self._chosen("decoder"):
            scores |= criterion.compute(decoded)
        per_latent = {ACTIVE: active.tolist()} | ({} if kl is None else {KL: kl.mean(axis=0).tolist()})
        return scores, per_latent

    def _chosen(self, needs: str) -> list[Criterion]:
        every = "all" in self.spec.criteria
        return [
            criterion
            for name, criterion in CRITERIA.items()
            if criterion.needs == needs and (every or criterion.cost == "cheap" or name in self.spec.criteria)
        ]

    def _sampled(self, mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng([self.spec.seed, 3]).standard_normal(mean.shape)
        return (mean + np.exp(log_variance / 2) * noise).astype(np.float32)

    def _draw(self, data: ImageDataset, n: int) -> np.ndarray:
        return np.sort(data.sample_indices(min(n, len(data)), np.random.default_rng([self.spec.seed, 4])))
