"""The mathematics of one step of a cohort: forward pass and losses of K stacked candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from selectdis.errors import SelectdisError
from selectdis.models import Model, Weights, build_model, discriminate, discriminator_parameters
from selectdis.models._likelihood import likelihood_parameters, pixel_nats
from selectdis.models._parameters import Parameter
from selectdis.objectives import OBJECTIVES, Batch
from selectdis.objectives._factor_vae import discriminator_loss, permute_codes
from selectdis.objectives._qlae import quantise
from selectdis.training._candidate import Candidate

__all__ = ["CODEBOOK", "Group", "Program", "final_codes", "gaussian_kl", "parameters_beside"]

CODEBOOK = "codebook.values"  # parameter (K, L, V)


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of each latent, mean over the batch: (K, B, L) twice -> (K, L) nats.

    Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).mean(1)


def parameters_beside(candidate: Candidate) -> tuple[Parameter, ...]:
    """Return what a candidate has beside its model's parameters: values of its latents, a variance of its pixels."""
    return (*codebook_of(candidate), *likelihood_parameters(candidate.likelihood))


def codebook_of(candidate: Candidate) -> tuple[Parameter, ...]:
    """Return the values of a candidate's latents, where it has some."""
    codebook = candidate.specification.codebook
    if codebook is None:
        return ()
    return (Parameter(CODEBOOK, (candidate.latents, codebook.values), 0.0, ends=(codebook.low, codebook.high)),)


