"""A run: a trained candidate, its curves, and the codes it gives to images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch import Tensor

from selectdis._files import Writer, written
from selectdis.data._codes_table import check_codes_file, write_codes_table
from selectdis.data._like import dataset_like, images_like
from selectdis.data._sizes import FITS
from selectdis.data.reading._scaling import Scaling, check_scaling
from selectdis.errors import SelectdisError
from selectdis.models import Model, build_model
from selectdis.models._likelihood import pixel_nats
from selectdis.training._candidate import Candidate
from selectdis.training._program import final_codes, parameters_beside
from selectdis.training._safetensors_file import WRITE_ERRORS, read_file, write_file

__all__ = ["Run", "write_run"]

KIND = "run"
VERSION = 1
CPU_BATCH, CUDA_BATCH = 64, 4096  # images at once; on CPU twice as fast as 256, which leaves the cache
Images = Any  # an array or tensor, a data set, or the name of one
STATUSES = ("complete", "diverged", "stopped")


@dataclass(eq=False, repr=False)
class Run(TransformerMixin, BaseEstimator):
    """A trained candidate; a fitted scikit-learn transformer from images to mean codes.

    Attributes
    ----------
    candidate : Candidate
        What was trained.
    dataset : str
        Name of the data set.
    image_shape : tuple of int
        (channels, height, width) that it takes.
    steps : int
        Steps done; of a diverged run the one at which it failed.
    status : {"complete", "diverged", "stopped"}
        "diverged": the loss was not finite at `failed_step`, and there are no codes. "stopped": given up early.
    curves : dict of str to ndarray
        "step" (k,) and, as means over the steps up to each, "loss", "reconstruction", "kl" (k,), "kl_per_latent"
        (k, latents; both where the objective has a KL) and the objective's own terms, in nats per image.
    seconds : float
        Its share of the time of its cohort.
    image_fit : str
        How the pictures that it was trained on became squares: "crop", "stretch" or "pad"; empty where nothing had to.
    image_scaling : str or (float, float)
        How the values of their pixels became 0 to 255, as the option `scaling` of data sets.
    parameters : dict of str to Tensor
        The weights of encoder and decoder, and of torch modules their buffers.
    """

    candidate: Candidate
    dataset: str
    image_shape: tuple[int, int, int]
    steps: int
    status: Literal["complete", "diverged", "stopped"]
    parameters: Mapping[str, Tensor]
    failed_step: int | None = None
    curves: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    image_fit: str = ""
    image_scaling: Scaling = "type"

    def __repr__(self) -> str:
        return f"Run({self.candidate.id}, dataset={self.dataset!r}, steps={self.steps}, status={self.status!r})"

    def fit(self, images: Any = None, y: Any = None) -> Run:
        """Nothing to do: a run is trained."""
        return self

    def transform(self, images: Images) -> np.ndarray:
        """Mean codes of images.

        Parameters
        ----------
        images
            uint8 (n, c, h, w), or float (n, c, h, w) in [0, 1]; or a data set, its name, ``"folder:PATH"``. Images of
            another size, other channels or 16 bits are brought to what the run was trained with.

        Returns
        -------
        codes : float32 (n, latents)

        Raises
        ------
        SelectdisError
            If these are no images, or if the run diverged.
        """
        return self.encode(images)[0]

    def save_codes(self, path: str | Path, images: Images) -> list[Path]:
        """Write the mean codes of images, a row each with the name of its file.

        Parameters
        ----------
        path
            .csv, .csv.gz or .parquet: a column `file` (`image`, a number, where images have no files) and one for each
            latent. .npy: float32 (n, latents) alone, and the names of the files, if any, in a CSV beside it.
        images
            As of `transform`.

        Returns
        -------
        list of Path
            The files that were written.

        Raises
        ------
        SelectdisError
            If the path has another ending, or as `transform` does.
        """
        check_codes_file(Path(path))
        data = dataset_like(images, self.image_shape, self.image_fit, scaling=self.image_scaling)
        try:
            return write_codes_table(Path(path), self.transform(data), getattr(data, "files", ()))
        except WRITE_ERRORS as error:
            raise SelectdisError(f"cannot write the codes to {path}: {error}") from None

    def encode(self, images: Images) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance of q(z|x), float32 (n, latents) each; see `transform`.

        Quantised codes are certain: their log-variance is minus infinity.
        """
        model = self._usable()
        return self._joined(self._codes(model, batch) for batch in self._batches(images))

    def encode_and_judge(self, images: Images) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `encode` and `reconstruction_error` do, from one pass."""
        model, weights = self._usable(), self._stacked()
        codes, errors = [], []
        for batch in self._batches(images):
            codes.append(self._codes(model, batch))
            errors.append(self._errors(model.decode(weights, codes[-1][0]), batch))
        return *self._joined(codes), torch.cat(errors).float().cpu().numpy() if errors else np.empty(0, np.float32)

    def _codes(self, model: Model, batch: Tensor) -> tuple[Tensor, Tensor]:
        weights = self._stacked()
        return final_codes(self.candidate.objective, weights, *model.encode(weights, batch))

    def sample(self, images: Images, *, seed: int) -> np.ndarray:
        """One sampled code an image, float32 (n, latents): mean + sigma * noise; see `transform`."""
        mean, log_variance = self.encode(images)
        noise = np.random.default_rng(seed).standard_normal(mean.shape, dtype=np.float32)
        return mean + np.exp(0.5 * log_variance) * noise

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the mean images of codes (n, latents): float32 (n, c, h, w) in [0, 1]."""
        codes = np.asarray(codes)
        latents = self.candidate.latents
        if codes.ndim != 2 or codes.shape[1] != latents:
            raise SelectdisError(f"codes must be (n, {latents}), found {codes.shape}")
        model, weights = self._usable(), self._stacked()
        images = np.empty((len(codes), *self.image_shape), np.float32)
        for start in range(0, len(codes), self._batch):
            rows = slice(start, start + self._batch)
            images[rows] = model.decode(weights, self._tensor(codes[rows])[None])[0].sigmoid().float().cpu().numpy()
        return images

    def reconstruction_error(self, images: Images) -> np.ndarray:
        """-log p(x | z) at the mean code under its likelihood, nats summed over pixels: float32 (n,)."""
        return self.encode_and_judge(images)[2]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """``["latent_0", "latent_1", ...]``."""
        return np.array([f"latent_{i}" for i in range(self.candidate.latents)], dtype=object)

    def to(self, device: str) -> Run:
        """Return the same run with its weights on a device; results always come back as NumPy arrays."""
        self.parameters = {name: weight.to(device) for name, weight in self.parameters.items()}
        return self

    def save(self, path: str | Path) -> None:
        """Write the run to one safetensors file, whole or not at all.

        Raises
        ------
        SelectdisError
            If the file cannot be written.
        """
        write_run(self, Path(path), written)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Return the run in a file that `save` wrote; nothing is unpickled.

        Raises
        ------
        SelectdisError
            If the file is missing, damaged, or does not hold a run whose arrays fit its description.
        """
        arrays, description = read_file(Path(path), KIND)
        try:
            return _run_of(arrays, description)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SelectdisError(f"{path} does not hold a valid run: {error}") from None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """No parameters to search over: a run is trained."""
        return {}

    def __sklearn_clone__(self) -> Run:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _usable(self) -> Model:
        if self.status == "diverged":
            raise SelectdisError(
                f"{self.candidate.id} diverged at step {self.failed_step} and has no codes; "
                "choose another run, or train it with a lower learning rate"
            )
        return _model(self.candidate, self.image_shape)

    def _joined(self, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance of all batches, on the host: a device is waited for once."""
        parts = list(batches)
        if not parts:
            empty = np.empty((0, self.candidate.latents), np.float32)
            return empty, empty.copy()
        mean, log_variance = (torch.cat(own, 1)[0].float().cpu().numpy() for own in zip(*parts, strict=True))
        return mean, log_variance

    def _errors(self, logits: Tensor, images: Tensor) -> Tensor:
        return pixel_nats(self.candidate.likelihood, logits, images, self._stacked()).sum((2, 3, 4))[0]

    def _stacked(self) -> dict[str, Tensor]:
        return {name: weight.unsqueeze(0) for name, weight in self.parameters.items()}

    def _tensor(self, array: np.ndarray | Tensor) -> Tensor:
        weight = next(iter(self.parameters.values()))
        own = array if isinstance(array, Tensor) else torch.from_numpy(np.ascontiguousarray(array))
        return own.to(weight.device, weight.dtype)

    @property
    def _batch(self) -> int:
        return CUDA_BATCH if next(iter(self.parameters.values())).is_cuda else CPU_BATCH

    def _batches(self, images: Images) -> Iterator[Tensor]:
        images = self._checked(images)
        for start in range(0, len(images), self._batch):
            part = images[start : start + self._batch]
            part = part if isinstance(part, Tensor) else np.asarray(part)
            yield (self._tensor(part) / (255 if part.dtype in (np.uint8, torch.uint8) else 1)).unsqueeze(0)

    def _checked(self, images: Images) -> Any:
        if isinstance(images, Tensor) and images.dtype == torch.uint8 and tuple(images.shape[1:]) == self.image_shape:
            return images  # on the device already
        images = images_like(images, self.image_shape, self.image_fit, self.image_scaling)
        if images.dtype == np.uint8:
            return images
        images = np.asarray(images)
        if images.dtype.kind != "f" or (images.size and not (images.min() >= 0 and images.max() <= 1)):
            raise SelectdisError(
                f"images must be uint8 in 0..255 or float in [0, 1], found {images.dtype}"
                + (f" in [{images.min():g}, {images.max():g}]" if images.size and images.dtype.kind in "iuf" else "")
            )
        return images


