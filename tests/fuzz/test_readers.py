"""Readers and metrics on arbitrary input: a value, a defined number or one sentence."""

import io
import json
import warnings

import h5py
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import selectdis as sd
from selectdis._arrays import DegenerateWarning
from selectdis.errors import SelectdisError
from selectdis.metrics import mig, modularity
from selectdis.scoring import evaluate_codes, load_codes
from selectdis.selection import parse_rule
from selectdis.spec import parse_spec
from selectdis.training import Candidate, Run, train_cohort
from tests.fuzz.property import cases, changed, choices, damages, json_junk, junk, outcome
from tests.selection.records import make_records
from tests.study.fakes import SPEC

FEW = cases(25)


def whole(suffix):
    """A picture as a file of some format."""
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(content, suffix)
    return content.getvalue()


@FEW
@given(st.sampled_from(["png", "jpeg", "bmp", "gif"]), st.integers(0, 400), st.binary(max_size=40), st.booleans())
def test_damaged_pictures_are_images_or_one_sentence(tmp_path, suffix, at, garbage, cut):
    content = whole(suffix)
    damaged = content[:at] + garbage + (b"" if cut else content[at + len(garbage) :])
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    for number, one in enumerate((whole("png"), damaged)):
        (folder / f"{number}.png").write_bytes(one)
    images, sentence = outcome(lambda: sd.load_dataset(f"folder:{folder}", image_size=16).images[:])
    assert "\n" not in sentence
    assert sentence or images.dtype == np.uint8


@FEW
@given(st.binary(max_size=300), st.sampled_from([".npz", ".npy", ".h5", ".hdf5", ".pt", ".csv", ".parquet", ""]))
def test_bytes_that_are_no_data_set_are_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    with pytest.raises(SelectdisError) as caught:
        sd.load_dataset(str(path))
    assert "\n" not in str(caught.value)


numbers = st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30, 0.5, 3.0])


@FEW
@given(
    hnp.arrays(np.float64, st.tuples(st.just(40), st.integers(1, 4)), elements=numbers),
    hnp.arrays(np.int64, st.tuples(st.just(40), st.integers(1, 3)), elements=st.integers(0, 3)),
)
def test_scores_of_any_codes_are_in_their_range(codes, factors):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        for score in (mig, modularity):
            assert -1e-9 <= score(codes, factors) <= 1 + 1e-9


@FEW
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 3))), st.integers(0, 5))
def test_codes_that_are_not_finite_or_do_not_fit_are_one_sentence(codes, rows):
    factors = np.zeros((rows, 2), dtype=np.int64)
    score, sentence = outcome(lambda: mig(codes, factors))
    assert "\n" not in sentence
    assert sentence or 0 <= score <= 1


FULL = SPEC | {
    "search": {
        "objective": {"beta_vae": {"beta": {"low": 1, "high": 4, "log": True}}, "dip_vae_i": {"lambda_od": [1, 2]}},
        "architecture": ["fc"],
        "latents": [2, 3],
        "sampler": "tpe",
        "trials": 3,
        "seed": 1,
    },
    "seeds": {"count": 2, "max": 3, "first": 0},
    "evaluation": {"metrics": ["mig"], "criteria": ["fast"], "seed": 0, "probe": 20, "held_out": 0.1},
    "select": {"score": "mig", "run": "udr_lasso", "top": 1, "seeds": 2, "configuration": "lcb"},
    "constraints": [{"score": "mig", "min": 0.1}],
    "optimise": ["mig"],
    "time_budget": 1.5,
    "warm_start": "records.csv",
}


@cases(80)
@given(choices, junk)
def test_study_files_with_any_value_anywhere_are_read_or_one_sentence(choice, value):
    text = yaml.safe_dump(changed(FULL, choice, value))
    spec, sentence = outcome(lambda: parse_spec(text))
    assert sentence.startswith("study file") or spec.name


@cases(40)
@given(damages())
def test_damaged_study_files_are_read_or_one_sentence(damage):
    text = damage(yaml.safe_dump(FULL).encode()).decode(errors="replace")
    outcome(lambda: parse_spec(text))


def use(path):
    """All that is made of a table of records."""
    records = sd.selection.read_records(path)
    sd.selection.leaderboard(records, by="run")
    sd.selection.leaderboard(records)
    sd.backtest(records, [parse_rule("mean:win_rate > udr_lasso")], n_bootstrap=2)


@cases(40)
@given(choices, choices, junk, st.booleans())
def test_records_with_any_cell_are_used_or_one_sentence(tmp_path, row, column, value, everywhere):
    frame = make_records(2, 4, 2, rng=np.random.default_rng(0)).astype(object)
    rows = slice(None) if everywhere else row % len(frame)
    frame.iloc[rows, column % frame.shape[1]] = str(value)
    frame.to_csv(tmp_path / "records.csv", index=False)
    outcome(lambda: use(tmp_path / "records.csv"))


