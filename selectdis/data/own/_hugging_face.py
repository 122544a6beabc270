"""Hugging Face data sets on disk (extra ``hf``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns, known_column
from selectdis.data.own._objects import item_images
from selectdis.data.reading._picture import PictureOptions
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError, nearest

__all__ = ["hugging_face"]


def hugging_face(
    path: str | Path,
    *,
    split: str | None = None,
    column: str | None = None,
    factors: Sequence[str] | str | None = None,
    bins: int | None = None,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    background: str = "black",
    scaling: Scaling = "type",
) -> ImageDataset:
    """Read a data set that `datasets` saved with `save_to_disk`; nothing is downloaded.

    Parameters
    ----------
    path : str or Path
        The folder.
    split : str, optional
        Which part, where there are several.
    column : str, optional
        Of the images; by default the one with the Image feature.
    factors : str or sequence of str, optional
        Columns to use as factors; by default every ClassLabel, integer, boolean and string column.
    bins : int, optional
        A continuous factor is cut into that many bins of equal frequency; without it, metrics that need classes
        refuse it.
    image_size, gray, fit, background, scaling
        As for `folder`.

    Raises
    ------
    SelectdisError
        Where the extra is not installed, or the folder is not such a data set.
    """
    options = PictureOptions(image_size, gray, fit, background, scaling)
    rows = _split(_load(path), split, path)
    picture = _image_column(rows, column, path)
    names = _factor_columns(rows, picture, factors, path)
    items = list(rows[picture])
    if not items:
        raise SelectdisError(f"hf:{path} holds no images")
    images, originals = item_images(items, str(path), options)
    name, source = f"hf:{path}", str(Path(path).expanduser().resolve())
    if not names:
        return ImageDataset(name, images, source=source, originals=originals)
    columns = [_values(rows, factor) for factor in names]
    return replace(dataset_of_columns(name, images, names, columns, source=source, bins=bins), originals=originals)


def _load(path: str | Path) -> Any:
    try:
        import datasets
    except ImportError:
        raise SelectdisError("Hugging Face data sets need the extra: pip install 'selectdis[hf]'") from None
    where = Path(path).expanduser()
    if not where.is_dir():
        raise SelectdisError(f"hf:{path} needs the folder of a saved data set, and there is none")
    try:
        return datasets.load_from_disk(str(where))
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SelectdisError(f"{path} is not a data set that save_to_disk wrote ({reason})") from None


def _split(loaded: Any, split: str | None, path: str | Path) -> Any:
    if not isinstance(loaded, dict):
        if split is not None:
            raise SelectdisError(f"hf:{path} has no splits; leave split={split!r} out")
        return loaded
    if split is None and len(loaded) == 1:
        return next(iter(loaded.values()))
    if split not in loaded:
        hint = nearest(split, loaded) if split else ""
        raise SelectdisError(f"hf:{path} has the splits {', '.join(loaded)}: choose one with split=NAME{hint}")
    return loaded[split]


def _image_column(rows: Any, column: str | None, path: str | Path) -> str:
    if column is not None:
        return known_column(column, rows.column_names, f"hf:{path}")
    images = [name for name, feature in rows.features.items() if type(feature).__name__ == "Image"]
    if len(images) != 1:
        raise SelectdisError(
            f"hf:{path} has {len(images)} image columns: choose one with column=NAME of {', '.join(rows.column_names)}"
        )
    return images[0]


def _factor_columns(rows: Any, picture: str, factors: Sequence[str] | str | None, path: str | Path) -> list[str]:
    if factors is not None:
        return [
            known_column(name, rows.column_names, f"hf:{path}")
            for name in ([factors] if isinstance(factors, str) else factors)
        ]
    return [name for name, feature in rows.features.items() if name != picture and _is_factor(feature)]


def _is_factor(feature: Any) -> bool:
    if type(feature).__name__ == "ClassLabel":
        return True
    return str(getattr(feature, "dtype", "")).startswith(("int", "uint", "bool", "string"))


def _values(rows: Any, factor: str) -> list[Any]:
    values, feature = list(rows[factor]), rows.features[factor]
    if type(feature).__name__ != "ClassLabel":
        return values
    return [None if v is None or v < 0 else feature.int2str(v) for v in values]  # -1 is their word for no label
