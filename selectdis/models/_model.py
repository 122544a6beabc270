"""What an architecture is, and the model that it builds. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selectdis.models._parameters import Parameter

if TYPE_CHECKING:  # names and widths must be readable without loading torch
    from torch import Tensor

    from selectdis.models._module_pair import ModuleState

__all__ = ["Architecture", "KernelPasses", "Model", "Weights"]

Weights = Mapping[str, "Tensor"]  # parameter name -> (K, ...)


@dataclass(frozen=True)
class KernelPasses:
    """The passes of a model by our own kernels, on CUDA devices.

    Attributes
    ----------
    layouts
        Parameter name -> the order in which its axes lie in memory, K left out; of those that do not lie as they are.
    encode
        ``(weights, images, precision) -> (mean, log-variance)``; weights as they lie in memory, images as bytes or
        numbers in [0, 1], (K, B, h, w, c) where `channels_last` says so, else (K, B, c, h, w).
    decode
        ``(weights, codes, precision) -> logits``, in the order of the images.
    channels_last
        The order of images and logits.
    """

    layouts: Mapping[str, tuple[int, ...]]
    encode: Callable[[Weights, Tensor, str], tuple[Tensor, Tensor]]
    decode: Callable[[Weights, Tensor, str], Tensor]
    channels_last: bool


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
    modules
        Of a pair of torch modules what they have beside weights; `weights` then holds their buffers too, and K is 1.
    kernels
        The same passes by our own kernels, where there are any.
    """

    parameters: tuple[Parameter, ...]
    encode: Callable[[Weights, Tensor], tuple[Tensor, Tensor]]
    decode: Callable[[Weights, Tensor], Tensor]
    batch_first: bool
    modules: ModuleState | None = None
    kernels: KernelPasses | None = None


@dataclass(frozen=True)
class Architecture:
    """A named family of models.

    Attributes
    ----------
    build
        ``(image_shape (c, h, h), latents, width) -> Model``.
    width
        The default width of its hidden dense layers.
    activations
        ``(image_shape, width) -> numbers per image`` that all layers give together, from which memory is counted.
    stacks_on_cpu
        Whether several candidates in one program are faster than one after the other on a CPU.
    stacks
        Whether several candidates can be in one program at all.
    sizes
        Pixels a side of the images that it takes; empty where any will do.
    """

    name: str
    build: Callable[[tuple[int, int, int], int, int], Model]
    width: int
    activations: Callable[[tuple[int, int, int], int], int]
    stacks_on_cpu: bool
    stacks: bool = True
    sizes: tuple[int, ...] = ()