@cases(30)
@given(choices, st.one_of(st.dates(), st.lists(st.integers(0, 3), max_size=2), st.booleans(), st.none(), st.binary()))
def test_columns_of_a_parquet_file_hold_anything(tmp_path, column, value):
    frame = make_records(2, 4, 2, rng=np.random.default_rng(0))
    frame[frame.columns[column % frame.shape[1]]] = [value] * len(frame)
    frame.to_parquet(tmp_path / "records.parquet")
    outcome(lambda: use(tmp_path / "records.parquet"))


@cases(30)
@given(damages(), st.sampled_from(["records.csv", "records.csv.gz", "records.parquet"]))
def test_damaged_tables_are_used_or_one_sentence(tmp_path, damage, name):
    frame, path = make_records(2, 4, 2, rng=np.random.default_rng(0)), tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    path.write_bytes(damage(path.read_bytes()))
    outcome(lambda: use(path))


IMAGES = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 1), dtype=np.uint8)
FACTORS = np.random.default_rng(1).integers(0, 3, (24, 2))


def write_data(path, images=IMAGES, factors=FACTORS):
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["images"], file["factors"] = images, factors
    elif path.suffix == ".npz":
        np.savez(path, images=images, factors=factors)
    else:
        np.save(path, images)


@cases(40)
@given(damages(), st.sampled_from([".npz", ".npy", ".h5"]))
def test_damaged_data_sets_are_images_or_one_sentence(tmp_path, damage, suffix):
    path = tmp_path / f"data{suffix}"
    write_data(path)
    path.write_bytes(damage(path.read_bytes()))
    outcome(lambda: sd.load_dataset(str(path), image_size=16).images[:])


KINDS = st.sampled_from([np.uint8, np.int64, np.float32, np.float64, np.bool_, np.complex64, "U3", "S2", "M8[s]"])
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 16, 24]), max_size=5).map(tuple)


@cases(40)
@given(KINDS, SHAPES, KINDS, SHAPES, st.sampled_from([".npz", ".npy"]))
def test_arrays_of_any_kind_and_shape_are_a_data_set_or_one_sentence(tmp_path, kind, shape, other, others, suffix):
    path = tmp_path / f"data{suffix}"
    write_data(path, np.zeros(shape, kind), np.zeros(others, other))
    outcome(lambda: sd.load_dataset(str(path), image_size=16).images[:])


@cases(30)
@given(KINDS, SHAPES, KINDS, SHAPES)
def test_codes_of_any_kind_and_shape_are_scored_or_one_sentence(tmp_path, kind, shape, other, others):
    path = tmp_path / "codes.npz"
    np.savez(path, codes=np.zeros(shape, kind), factors=np.zeros(others, other))
    outcome(lambda: evaluate_codes(*load_codes(path, None), metrics=["mig"]))


@cases(30)
@given(damages())
def test_damaged_codes_are_scored_or_one_sentence(tmp_path, damage):
    path = tmp_path / "codes.npz"
    np.savez(path, codes=np.random.default_rng(0).normal(size=(24, 2)), factors=FACTORS)
    path.write_bytes(damage(path.read_bytes()))
    outcome(lambda: evaluate_codes(*load_codes(path, None), metrics=["mig"]))


DATA = {"name": "sprites", "image_size": 16, "sizes": [2, 2, 1, 2, 2]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A saved run and a checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    (run,) = go_on(folder / "state.safetensors")
    run.save(folder / "run.safetensors")
    return {path.stem: path.read_bytes() for path in folder.iterdir()}


def go_on(checkpoint):
    data = sd.load_dataset(DATA["name"], image_size=16, sizes=DATA["sizes"])
    candidate = Candidate("beta_vae", architecture="fc", width=4, latents=2, batch_size=4)
    return train_cohort([candidate], data, steps=3, device="cpu", checkpoint=checkpoint)


@cases(60)
@given(st.data(), st.sampled_from(["run", "state"]), st.booleans())
def test_damaged_runs_and_checkpoints_are_read_or_one_sentence(tmp_path, trained, data, name, in_header):
    content = trained[name]
    if in_header:  # of safetensors: its length in 8 bytes, then JSON, in which ours is a text of JSON
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        own = json.loads(header["__metadata__"]["selectdis"])
        if data.draw(st.booleans()):
            header["__metadata__"]["selectdis"] = json.dumps(changed(own, data.draw(choices), data.draw(json_junk)))
        else:
            header = changed(header, data.draw(choices), data.draw(json_junk))
        text = json.dumps(header).encode()
        content = len(text).to_bytes(8, "little") + text + content[8 + size :]
    else:
        content = data.draw(damages())(content)
    path = tmp_path / f"{name}.safetensors"
    path.write_bytes(content)
    outcome(lambda: Run.load(path) if name == "run" else go_on(path))
