from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from selectdis.data import ImageDataset, load_dataset
from selectdis.errors import SelectdisError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
WANTED = np.moveaxis(PIXELS, -1, 1)


class Items:
    """What torchvision's data sets look like."""

    def __init__(self, images: list[Any], labels: list[Any] | None = None, classes: list[str] | None = None) -> None:
        self.images, self.labels = images, labels
        if classes:
            self.classes = classes

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, k: int) -> Any:
        return self.images[k] if self.labels is None else (self.images[k], self.labels[k])


@pytest.mark.parametrize(
    "images",
    [
        [Image.fromarray(p) for p in PIXELS],
        list(PIXELS),
        list(torch.tensor(WANTED) / 255),
        [p / 255 for p in PIXELS],
    ],
    ids=["pictures", "arrays", "tensors", "floats"],
)
def test_items_with_labels(images: list) -> None:
    data = load_dataset(Items(images, [2, 0, 1, 1, 2, 2], ["cat", "dog", "eel"]), image_size=32)
    assert (data.images == WANTED).all()
    assert data.factor_names == ("label",)
    assert data.factor_values == (("cat", "dog", "eel"),)
    assert data.factors_at([0, 1]).tolist() == [[2], [0]]
    assert not load_dataset(Items(images, [0] * 6), labels=False).labelled


def test_several_labels_and_none() -> None:
    pictures = list(PIXELS)
    data = load_dataset(Items(pictures, [(k % 2, k % 3) for k in range(6)]))
    assert data.factor_sizes == (2, 3)
    assert data.image_shape == (3, 64, 64)
    data = load_dataset(Items(pictures, [torch.tensor(k % 2) for k in range(6)]))
    assert data.factor_sizes == (2,)
    assert not load_dataset(Items(pictures)).labelled
    assert load_dataset(Items(pictures), gray=True).image_shape == (1, 64, 64)


def test_arrays_and_tensors() -> None:
    assert (load_dataset(PIXELS).images == WANTED).all()
    assert (load_dataset(torch.tensor(WANTED)).images == WANTED).all()
    assert (load_dataset(torch.tensor(WANTED) / 255).images == WANTED).all()
    assert load_dataset(PIXELS[..., 0], image_size=16).image_shape == (1, 16, 16)


@pytest.mark.parametrize("thing", [PIXELS // 20, Items(list(PIXELS // 20))])
def test_dark_ones_are_said_to_be(thing: Any) -> None:
    with pytest.warns(UserWarning, match=r"brightest pixel is 12 of 255; the files hold uint8, 0 to 12: scaling="):
        load_dataset(thing)
    assert int(load_dataset(thing, scaling="dataset").images.max()) == 255


def test_a_data_set_is_itself() -> None:
    data = ImageDataset("mine", WANTED)
    assert load_dataset(data) is data
    with pytest.raises(SelectdisError, match="has no option 'gray'"):
        load_dataset(data, gray=True)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (7, "found int"),
        (Items([]), "holds no images"),
        (Items(["x", "y"]), "image 0 of Items should be a picture or an array"),
        (Items([PIXELS[0], PIXELS[1, ..., 0]]), "same number of channels"),
        (Items(list(PIXELS), [(1,), (1, 2)] * 3), "same number of labels"),
        (Items([PIXELS[0] * np.nan]), "NaN"),
        ({"images": PIXELS}, r"items \[0\], \[1\], ... are images; of dict \[0\] is none"),
        (PIXELS.astype(int), "holds int64: scaling="),
        (PIXELS.astype(float), "divide by 255"),
    ],
)
def test_things_that_are_no_images(thing: Any, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset(thing)
