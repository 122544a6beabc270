"""An architecture of two plain torch modules, which train one candidate at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from selectdis.errors import SelectdisError
from selectdis.models._model import Architecture, Model, Weights
from selectdis.models._parameters import Parameter

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["ModuleState", "module_pair"]

Shape = tuple[int, int, int]
Factory = Callable[[Shape, int, int], "nn.Module"]


def module_pair(name: str, encoder: Factory, decoder: Factory, *, width: int = 256) -> Architecture:
    """Describe an architecture whose encoder and decoder are modules of torch.

    Parameters
    ----------
    name : str
        What the architecture is called.
    encoder : callable
        ``(image_shape (c, h, w), latents, width) -> torch.nn.Module`` that takes images (B, c, h, w) in [0, 1] to
        (B, 2 x latents): the mean, then the log-variance.
    decoder : callable
        With the same arguments, a module that takes codes (B, latents) to logits (B, c, h, w).
    width : int
        The default of the candidate's `width`, for whatever the modules make of it.

    Returns
    -------
    Architecture
        Weights come from the candidate's seed, as the modules draw them from torch's generator. In training the modules
        are in training mode, and what they draw (dropout) depends on seed and step alone; codes are made in evaluation
        mode.
    """
    return Architecture(
        name=name,
        build=lru_cache(maxsize=8)(partial(_build, name, encoder, decoder)),
        width=width,
        activations=lambda image_shape, width: 32 * image_shape[1] * image_shape[2],
        stacks_on_cpu=False,
        stacks=False,
    )


@dataclass(frozen=True)
class ModuleState:
    """What modules have beside weights: buffers, first values of both, and a model in training mode."""

    buffers: tuple[Parameter, ...]
    first_values: Callable[[int], dict[str, Tensor]]
    training: Model


def _build(name: str, encoder: Factory, decoder: Factory, image_shape: Shape, latents: int, width: int) -> Model:
    def made(seed: int) -> dict[str, nn.Module]:
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            pair = {"encoder": encoder(image_shape, latents, width), "decoder": decoder(image_shape, latents, width)}
        for part, module in pair.items():
            if not isinstance(module, torch.nn.Module):
                raise SelectdisError(f"the {part} of {name!r} must be a torch.nn.Module, found {module!r:.80}")
        return pair

    modules = made(0)  # the weights and buffers of each call are given to it
    state = _state(modules)
    weights = tuple(_described(key, value) for key, value in state.items() if value.requires_grad)
    if not {"encoder", "decoder"} <= {weight.name.partition(".")[0] for weight in weights}:
        raise SelectdisError(f"encoder and decoder of {name!r} must have weights to train, found {len(weights)} in all")

    def model(training: bool, extra: ModuleState | None = None) -> Model:
        call = partial(_call, modules, training)
        return Model(
            parameters=weights,
            encode=partial(_encode, name, call, latents),
            decode=partial(_decode, name, call, image_shape),
            batch_first=False,
            modules=extra,
        )

    buffers = tuple(_described(key, value) for key, value in state.items() if not value.requires_grad)
    return model(False, ModuleState(buffers, lambda seed: _state(made(seed)), model(True)))


def _state(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {
        f"{part}.{name}": tensor
        for part, module in modules.items()
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]
    }


def _described(name: str, tensor: Tensor) -> Parameter:
    return Parameter(name, tuple(tensor.shape), 0.0)


def _call(modules: Mapping[str, nn.Module], training: bool, part: str, weights: Weights, given: Tensor) -> Any:
    from torch.func import functional_call

    own = {name.removeprefix(f"{part}."): w[0] for name, w in weights.items() if name.startswith(f"{part}.")}
    return functional_call(modules[part].train(training), own, (given[0],))


def _encode(name: str, call: Callable[..., Any], latents: int, weights: Weights, images: Tensor) -> tuple[Any, Any]:
    found = _checked(name, "encoder", call("encoder", weights, images), (images.shape[1], 2 * latents))
    mean, log_variance = found[None].chunk(2, -1)
    return mean, log_variance


def _decode(name: str, call: Callable[..., Any], image_shape: Shape, weights: Weights, codes: Tensor) -> Tensor:
    return _checked(name, "decoder", call("decoder", weights, codes), (codes.shape[1], *image_shape))[None]


def _checked(name: str, part: str, found: Any, shape: tuple[int, ...]) -> Any:
    if tuple(getattr(found, "shape", ())) != shape:
        what = tuple(found.shape) if hasattr(found, "shape") else type(found).__name__
        raise SelectdisError(f"the {part} of {name!r} must return a tensor {shape}, found {what}")
    return found
