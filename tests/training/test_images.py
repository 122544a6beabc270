import numpy as np
import pytest
import torch

from selectdis.errors import SelectdisError
from selectdis.execution import train
from selectdis.training import _images as module
from selectdis.training import train_cohort
from selectdis.training._images import ImageBank, fingerprint
from tests.training.conftest import Images, same, small


class Lazy:
    """Like an HDF5 data set: increasing indices only."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __len__(self):
        return len(self.array)

    def __getitem__(self, key):
        if isinstance(key, np.ndarray):
            assert (np.diff(key) > 0).all()
        return self.array[key]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("fits", [True, False])
def test_images_by_index(data, batch_first, fits, monkeypatch):
    monkeypatch.setattr(module, "fits_in_memory", lambda images: fits)
    indices = torch.tensor([[3, 1, 3], [0, 199, 2]])
    expected = torch.from_numpy(data.images[indices.numpy()]).double() / 255
    for source in (data.images, Lazy(data.images)):
        bank = ImageBank(Images("x", source), torch.device("cpu"), torch.float64)
        torch.testing.assert_close(bank.take(indices, batch_first=batch_first), expected, rtol=0, atol=0)


def test_a_memory_map_and_a_lazy_array_train_alike(data, tmp_path, monkeypatch):
    np.save(tmp_path / "images.npy", data.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    runs = [train_cohort([small()], Images("x", source), steps=5, device="cpu")[0] for source in (data.images, mapped)]
    monkeypatch.setattr(module, "fits_in_memory", lambda images: False)
    runs += train_cohort([small()], Images("x", Lazy(data.images)), steps=5, device="cpu")
    assert same(runs[0], runs[1])
    assert same(runs[0], runs[2])
    assert fingerprint(data) == fingerprint(Images("y", Lazy(data.images)))


def test_a_lazy_array_is_read_once_and_forgotten_with_it(data):
    reads = []

    class Counted(Lazy):
        def __getitem__(self, key):
            if key == slice(None):
                reads.append(key)
            return super().__getitem__(key)

    lazy = Images("x", Counted(data.images))
    candidates = [small(architecture="conv", seed=seed) for seed in range(3)]
    for _ in range(2):
        runs = [train_cohort([candidate], lazy, steps=2, device="cpu")[0] for candidate in candidates]
    assert len(reads) == 1
    assert all(same(a, b) for a, b in zip(runs, train(candidates, data, steps=2, device="cpu"), strict=True))
    before = len(module._whole)
    del lazy
    assert len(module._whole) == before - 1


@pytest.mark.parametrize(
    "images", [np.zeros((4, 16, 16), np.uint8), np.zeros((4, 1, 16, 16)), np.zeros((0, 1, 16, 16), np.uint8)]
)
def test_what_is_not_images_is_refused(images):
    with pytest.raises(SelectdisError, match="must be uint8"):
        train_cohort([small()], Images("x", images), steps=1, device="cpu")
