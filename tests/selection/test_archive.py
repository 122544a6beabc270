"""The published records and codes themselves: what criteria say of them, and what the documents say they are."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import selectdis as sd
from benchmarks import published_numbers
from selectdis.criteria import CRITERIA, TO_TRY, Pool, TrainedRun
from selectdis.selection import backtest, parse_rule
from selectdis.selection.archive._codes import file_name, trained_pools
from selectdis.selection.archive._compute import computed

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def published_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path))


@pytest.fixture(scope="module")
def sprites():
    """The records of one published data set, and its arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELECTDIS_DATA", "/nowhere")
        records = sd.evidence("conv32").query("dataset == 'sprites'")
        rows, pool = next(trained_pools(records, "conv32", ROOT / "evidence"))
    return records.loc[rows], pool


@pytest.mark.parametrize(("name", "least"), [("kl", 0.999), ("model_centrality", 0.95), ("udr_spearman", 0.98)])
def test_what_is_computed_from_the_codes_agrees_with_the_record(sprites, name, least):
    """On other images: ranks agree."""
    records, _ = sprites
    again = computed(name, CRITERIA[name], records, "conv32", ROOT / "evidence")
    both = pd.DataFrame({"record": records[f"criterion.{name}"], "again": again})
    assert (both.isna().sum(axis=1) != 1).all()  # what has no KL in its record has none here
    assert both.corr("spearman").iloc[0, 1] > least


def test_float16_moves_criteria_by_little():
    """On the same images, the criteria of codes, of pools and of Gram matrices."""
    rng = np.random.default_rng(0)
    mixed = np.eye(5) + 0.3 * rng.normal(size=(6, 5, 5))
    codes = (rng.normal(size=(500, 5)) @ mixed).astype(np.float32)
    gram = np.einsum("pxa,pxb->pab", *[rng.normal(size=(9, 40, 5))] * 2)
    for given in (*CRITERIA.values(), *TO_TRY.values()):
        found = []
        for kind in (np.float32, np.float16):
            z, g = codes.astype(kind).astype(np.float32), gram.astype(kind).astype(np.float32)
            active = np.ones((6, 5), dtype=bool)
            if given.needs == "pool":
                found.append(given.compute(Pool(z, np.ones((6, 5)), active, np.repeat(["a", "b"], 3))))
            elif given.needs == "trained":
                found.append(given.compute(TrainedRun(z[0], z[0], np.ones(5), active[0], g)))
            elif given.of_codes:
                found.append({given.name: given.function(z[0])})
        for name in found[0] if found else ():
            np.testing.assert_allclose(found[1][name], found[0][name], atol=0.005, err_msg=name)


def test_every_record_that_has_codes_fits_them(sprites):
    records, pool = sprites
    assert len(pool) == len(records) == 70
    assert (pool.active.sum(axis=1) - records["criterion.active_units"]).abs().max() <= 1  # of 0.01 nats, on the edge
    assert np.isnan(pool.kl).all(axis=1).tolist() == (records["objective"] == "qlae").tolist()
    np.testing.assert_array_equal(pool.gram, pool.gram.transpose(0, 1, 3, 2))
    assert file_name("folder:/my images/../x") == "folder_my_images_x.npz"


def test_the_documents_were_made_from_these_records():
    page = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    assert f"Records `{published_numbers.fingerprint()}`" in page, "python benchmarks/published_numbers.py --write"
    for file in ("README.md", "docs/selection.md", "docs/evidence.md"):
        for name, text in re.findall(
            r"<!-- numbers: (\w+) -->\n(.*?)<!-- end -->", (ROOT / file).read_text(), re.DOTALL
        ):
            assert name in published_numbers.MAKE
            assert len(text) > 100, f"{file}: {name} is empty"
    rule = "any > udr_lasso"
    p = backtest(published_numbers.records(), [parse_rule(rule)], n_bootstrap=2).row(rule)["p_beats_random"]
    assert f"(`{rule}`) | {p:.2f} [" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_tables_are_put_between_their_marks(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs/page.md"
    page.write_text("a\n<!-- numbers: rules -->\nold\n<!-- end -->\nb\n<!-- numbers: gains -->\n<!-- end -->\n")
    (tmp_path / "README.md").write_text("c")
    monkeypatch.setattr(published_numbers, "ROOT", tmp_path)
    published_numbers.write("rules", "| new |")
    assert page.read_text().startswith(
        "a\n<!-- numbers: rules -->\n| new |\n<!-- end -->\nb\n<!-- numbers: gains -->\n<!--"
    )
