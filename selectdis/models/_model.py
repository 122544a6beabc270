"""What training needs to know of an architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from selectdis.models._parameters import Parameter

__all__ = ["Model", "Weights"]

Weights = Mapping[str, Tensor]  # parameter name -> (K, ...)


@dataclass(frozen=True)
class Model:
    """An encoder and a decoder for K stacked candidates.

    Attributes
    ----------
    encode
        ``(weights, images (K, B, c, h, w) in [0, 1]) -> (mean (K, B, L), log-variance (K, B, L))``.
    decode
        ``(weights, codes (K, B, L)) -> logits (K, B, c, h, w)``.
    batch_first
        Whether images are best laid out in memory as (B, K, c, h, w), whatever the order of the axes.
    """

    parameters: tuple[Parameter, ...]
    encode: Callable[[Weights, Tensor], tuple[Tensor, Tensor]]
    decode: Callable[[Weights, Tensor], Tensor]
    batch_first: bool
