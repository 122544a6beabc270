"""A pick for somebody who has only pictures: what is trained, what is said, and what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import selectdis as sd
import selectdis.study.picking._plan as plan_module
import selectdis.training._runtime as runtime
from selectdis.data._reference import DataReference
from selectdis.data._statistics import image_statistics
from selectdis.errors import SelectdisError
from selectdis.execution._estimate import TimeEstimate
from selectdis.report import write_report
from selectdis.selection import parse_rule, published_evidence
from selectdis.selection.archive._distance import distance_to
from selectdis.spec import read_spec
from selectdis.study.picking._pick import pick_study
from tests.study.fakes import trained

pytestmark = pytest.mark.usefixtures("no_training", "two_seconds_a_run")
FIFTEEN = 2 * 15 / 60 / plan_module.SHARE + 1e-6  # minutes


@pytest.fixture
def two_seconds_a_run(monkeypatch):
    monkeypatch.setattr(plan_module, "estimate_time", lambda runs, job, **_: TimeEstimate(len(runs), 2.0 * len(runs)))


@pytest.fixture
def pictures(tmp_path):
    """Thirty grey pictures of several sizes and depths."""
    folder = tmp_path / "cells of mine"
    folder.mkdir()
    for k in range(30):
        pixels = np.random.default_rng(k).integers(0, 256, (16 + k, 40), dtype=np.uint8)
        Image.fromarray(pixels.astype(np.uint16) * 257 if k % 3 else pixels).save(folder / f"{k:02}.png")
    return folder


def test_the_minutes_are_filled_with_what_the_rule_was_tried_on(pictures, tmp_path):
    picked = sd.pick(
        f"folder:{pictures}", minutes=FIFTEEN, folder=tmp_path / "s", n_jobs=1, overrides=["tracking=none"]
    )
    part = sd.evidence(pick_study(f"folder:{pictures}", minutes=1).spec.evidence)
    usable = part[~part["objective"].isin(["ada_gvae", "ada_ml_vae"])]
    wanted = picked.rule.configurations(usable)[:3]
    assert picked.records["configuration"].value_counts().to_dict() == dict.fromkeys(wanted, 5)
    assert (picked.records["steps"] == part["steps"].iloc[0]).all()
    assert picked.pick.configuration in wanted
    assert picked.best.image_shape == (1, part["image_size"].iloc[0], part["image_size"].iloc[0])
    assert set(picked.proxies["objective"]) == set(usable["objective"])
    known = published_evidence(picked.rule, 99, without_objectives=["ada_gvae"], part=part["part"].iloc[0])
    assert picked.trust.published.values == known.values
    assert picked.trust.published.without_one[0] < known.p
    text = str(picked.trust)
    assert "That is without the runs of ada_gvae: these images give no pairs. Distance:" in text
    assert "its pick beat a random run with probability" in text
    assert "Distance: the nearest labelled data sets by spectrum" in text
    again = sd.pick(
        f"folder:{pictures}", minutes=FIFTEEN / 5, folder=tmp_path / "s", n_jobs=1, overrides=["tracking=none"]
    )
    assert again.pick.candidate == picked.pick.candidate
    assert len(trained(tmp_path / "s")) == 15  # nothing anew, and no fewer
    study = sd.Study(read_spec(tmp_path / "s" / "study.yaml"), folder=tmp_path / "s")
    (seen,) = study.transfers()
    assert seen.pick.candidate == picked.pick.candidate
    assert "15 of 15 runs" in repr(study)
    page = write_report(study).read_text()
    assert picked.pick.candidate in page
    assert "on the evidence" in page  # configurations there against the same here
    with pytest.raises(SelectdisError, match=r"the proxy of this study is the evidence, .* nothing to run"):
        study.run()


def test_the_plan_that_is_said_is_the_one_that_is_made_though_the_machine_became_slower(pictures, monkeypatch):
    study, seconds = pick_study(pictures, minutes=FIFTEEN), iter((2.0, 4.0))
    monkeypatch.setattr(plan_module, "estimate_time", lambda runs, job, **_: TimeEstimate(1, next(seconds)))
    said, made = (plan_module.plan_transfer(study, None, None, None, None, {}) for _ in range(2))
    assert (len(said.params), said.seeds) == (len(made.params), made.seeds) == (3, 5)


def test_what_a_killed_pick_was_at_is_planned_again_on_a_machine_that_became_slower(pictures, tmp_path, monkeypatch):
    study = pick_study(pictures, minutes=FIFTEEN / 3, folder=tmp_path / "s")
    assert len(plan_module.plan_transfer(study, None, None, None, None, {}).params) == 1
    monkeypatch.setattr(plan_module, "descriptions_in", lambda folder: [(folder, {})])
    monkeypatch.setattr(plan_module, "ids_of", lambda description: [f"run-{k}" for k in range(15)])
    assert len(plan_module.plan_transfer(study, None, None, None, None, {}).params) == 3


def test_too_few_runs_or_other_training_have_no_number(pictures, tmp_path):
    few = sd.pick(
        f"folder:{pictures}", minutes=FIFTEEN / 3, folder=tmp_path / "few", n_jobs=1, overrides=["tracking=none"]
    )
    assert few.trust.known == "never backtested"
    assert "1 configurations with 5 seeds, where the rule was tried with 3" in str(few.trust)
    assert few.trust.published is None
    study = pick_study(f"folder:{pictures}", minutes=FIFTEEN, overrides=["training.steps=10", "search.latents=4"])
    (shape,) = {study.data.target().load().image_shape}
    told = study.evidence.about(shape)
    assert "This transfer was never backtested: steps 10, where the evidence has" in told
    assert "latents 4" in told
    assert study.rule().label == "any > udr_lasso"
    plan = plan_module.plan_transfer(study, None, None, None, None, {})
    assert {params["latents"] for params in plan.params} == {4}


@pytest.mark.parametrize("slow", [True, False])
def test_a_processor_without_fast_bfloat16_trains_in_float32_and_a_folder_keeps_what_it_began_with(
    slow, pictures, tmp_path, monkeypatch
):
    options = {"minutes": FIFTEEN, "folder": tmp_path / "s", "n_jobs": 1, "overrides": ["tracking=none"]}
    monkeypatch.setattr(runtime, "_product_seconds", lambda dtype: (dtype == torch.bfloat16) == slow)
    sd.pick(pictures, **options)
    monkeypatch.setattr(runtime, "_product_seconds", lambda dtype: (dtype == torch.bfloat16) != slow)
    study = pick_study(pictures, **options)
    assert study.spec.training.precision == ("float32" if slow else "bf16")
    told = study.evidence.about(study.data.target().load().image_shape)
    assert (" in float32 (the evidence: bf16)" in told) == slow
    if not slow:
        with pytest.warns(UserWarning, match="which this processor computes slower than float32"):
            study.estimate_transfer()


def test_images_that_give_pairs_are_told_the_number_of_all_objectives():
    proxy = pick_study("digits", minutes=1).evidence
    digits, gone = DataReference("digits"), DataReference("folder:moved away")
    sprites = DataReference("sprites", '{"image_size": 16}')
    assert proxy.left_out(digits) == proxy.left_out(gone) == ["ada_gvae"]
    assert proxy.left_out(sprites) == []
    rule = parse_rule("any > udr_lasso")
    paired, unpaired = (proxy.trust(rule, data) for data in (sprites, digits))
    assert (paired.note, unpaired.note[:33]) == ("", "That is without the runs of ada_g")
    assert paired.published == published_evidence(rule, 99, without=["sprites"], part=proxy.part)
    none, about = proxy.records().iloc[:0], image_statistics(digits.load())
    worth = distance_to(proxy.part, about, rule=rule, without_objectives=["ada_gvae"]).correlation
    assert (
        proxy.distance(digits, none, rule).correlation == worth != distance_to(proxy.part, about, rule=rule).correlation
    )


def test_data_that_cannot_be_used_and_labels_that_are_wrong_are_refused_before_training(pictures, tmp_path):
    options = {"folder": tmp_path / "s", "n_jobs": 1, "overrides": ["tracking=none"]}
    wrong = pd.DataFrame({"image": [0, 1], "size=small,large": ["small", "lagre"]})
    with pytest.raises(SelectdisError, match=r"'lagre' is no value of it; did you mean 'large'"):
        sd.pick(f"folder:{pictures}", labels=wrong, **options)
    with pytest.raises(SelectdisError, match=r"part must be one of .* found 'dense61'"):
        sd.pick(f"folder:{pictures}", part="dense61", **options)
    with pytest.raises(SelectdisError, match="minutes must be a number above 0"):
        sd.pick(f"folder:{pictures}", minutes=0, **options)
    with pytest.raises(SelectdisError, match=r"this pick with training.stpes=3"):
        sd.pick(f"folder:{pictures}", **options | {"overrides": ["training.stpes=3"]})
    for path in sorted(pictures.iterdir())[3:]:
        path.unlink()
    (pictures / "broken.png").write_bytes(b"x")
    with pytest.warns(UserWarning, match="left out"), pytest.raises(SelectdisError, match=r"has 3 images .* 20"):
        sd.pick(f"folder:{pictures}", **options)
    assert not trained(tmp_path / "s")


def test_grey_and_colour_are_taken_in_colour_which_is_said(pictures):
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(pictures / "colour.png")
    with pytest.warns(UserWarning, match="in grey and in colour: all are taken in colour"):
        study = pick_study(pictures, minutes=1)
    assert study.data.target().load().image_shape[0] == 3
    grey = pick_study(f"folder:{pictures}", minutes=1, options={"gray": True})
    assert grey.data.target().load().image_shape[0] == 1
    assert grey.name == "pick-cells-of-mine"


def test_a_data_set_of_the_evidence_does_not_learn_from_its_own_family():
    study = pick_study("digits", minutes=1)
    part = sd.evidence(study.spec.evidence)
    name, family = part[["dataset", "family"]].iloc[0]
    left = study.proxies_of(DataReference(name))
    assert family not in set(left["family"])
    assert set(left["family"]) == set(part["family"]) - {family}
    unpaired = part[part["objective"] != "ada_gvae"]
    assert len(study.proxies_of(DataReference("digits"))) == len(unpaired) < len(part)  # which gives no pairs
    assert replace(study.rule(), top=1).configurations(left)
