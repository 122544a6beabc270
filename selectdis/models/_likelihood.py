"""What a decoder says of a pixel: -log p(x | z) from its logits, in nats. Nothing here loads torch by itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from selectdis.models._model import Weights
from selectdis.models._parameters import Parameter

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LIKELIHOODS", "likelihood_parameters", "pixel_nats"]

LIKELIHOODS = ("bernoulli", "gaussian", "gaussian_learned")
VARIANCE = "decoder.variance"  # parameter (K, 1) of "gaussian_learned": log(variance) over SPEED, before the floor
# Adam moves a number by about the learning rate a step: so many times as fast the variance settles within the first
# hundreds of steps, as the rest does.
SPEED = 50.0
FLOOR = 2 * math.log(1 / 255)  # of log(variance): no finer than the steps of a byte


def likelihood_parameters(likelihood: str) -> tuple[Parameter, ...]:
    """Return what is trained of a likelihood itself: of "gaussian_learned" its variance, at first 1."""
    return (Parameter(VARIANCE, (1,), 0.0),) if likelihood == "gaussian_learned" else ()


def pixel_nats(likelihood: str, logits: Tensor, images: Tensor, weights: Weights) -> Tensor:
    """-log p(x | z) of each pixel of images in [0, 1], nats: logits and images (K, B, ...) -> the same shape.

    "bernoulli": log(1 + e^a) - a x, which never forms a probability, so that large logits stay exact. "gaussian": a
    density with mean sigmoid(a) and variance 1; "gaussian_learned": with one variance for all pixels, trained with the
    networks (the sigma-VAE of Rybkin et al. 2021, section 4.1), at least that of a byte's step. Densities may exceed 1,
    hence these nats be negative.
    """
    from torch.nn import functional as F

    if likelihood == "bernoulli":
        return F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    square = (images - logits.sigmoid()).square()
    if likelihood == "gaussian":
        return 0.5 * (square + math.log(2 * math.pi))
    log_variance = FLOOR + F.softplus(SPEED * weights[VARIANCE].to(logits.dtype) - FLOOR)
    log_variance = log_variance.view(-1, *(1,) * (logits.ndim - 1))
    return 0.5 * (square * (-log_variance).exp() + log_variance + math.log(2 * math.pi))
