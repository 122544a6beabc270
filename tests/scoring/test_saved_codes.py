"""`selectdis score`: what can be scored, and what is refused because it is no code or no class."""

import numpy as np
import pytest

from selectdis.data import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.scoring import evaluate
from selectdis.scoring._saved_codes import evaluate_codes, load_codes

RNG = np.random.default_rng(0)
CODES = RNG.normal(size=(60, 2))
FACTORS = RNG.integers(0, 3, (60, 2))


@pytest.mark.parametrize("metrics", [["mig", "explicitness"], ["factor_vae"]])
def test_saved_codes_score_as_an_encoder_that_gives_them(metrics):
    rows = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)  # each picture is its number
    data = ImageDataset("rows", rows, ("a", "b"), (3, 3), FACTORS)
    amounts = {"seed": 4, "n_train": 40, "n_test": 15}
    expected = evaluate(lambda images: CODES[images.ravel()], data, metrics, **amounts, votes_train=40, votes_test=15)
    assert evaluate_codes(CODES, FACTORS, metrics, **amounts) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.uint64, np.int8])
def test_whole_numbers_are_classes_in_any_dtype(dtype):
    assert evaluate_codes(CODES, FACTORS.astype(dtype), "mig") == evaluate_codes(CODES, FACTORS, "mig")
    assert evaluate_codes(CODES, FACTORS > 1, "mig") == evaluate_codes(CODES, (FACTORS > 1).astype(int), "mig")


@pytest.mark.parametrize(
    ("factors", "found"),
    [
        (FACTORS / 2, "found 0.5 in column"),
        (np.where(np.arange(60)[:, None] == 7, [0, np.nan], FACTORS), "found nan in column 1"),
        (np.where(np.arange(60)[:, None] == 7, [np.inf, 0], FACTORS), "found inf in column 0"),
        (FACTORS.astype(str), "found the dtype <U21"),
        (FACTORS.astype(complex), "found the dtype complex128"),
        (FACTORS.astype(object), "found the dtype object"),
    ],
    ids=["fractions", "nan", "infinity", "text", "complex", "objects"],
)
def test_factors_that_are_no_classes(factors, found):
    with pytest.raises(SelectdisError, match=f"factors must be whole numbers, {found}"):
        evaluate_codes(CODES, factors, "mig")


@pytest.mark.parametrize("codes", [CODES.astype(complex), CODES.astype(str)])
def test_codes_that_are_no_real_numbers(codes):
    with pytest.raises(SelectdisError, match="codes must be real numbers, found the dtype"):
        evaluate_codes(codes, FACTORS, "mig")


def test_a_file_that_is_none_of_numpys(tmp_path):
    (tmp_path / "garbage.npz").write_bytes(RNG.bytes(300))
    np.savez(tmp_path / "objects.npz", codes=CODES, factors=FACTORS.astype(object))
    for name in ("garbage.npz", "objects.npz"):
        with pytest.raises(SelectdisError, match=f"cannot read .*{name}.*no file of numpy's") as caught:
            load_codes(tmp_path / name)
        assert "allow_pickle" not in str(caught.value)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("selectdis.data.reading._npz.BOMB_FLOOR", 2**20)  # of a gigabyte, which takes long to write
    np.savez_compressed(tmp_path / "bomb.npz", codes=np.zeros((500_000, 2)), factors=FACTORS)
    with pytest.raises(SelectdisError, match="refused as a zip bomb"):
        load_codes(tmp_path / "bomb.npz")