def write_run(run: Run, path: Path, writer: Writer) -> None:
    """Write `run` to `path`; see `Run.save`."""
    arrays = {f"parameters/{name}": weight.cpu().numpy() for name, weight in run.parameters.items()}
    arrays |= {f"curves/{name}": values for name, values in run.curves.items()}
    description = {
        "kind": KIND,
        "version": VERSION,
        "candidate": run.candidate.to_dict(),
        "dataset": run.dataset,
        "image_shape": list(run.image_shape),
        "steps": run.steps,
        "status": run.status,
        "failed_step": run.failed_step,
        "seconds": run.seconds,
    }
    description |= {"image_fit": run.image_fit} if run.image_fit else {}
    description |= {"image_scaling": run.image_scaling} if run.image_scaling != "type" else {}
    try:
        write_file(Path(path), arrays, description, writer)
    except WRITE_ERRORS as error:
        raise SelectdisError(f"cannot write the run to {path}: {error}") from None


def _model(candidate: Candidate, image_shape: tuple[int, int, int]) -> Model:
    return build_model(candidate.architecture, image_shape, candidate.latents, candidate.width or 0)


def _run_of(arrays: dict[str, np.ndarray], description: dict[str, Any]) -> Run:
    if description["version"] != VERSION:
        raise ValueError(f"version {description['version']!r} of the file format is not known here")
    candidate = Candidate.from_dict(description["candidate"])
    channels, height, breadth = (int(side) for side in description["image_shape"])
    status, failed = description["status"], description["failed_step"]
    if status not in STATUSES or not isinstance(description["dataset"], str):
        raise ValueError(f"the status must be one of {', '.join(STATUSES)}, found {status!r}")
    if (image_fit := description.get("image_fit", "")) not in ("", *FITS):
        raise ValueError(f"image_fit must be one of {', '.join(FITS)}, found {image_fit!r}")
    seconds = float(description["seconds"])
    if not math.isfinite(seconds):
        raise ValueError("the seconds must be finite")
    return Run(
        candidate=candidate,
        dataset=description["dataset"],
        image_shape=(channels, height, breadth),
        steps=int(description["steps"]),
        status=status,
        failed_step=None if failed is None else int(failed),
        seconds=seconds,
        image_fit=image_fit,
        image_scaling=check_scaling(description.get("image_scaling", "type")),
        parameters=_checked_parameters(arrays, candidate, (channels, height, breadth)),
        curves={name.removeprefix("curves/"): array for name, array in arrays.items() if name.startswith("curves/")},
    )


def _checked_parameters(
    arrays: dict[str, np.ndarray], candidate: Candidate, image_shape: tuple[int, int, int]
) -> dict[str, Tensor]:
    parameters = {}
    model = _model(candidate, image_shape)
    buffers = model.modules.buffers if model.modules is not None else ()
    for parameter in (*model.parameters, *parameters_beside(candidate), *buffers):
        array = arrays.get(f"parameters/{parameter.name}")
        wrong_type = array is None or (array.dtype not in (np.float32, np.float64) and parameter not in buffers)
        if array is None or array.shape != (parameter.shape or (1,)) or wrong_type:
            found = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise ValueError(f"{parameter.name} must be a float array {parameter.shape}, found {found}")
        parameters[parameter.name] = torch.from_numpy(
            array.reshape(parameter.shape)
        )  # no numbers without an axis in a file
    return parameters
