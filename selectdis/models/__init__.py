"""Encoders, decoders and FactorVAE's discriminator, for K stacked candidates at once."""

from __future__ import annotations

from collections.abc import Callable

from selectdis.errors import SelectdisError
from selectdis.models._conv import conv_model
from selectdis.models._discriminator import discriminate, discriminator_parameters
from selectdis.models._fc import fc_model
from selectdis.models._model import Model, Weights
from selectdis.models._parameters import Parameter, initial_values

__all__ = [
    "IMAGE_SIZES",
    "MODELS",
    "Model",
    "Parameter",
    "Weights",
    "build_model",
    "discriminate",
    "discriminator_parameters",
    "initial_values",
]

MODELS: dict[str, Callable[[tuple[int, int, int], int, int], Model]] = {"conv": conv_model, "fc": fc_model}

IMAGE_SIZES = (64, 32, 16)


def build_model(architecture: str, image_shape: tuple[int, int, int], latents: int, width: int) -> Model:
    """The model of an architecture for images (c, h, w).

    Raises
    ------
    SelectdisError
        If the images are not square with a side of 64, 32 or 16 pixels.
    """
    channels, height, breadth = image_shape
    if height != breadth or height not in IMAGE_SIZES or channels < 1:
        raise SelectdisError(
            f"images must be (channels, h, h) with h in {IMAGE_SIZES}, found {tuple(image_shape)}; "
            "resize them with the data set's image_size option"
        )
    return MODELS[architecture]((channels, height, breadth), latents, width)
