"""`selectdis score`: what can be scored, and what is refused because it is no code or no class."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from selectdis._factors import FactorWarning
from selectdis.data import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.metrics import mig
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
        (RNG.normal(size=(60, 2)), "column 0.* is continuous .* give bins=10"),
        (np.where(np.arange(60)[:, None] == 7, [np.inf, 0], FACTORS), "column 0.* infinite"),
        (np.where(np.arange(60)[:, None] < 60, [0, np.nan], FACTORS), "column 1.* no value in any row"),
        (FACTORS.astype(complex), "found the dtype complex128"),
        (np.arange(60), "no factor is left"),
    ],
    ids=["continuous", "infinity", "missing", "complex", "ids"],
)
def test_factors_that_are_no_classes(factors, found):
    with pytest.raises(SelectdisError, match=found):
        evaluate_codes(CODES, factors, "mig")


@pytest.mark.parametrize("factors", [FACTORS / 2, FACTORS.astype(str), FACTORS.astype(object), FACTORS * 100])
def test_words_and_discrete_fractions_are_classes(factors):
    assert evaluate_codes(CODES, factors, "mig") == evaluate_codes(CODES, FACTORS, "mig")


def test_rows_without_a_value_are_left_out_of_that_factor_alone():
    rows, gaps = np.arange(60) < 40, FACTORS.astype(float)
    gaps[~rows, 1] = np.nan
    with pytest.warns(FactorWarning, match="column 1.* has no value in 20 of 60 rows: its scores use the other 40"):
        found = evaluate_codes(CODES, gaps, ["mig", "irs"], n_train=60, n_test=1)
    assert set(found) == {"mig", "irs"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = mig(CODES, FACTORS[:, 0]), mig(CODES[rows], FACTORS[rows, 1])
        assert mig(CODES, gaps) == pytest.approx(np.mean(alone))


def test_continuous_factors_are_binned_on_demand_and_taken_by_the_irs():
    mixed = np.column_stack([FACTORS, RNG.normal(size=60)])
    assert evaluate_codes(CODES, mixed, "mig", bins=3).keys() == {"mig"}
    assert evaluate_codes(CODES, mixed, "irs").keys() == {"irs"}


def test_few_rows_and_an_id_are_said_once():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        scores = evaluate_codes(CODES, np.column_stack([FACTORS, np.arange(60)]), ["mig", "sap", "modularity"])
    about = [str(w.message) for w in told if issubclass(w.category, FactorWarning)]
    assert sum("60 rows are few" in text and "need about 1,000" in text for text in about) == 1
    assert sum("taken for an id" in text for text in about) == 1
    assert scores == evaluate_codes(CODES, FACTORS, ["mig", "sap", "modularity"])


def test_tensors_with_gradients():
    torch = pytest.importorskip("torch")
    codes = torch.tensor(CODES, requires_grad=True)
    assert evaluate_codes(codes, torch.tensor(FACTORS), "mig") == evaluate_codes(CODES, FACTORS, "mig")


def test_arrays_are_taken_by_name_wherever_they_stand(tmp_path):
    np.savez(tmp_path / "both.npz", factors=FACTORS, codes=CODES)
    np.savez(tmp_path / "one.npz", whatever=FACTORS)
    np.savez(tmp_path / "unnamed.npz", a=FACTORS, b=CODES)
    np.save(tmp_path / "f.npy", FACTORS)
    for given in (("both.npz",), ("both.npz", "f.npy"), ("both.npz", "one.npz")):
        codes, factors = load_codes(*(tmp_path / name for name in given))
        assert (codes == CODES).all()
        assert (factors == FACTORS).all()
    for given in (("unnamed.npz",), ("unnamed.npz", "f.npy"), ("f.npy", "unnamed.npz")):
        with pytest.raises(SelectdisError, match=r"unnamed.npz has no array '\w+'; it holds a, b"):
            load_codes(*(tmp_path / name for name in given))


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


def test_tensors_and_tables_hold_what_arrays_hold(tmp_path):
    np.save(tmp_path / "z.npy", CODES)
    torch.save(torch.tensor(CODES), tmp_path / "z.pt")
    torch.save({"factors": torch.tensor(FACTORS), "codes": torch.tensor(CODES)}, tmp_path / "both.pt")
    np.savetxt(tmp_path / "z.csv", CODES, delimiter=",")
    names = [f"{k}.png" for k in range(60)]
    pd.DataFrame(CODES, columns=["latent_0", "latent_1"]).assign(file=names).to_csv(tmp_path / "named.csv", index=False)
    words = pd.DataFrame(FACTORS, columns=["a", "b"]).assign(a=np.array(["x", "y", "z"])[FACTORS[:, 0]], image=names)
    words[::-1].to_csv(tmp_path / "f.csv", index=False)
    np.save(tmp_path / "f.npy", FACTORS)
    expected = evaluate_codes(CODES, FACTORS, "mig")
    for given in (("z.npy", "f.npy"), ("z.pt", "f.npy"), ("z.csv", "f.npy"), ("named.csv", "f.csv"), ("both.pt",)):
        assert evaluate_codes(*load_codes(*(tmp_path / name for name in given)), "mig") == pytest.approx(expected)


def test_tensors_alone_are_read_from_torch_files(tmp_path):
    torch.save({"codes": torch.ones(2), "run": np.random.default_rng}, tmp_path / "code.pt")
    torch.save([torch.ones(2)], tmp_path / "list.pt")
    torch.save({"z": torch.ones(2), "y": torch.ones(2)}, tmp_path / "names.pt")
    torch.save(torch.eye(2).to_sparse(), tmp_path / "sparse.pt")
    torch.jit.script(torch.nn.Identity()).save(str(tmp_path / "jit.pt"))
    (tmp_path / "twice.csv").write_text("image,z\nq.png,1\nq.png,2\n")
    (tmp_path / "words.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "f.csv").write_text("image,a\np.png,1\nq.png,2\n")
    (tmp_path / "z.csv").write_text("image,z\np.png,1\nr.png,2\n")
    for name, found in {
        "code.pt": "more than tensors, which could run code",
        "list.pt": "holds a list: save a tensor",
        "names.pt": r"no array 'codes'.*; it holds z, y",
        "sparse.pt": "sparse or a quantized tensor: save it dense",
        "jit.pt": "more than tensors, which could run code; save a tensor",
        "none.npy": "there is no file .*none.npy",
        "words.csv": "column 'b' of .* holds words",
        "z.csv": "has no row for 'r.png', nor for 0 others",
    }.items():
        with pytest.raises(SelectdisError, match=found):
            load_codes(tmp_path / name, tmp_path / "f.csv")
    with pytest.raises(SelectdisError, match=r"twice\.csv has several rows for 'q.png'"):
        load_codes(tmp_path / "z.csv", tmp_path / "twice.csv")
    assert load_codes(tmp_path / "twice.csv", tmp_path / "twice.csv")[1].tolist() == [["1"], ["2"]]
