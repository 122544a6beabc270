"""Criteria over many runs: who is compared with whom, and what becomes of codes that are damaged."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from selectdis.criteria import model_centrality, udr
from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob
from selectdis.scoring import _many_runs
from selectdis.scoring._files import codes_path, model_path
from selectdis.scoring._many_runs import _blocks, pool_criteria
from selectdis.scoring._probe import encode_probe
from selectdis.spec import TrainingSpec
from selectdis.training import Candidate, Run
from tests.scoring.conftest import CANDIDATES, DATA, SPEC
from tests.study.fakes import fake_work


def made_up(folder, count, latents=4):
    """Records and codes of `count` runs that nobody trained."""
    candidates = tuple(Candidate("beta_vae", seed, latents=latents) for seed in range(count))
    return fake_work(CohortJob(candidates, DATA, "proxy", TrainingSpec(steps=3), SPEC, str(folder)), None)


def codes_of(records, folder):
    return np.stack([np.load(codes_path(folder, DATA, record["candidate"])) for record in records])


def test_runs_are_compared_within_blocks_once_they_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr(_many_runs, "LARGEST_BLOCK", 4)
    records = made_up(tmp_path, 10)
    scores = pool_criteria(records, str(tmp_path), DATA, SPEC)
    codes, blocks = codes_of(records, tmp_path), _blocks(10, SPEC.seed)
    assert sorted(np.bincount(blocks)) == [3, 3, 4]
    # All ten are of one configuration, whose seeds are compared whatever the blocks.
    of_configuration = udr(codes, np.ones((10, 4)))
    assert [scores[r["candidate"]]["criterion.udr_lasso"] for r in records] == pytest.approx(list(of_configuration))
    for block in range(3):
        mine = np.flatnonzero(blocks == block)
        kl = np.ones((len(mine), 4))
        for run, lasso, central in zip(mine, udr(codes[mine], kl), model_centrality(codes[mine], kl), strict=True):
            of_run = scores[records[run]["candidate"]]
            assert of_run["criterion.udr_lasso_pool"] == pytest.approx(lasso)
            assert of_run["criterion.model_centrality"] == pytest.approx(central)


def test_runs_without_a_kl_are_compared_by_what_is_active(tmp_path):
    """And records of old, which say nothing of activity, by their KL."""
    records = made_up(tmp_path, 4)
    del records[0]["kl_per_latent"]
    records[0]["active_latents"] = [True, False, True, True]
    records[1] |= {"kl_per_latent": [1.0, 1.0, 0.001, 1.0]}
    scores = pool_criteria(records, str(tmp_path), DATA, SPEC)
    active = np.ones((4, 4), bool)
    active[0, 1] = active[1, 2] = False
    codes = codes_of(records, tmp_path)
    for name, expected in (("udr_lasso", udr(codes, active * 1.0)), ("udr_spearman", None)):
        wanted = expected if expected is not None else udr(codes, active=active, similarity="spearman")
        assert [scores[r["candidate"]][f"criterion.{name}"] for r in records] == pytest.approx(list(wanted))
    del records[2]["kl_per_latent"]
    assert set(pool_criteria(records, str(tmp_path), DATA, SPEC)) == {records[i]["candidate"] for i in (0, 1, 3)}


def test_blocks_begin_at_129_runs_and_are_drawn_by_the_seed():
    assert _blocks(128, 0) is None
    for count, sizes in ((129, [64, 65]), (257, [85, 86, 86])):
        assert sorted(np.bincount(_blocks(count, 0))) == sizes
    assert np.array_equal(_blocks(300, 0), _blocks(300, 0))
    assert not np.array_equal(_blocks(300, 0), _blocks(300, 1))
    assert not np.array_equal(_blocks(300, 0), np.arange(300) % 3)  # neighbours in a table are of one configuration


def test_runs_of_another_code_size_are_compared_among_themselves(tmp_path):
    small, large = made_up(tmp_path, 3, latents=2), made_up(tmp_path, 3)
    together = pool_criteria(small + large, str(tmp_path), DATA, SPEC)
    apart = pool_criteria(small, str(tmp_path), DATA, SPEC) | pool_criteria(large, str(tmp_path), DATA, SPEC)
    assert together == apart
    assert len(together) == 6


def test_runs_that_failed_have_no_say(trained, tmp_path):
    folder, records = trained
    expected = pool_criteria(records, folder, DATA, SPEC)
    assert list(expected) == [candidate.id for candidate in CANDIDATES]
    assert {"criterion.udr_lasso", "criterion.udr_spearman", "criterion.model_centrality"} <= set(
        expected[CANDIDATES[0].id]
    )
    failed = {**records[0], "status": "failed"}
    assert list(pool_criteria([failed, *records[1:]], folder, DATA, SPEC)) == [c.id for c in CANDIDATES[1:]]
    assert pool_criteria([], folder, DATA, SPEC) == {}


@pytest.mark.parametrize("damage", ["gone", "garbage", "not a number"])
def test_damaged_codes_are_made_again_from_the_run(trained, tmp_path, damage):
    folder, records = trained
    copied = shutil.copytree(folder, tmp_path / "copy")
    path = codes_path(copied, DATA, CANDIDATES[1].id)
    before = np.load(path)
    if damage == "gone":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(b"no codes")
    else:
        np.save(path, np.full_like(before, np.nan))
    assert pool_criteria(records, str(copied), DATA, SPEC) == pool_criteria(records, folder, DATA, SPEC)
    np.testing.assert_array_equal(np.load(path), before)


def test_a_run_without_codes_and_weights_is_left_out_with_a_warning(trained, tmp_path):
    folder, records = trained
    copied = shutil.copytree(folder, tmp_path / "copy")
    for path in (codes_path, model_path):
        path(copied, DATA, CANDIDATES[1].id).unlink()
    with pytest.warns(UserWarning, match=r"nor made again .*: left out of UDR"):
        scores = pool_criteria(records, str(copied), DATA, SPEC)
    assert list(scores) == [CANDIDATES[0].id, CANDIDATES[2].id]


def test_files_of_a_run_lie_apart_for_each_data_set_and_never_outside_the_folder(tmp_path):
    for path in (codes_path, model_path):
        mine, other = (path(tmp_path, data, CANDIDATES[0].id) for data in (DATA, replace(DATA, options="{}")))
        assert mine != other
        with pytest.raises(SelectdisError, match="a candidate's id looks like"):
            path(tmp_path, DATA, "../../elsewhere")


def test_codes_of_the_probe_are_those_of_the_run_on_disk(trained, scorer):
    folder, _ = trained
    codes = encode_probe(folder, DATA, SPEC, CANDIDATES[2].id)
    run = Run.load(model_path(folder, DATA, CANDIDATES[2].id))
    np.testing.assert_array_equal(codes, run.transform(scorer.probe))
    np.testing.assert_array_equal(np.load(codes_path(folder, DATA, CANDIDATES[2].id)), codes)
    assert codes.shape == (12, 3)