def final_codes(objective: str, weights: Weights, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and log-variance of the codes of trained candidates, from what their encoder says; (K, B, L) each.

    A quantised code is certain: its log-variance is minus infinity. `weights` are in full precision.
    """
    if OBJECTIVES[objective].codebook is None:
        return mean, log_variance
    return quantise(mean, weights[CODEBOOK]), torch.full_like(log_variance, -torch.inf)


@dataclass(frozen=True)
class Group:
    """Neighbouring rows of a cohort with one objective."""

    objective: str
    rows: slice
    strengths: Mapping[str, Tensor]  # each (K_group,)


class Program:
    """What the candidates of one cohort compute together; they are sorted by objective.

    Attributes
    ----------
    model
        Their encoder and decoder.
    groups
        Rows by objective.
    parameters, discriminator
        What is trained, and in which order it is drawn at first.
    beside
        What the rows have beside it: a codebook, where one of them quantises, and what their likelihood trains.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        shape: tuple[int, int, int],
        device: torch.device,
        dtype: torch.dtype,
        network_dtype: torch.dtype,
    ) -> None:
        self.dtype, self.network_dtype = dtype, network_dtype
        first = candidates[0]
        self.model: Model = build_model(first.architecture, shape, first.latents, first.width or 0)
        self.modules = self.model.modules
        if self.modules is not None:
            self.model = self.modules.training
            if network_dtype != dtype:
                raise SelectdisError(
                    f"the torch modules of {first.architecture!r} train in float32, tf32 or float64, found bf16"
                )
        self.batch_first = self.model.batch_first
        self.groups = tuple(_groups(candidates, device, dtype))
        self.adversarial = next((g.rows for g in self.groups if OBJECTIVES[g.objective].adversary), slice(0, 0))
        self.parameters: tuple[Parameter, ...] = self.model.parameters
        self.likelihood = first.likelihood
        codebook = next((own for candidate in candidates if (own := codebook_of(candidate))), ())
        self.beside = (*codebook, *likelihood_parameters(first.likelihood))
        self.discriminator: tuple[Parameter, ...] = (
            discriminator_parameters(first.latents, first.discriminator_width) if self.has_adversary else ()
        )

    channels_last = False  # images are (K, B, c, h, w)

    @property
    def has_adversary(self) -> bool:
        """Whether any candidate has a discriminator."""
        return self.adversarial.stop > self.adversarial.start

    def cast(self, weights: Weights) -> dict[str, Tensor]:
        """Weights in the precision of the networks; gradients go back to the weights in full precision."""
        if self.modules is not None:  # in one precision; and buffers change in place
            return dict(weights)
        return {name: weight.to(self.network_dtype) for name, weight in weights.items()}

    def discriminator_logits(self, discriminator: Weights, codes: Tensor) -> Tensor:
        """Return the logits (K, B, 2) of a cast discriminator for codes (K, B, L)."""
        return discriminate(discriminator, codes.to(self.network_dtype)).to(self.dtype)

    def encode(self, weights: Weights, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, log-variance and sample, each (K, B, L), from cast weights; codes are always in full precision."""
        mean, log_variance = (p.to(self.dtype) for p in self.model.encode(weights, images.to(self.network_dtype)))
        return mean, log_variance, mean + (0.5 * log_variance).exp() * noise

    def reconstruction(self, weights: Weights, sample: Tensor, images: Tensor) -> Tensor:
        """-log p(x | z) of cast weights, nats per image: (K,); summed over pixels, mean over the batch."""
        logits = self.model.decode(weights, sample.to(self.network_dtype)).to(self.dtype)
        nats = pixel_nats(self.likelihood, logits, images, weights)
        return nats.sum((1, 2, 3, 4)) / images.shape[1]

    def losses(
        self, weights: Weights, discriminator: Weights, images: Tensor, noise: Tensor, step: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Total losses (K,), statistics (K,) or (K, L) by name, and the detached sample (K, B, L)."""
        exact, weights = weights, self.cast(weights)
        mean, log_variance, sample = self.encode(weights, images, noise)
        quantised: dict[str, Tensor] = {}
        if any(OBJECTIVES[group.objective].changes_codes for group in self.groups):
            (mean, log_variance, sample), quantised = self._own_codes(exact, (mean, log_variance, sample), noise)
        reconstruction = self.reconstruction(weights, sample, images)
        kl = gaussian_kl(mean, log_variance)
        frozen = self.cast({name: weight.detach() for name, weight in discriminator.items()})
        totals: list[Tensor] = []
        terms: list[dict[str, Tensor]] = []
        pixels = images[0, 0].numel()
        for group in self.groups:
            rows, objective = group.rows, OBJECTIVES[group.objective]
            judged = self.discriminator_logits(frozen, sample[rows]) if objective.adversary else None
            codes = (mean[rows], log_variance[rows], sample[rows])
            own = quantised.get(group.objective)
            batch = Batch(reconstruction[rows], kl[rows], *codes, step, judged, own, pixels)
            loss = objective.loss(batch, group.strengths)
            totals.append(loss.total)
            terms.append(loss.terms)
        total = torch.cat(totals)
        stats = {"loss": total, "reconstruction": reconstruction, "kl": kl.sum(-1), "kl_per_latent": kl}
        stats = {name: value.detach() for name, value in (stats | self._spread(terms, total)).items()}
        return total, stats, sample.detach()

    def _own_codes(
        self, weights: Weights, codes: tuple[Tensor, Tensor, Tensor], noise: Tensor
    ) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """Return mean, log-variance and sample as each row's objective wants them, and by objective what it quantised.

        `weights` are in full precision.
        """
        parts, quantised = [], {}
        for group in self.groups:
            rows, objective = group.rows, OBJECTIVES[group.objective]
            mean, log_variance, sample = (part[rows] for part in codes)
            if objective.codebook is not None:
                values = quantised[group.objective] = quantise(mean, weights[CODEBOOK][rows])
                # The value itself, with the gradient of what was quantised (straight through).
                log_variance, sample = torch.zeros_like(mean), values.detach() + (mean - mean.detach())
            elif objective.share is not None:
                mean, log_variance = objective.share(mean, log_variance)
                sample = mean + (0.5 * log_variance).exp() * noise[rows]
            parts.append((mean, log_variance, sample))
        return tuple(torch.cat(part) for part in zip(*parts, strict=True)), quantised

    def permuted_codes(self, weights: Weights, images: Tensor, noise: Tensor, order: Tensor) -> Tensor:
        """Permuted codes (K', B, L) of a discriminator's own batch; `weights` are those of the whole cohort."""
        with torch.no_grad():
            own = {name: weight[self.adversarial] for name, weight in weights.items()}
            _, _, sample = self.encode(self.cast(own), images, noise)
            return permute_codes(sample, order)

    def discriminator_losses(self, discriminator: Weights, sample: Tensor, permuted: Tensor) -> Tensor:
        """Return the losses (K',) of the discriminators; `sample`: the true codes (K, B, L) of the whole cohort."""
        codes = torch.cat([sample[self.adversarial], permuted], 1)  # one pass over the weights, which are large
        true_logits, permuted_logits = self.discriminator_logits(self.cast(discriminator), codes).chunk(2, 1)
        return discriminator_loss(true_logits, permuted_logits)

    def _spread(self, terms: Sequence[Mapping[str, Tensor]], total: Tensor) -> dict[str, Tensor]:
        """Each objective's own terms as columns over the whole cohort, zero where an objective has no such term."""
        spread: dict[str, Tensor] = {}
        for group, own in zip(self.groups, terms, strict=True):
            for name, value in own.items():
                column = spread.setdefault(name, torch.zeros_like(total, requires_grad=False))
                column[group.rows] = value.detach()
        return spread


def _groups(candidates: Sequence[Candidate], device: torch.device, dtype: torch.dtype) -> list[Group]:
    groups, start = [], 0
    while start < len(candidates):
        objective = candidates[start].objective
        stop = start
        while stop < len(candidates) and candidates[stop].objective == objective:
            stop += 1
        members = candidates[start:stop]
        strengths = {
            name: torch.tensor([c.strengths[name] for c in members], dtype=dtype, device=device)
            for name in members[0].strengths
        }
        groups.append(Group(objective, slice(start, stop), strengths))
        start = stop
    return groups
