"""QLAE and the objectives of pairs in real, tiny studies: search, selection and transfer as for all others."""

import numpy as np
import pytest

import selectdis as sd
from selectdis.errors import SelectdisError

SIZES = {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}
PROXY = {"name": "sprites", "image_size": 16, "sizes": SIZES, "pairs_differ_in": 1}
SPEC = {
    "name": "newer",
    "proxy": PROXY,
    "search": {
        "objective": {"beta_vae": {}, "qlae": {}, "ada_gvae": {}, "ada_ml_vae": {}},
        "architecture": "fc",
        "width": 8,
        "latents": 3,
        "learning_rate": 1e-3,
    },
    "seeds": 2,
    "training": {"steps": 3, "batch_size": 8, "device": "cpu"},
    "evaluation": {"metrics": ["mig"], "n_train": 30, "n_test": 20, "probe": 12},
    "select": {"score": "mig", "top": 4, "seeds": 2},
    "tracking": "none",
}


def test_they_are_searched_selected_and_carried_over(tmp_path):
    study = sd.Study(SPEC, folder=tmp_path / "study", n_jobs=1).run()
    transfer = study.transfer("scenes", sizes={"orientation": 2, "scale": 2}, gray=True)
    for records in (study.records, transfer.records):
        assert (records["status"] == "complete").all()
        for name in ("criterion.kl", "criterion.elbo"):
            assert set(records.loc[records[name].isna(), "objective"]) == {"qlae"}
            assert records.loc[records["objective"] == "qlae", name].isna().all()
        usual = ["criterion.udr_lasso", "criterion.active_units", "criterion.reconstruction", "criterion.gaussian_tc"]
        assert records[usual].notna().all(axis=None)
    assert set(transfer.records["objective"]) == set(SPEC["search"]["objective"])
    assert transfer.pick is not None
    assert study.records.groupby("objective")["weight_decay"].first().to_dict() == {
        "ada_gvae": 0.0, "ada_ml_vae": 0.0, "beta_vae": 0.0, "qlae": 0.1,
    }  # fmt: skip


def test_a_rule_by_elbo_passes_over_runs_that_have_none(tmp_path):
    study = sd.Study(SPEC | {"select": {"score": "mig", "top": 4, "seeds": 1, "run": "elbo"}}, folder=tmp_path / "s")
    transfer = study.run().transfer("sprites", image_size=16, sizes=SIZES)
    assert not transfer.pick.candidate.startswith("qlae")


@pytest.mark.parametrize("where", ["proxy", "target"])
def test_data_without_pairs_end_it_in_one_sentence_before_it_trains(tmp_path, where):
    spec = SPEC | ({"proxy": {"name": "digits", "labels": True}} if where == "proxy" else {"target": "digits"})
    study = sd.Study(spec, folder=tmp_path / "study", n_jobs=1)
    with pytest.raises(SelectdisError, match="ada_gvae learns from pairs of images, and 'digits' gives none") as error:
        study.run()
    assert len(str(error.value).splitlines()) == 1
    assert not list((tmp_path / "study").glob("models/*"))


def test_a_target_without_pairs_is_refused_for_those_that_want_them_alone(tmp_path):
    study = sd.Study(SPEC, folder=tmp_path / "study", n_jobs=1).run()
    with pytest.raises(SelectdisError, match="learns from pairs of images, and 'digits' gives none"):
        study.transfer("digits")
    plain = sd.Study(
        SPEC | {"search": SPEC["search"] | {"objective": {"qlae": {}}}}, folder=tmp_path / "plain", n_jobs=1
    )
    assert plain.run().transfer("digits", seeds=1).pick.candidate.startswith("qlae")


def test_batches_of_pairs_are_even_when_the_file_is_read():
    with pytest.raises(SelectdisError, match="ada_gvae learns from pairs of images, so that batch_size must be even"):
        sd.Study(SPEC | {"training": {"batch_size": 9}})


def test_weight_decay_is_searched_like_the_learning_rate(tmp_path):
    search = SPEC["search"] | {"objective": {"qlae": {}, "beta_vae": {}}, "weight_decay": [0, 0.1]}
    records = sd.Study(SPEC | {"search": search, "seeds": 1}, folder=tmp_path / "s", n_jobs=1).run().records
    assert sorted(zip(records["objective"], records["weight_decay"], strict=True)) == [
        ("beta_vae", 0.0), ("beta_vae", 0.1), ("qlae", 0.0), ("qlae", 0.1),
    ]  # fmt: skip
    assert len(np.unique(records["configuration"])) == 4
