"""A program whose networks run by our own kernels, on CUDA devices."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from selectdis.models import Parameter, Weights
from selectdis.models._discriminator import discriminate_by_kernels
from selectdis.models._likelihood import pixel_nats
from selectdis.models._model import KernelPasses
from selectdis.training._candidate import Candidate
from selectdis.training._program import Program

__all__ = ["KERNELS", "KernelProgram", "has_triton", "usable_kernels"]

KERNELS = "kernels 1"  # a new number whenever they round otherwise
SWITCH = "SELECTDIS_KERNELS"  # "0" in the environment: torch's own layers, also on CUDA
PRODUCTS = {"float32": "tf32x3", "tf32": "tf32", "bf16": "tf32"}  # precision -> how a kernel multiplies float32
OLDEST_TRITON = (3, 6)

_checked: dict[Any, bool] = {}


class KernelProgram(Program):
    """A `Program` that takes weights as they lie in memory (see `KernelPasses`), and images as bytes.

    Attributes
    ----------
    channels_last
        Whether images are (K, B, h, w, c).
    layouts
        Of the weights.
    """

    def __init__(self, *arguments: Any, precision: str) -> None:
        super().__init__(*arguments)
        assert self.model.kernels is not None
        self._own, self._products = self.model.kernels, PRODUCTS[precision]
        self.channels_last = self._own.channels_last
        self.batch_first = False
        self.layouts = self._own.layouts

    def cast(self, weights: Weights) -> dict[str, Tensor]:
        """Weights as they are: the optimiser keeps them in the precision of the networks."""
        return dict(weights)

    def discriminator_logits(self, discriminator: Weights, codes: Tensor) -> Tensor:
        """Return the logits (K, B, 2) of a discriminator for codes (K, B, L)."""
        return discriminate_by_kernels(discriminator, codes, self._products).to(self.dtype)

    def encode(self, weights: Weights, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, log-variance and sample, each (K, B, L)."""
        mean, log_variance = (part.to(self.dtype) for part in self._own.encode(weights, images, self._products))
        return mean, log_variance, mean + (0.5 * log_variance).exp() * noise

    def reconstruction(self, weights: Weights, sample: Tensor, images: Tensor) -> Tensor:
        """-log p(x | z), nats per image: (K,); by a kernel of a Bernoulli likelihood, by torch of the others."""
        from selectdis.models._stacked import bernoulli

        logits = self._own.decode(weights, sample, self._products)
        if self.likelihood == "bernoulli":
            return bernoulli(logits, images).mean(1)
        pixels = images.to(self.dtype) / 255 if images.dtype == torch.uint8 else images.to(self.dtype)
        return pixel_nats(self.likelihood, logits.to(self.dtype), pixels, weights).flatten(2).sum(2).mean(1)


def usable_kernels(
    candidates: Sequence[Candidate], shape: tuple[int, int, int], device: torch.device, precision: str
) -> bool:
    """Whether a cohort may run by our own kernels: on CUDA with Triton, where each layer agrees with torch's.

    Layers are compared once a process, on random numbers; where they differ, a warning says so.
    """
    from selectdis.models import build_model, discriminator_parameters

    if device.type != "cuda" or precision not in PRODUCTS or os.environ.get(SWITCH) == "0" or not has_triton():
        return False
    first = candidates[0]
    model = build_model(first.architecture, shape, first.latents, first.width or 0)
    if model.kernels is None:
        return False
    parameters = model.parameters
    if any(candidate.specification.adversary for candidate in candidates):
        parameters += discriminator_parameters(first.latents, first.discriminator_width)
    key = (str(device), precision, first.architecture, parameters, shape, first.batch_size)
    if key not in _checked:
        _checked[key] = _agree(first, model.kernels, parameters, shape, device, precision)
    return _checked[key]


def has_triton() -> bool:
    """Whether there is a Triton that is new enough."""
    try:
        import triton
    except ImportError:
        return False
    return tuple(int(part) for part in triton.__version__.split(".")[:2]) >= OLDEST_TRITON


def _agree(
    first: Candidate,
    passes: KernelPasses,
    parameters: Sequence[Parameter],
    shape: tuple[int, int, int],
    device: torch.device,
    precision: str,
) -> bool:
    from selectdis.models._kernel_check import disagreement

    try:
        found = disagreement(passes, parameters, shape, first.batch_size, device, PRODUCTS[precision], precision)
    except Exception as error:  # of Triton's compiler or the driver: many kinds
        if isinstance(error, torch.OutOfMemoryError):
            raise
        found = f"{type(error).__name__}: {str(error).strip()[:200]}"
    if found:
        warnings.warn(
            f"the kernels for {first.architecture!r} are not used on this device, and training is slower ({found})",
            RuntimeWarning,
            stacklevel=2,
        )
    return not found
