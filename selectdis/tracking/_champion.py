"""A trained run as an MLflow model: its safetensors file, and code to load it. Nothing is pickled."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["CHAMPION", "model_name", "save_model"]

CHAMPION = "champion"  # the alias in the registry
_CODE = Path(__file__).with_name("_champion_model.py")


def model_name(study: str, dataset: str) -> str:
    """Return the name in the registry: ``<study>-<data set>``."""
    return f"{study}-{re.sub(r'[^A-Za-z0-9]+', '-', dataset).strip('-')[:80]}"


def save_model(
    folder: Path, file: Path, image_shape: Sequence[int], latents: int, model_id: str | None, run_id: str | None
) -> None:
    """Write an MLflow model of python_function flavour.

    Parameters
    ----------
    folder : Path
        Where to; must not exist yet.
    file : Path
        The run's safetensors file, which is copied.
    image_shape : (channels, height, width)
        Of the uint8 images that `predict` takes.
    latents : int
        Columns of the float32 codes that it gives.
    model_id, run_id : str or None
        What MLflow knows the model and its run by, if it does.
    """
    import mlflow.pyfunc
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    images = Schema([TensorSpec(np.dtype(np.uint8), (-1, *image_shape))])
    codes = Schema([TensorSpec(np.dtype(np.float32), (-1, latents))])
    with warnings.catch_warnings(), TemporaryDirectory() as temporary:
        warnings.simplefilter("ignore")  # predict's types are in the signature
        plain = Path(shutil.copy(file, temporary))  # MLflow reads a path as a URL, in which % and ? mean something
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(_CODE),
            artifacts={"run": str(plain)},
            signature=ModelSignature(images, codes),
            pip_requirements=[f"selectdis=={version('selectdis')}"],
            mlflow_model=Model(model_id=model_id, run_id=run_id),
        )
