"""Encoders, decoders and FactorVAE's discriminator, for K stacked candidates at once.

Importing this package does not load torch; computing with a model does.
"""

from __future__ import annotations

from selectdis import _plugins
from selectdis.errors import SelectdisError
from selectdis.models._conv import CONV
from selectdis.models._discriminator import discriminate, discriminator_parameters
from selectdis.models._fc import FC
from selectdis.models._likelihood import LIKELIHOODS
from selectdis.models._model import Architecture, Model, Weights
from selectdis.models._module_pair import module_pair
from selectdis.models._parameters import Parameter, initial_values

__all__ = [
    "ARCHITECTURES",
    "LIKELIHOODS",
    "Architecture",
    "Model",
    "Parameter",
    "Weights",
    "build_model",
    "discriminate",
    "discriminator_parameters",
    "initial_values",
    "module_pair",
]

ARCHITECTURES: dict[str, Architecture] = {
    "conv": CONV,
    "fc": FC,
}

_plugins.register("architectures", ARCHITECTURES, Architecture)


def build_model(architecture: str, image_shape: tuple[int, int, int], latents: int, width: int) -> Model:
    """Return the model of an architecture.

    Parameters
    ----------
    architecture : str
        A name of `ARCHITECTURES`.
    image_shape : tuple of int
        (channels, height, width) of the images.
    latents : int
        Size of the code.
    width : int
        Units of the hidden dense layers.

    Returns
    -------
    model : Model

    Raises
    ------
    SelectdisError
        If the images are not square, or of a size that the architecture does not take.
    """
    channels, height, breadth = image_shape
    sizes = ARCHITECTURES[architecture].sizes
    if height != breadth or (sizes and height not in sizes) or channels < 1:
        among = f" with h in {sizes} for the architecture {architecture!r}" if sizes else ""
        raise SelectdisError(
            f"images must be (channels, h, h){among}, found {tuple(image_shape)}; resize them with the data set's "
            "image_size option" + ("; fc takes any size" if sizes else "")
        )
    return ARCHITECTURES[architecture].build((channels, height, breadth), latents, width)
