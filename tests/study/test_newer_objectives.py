"""QLAE and the objectives of pairs in real, tiny studies: search, selection and transfer as for all others."""

import pytest

import selectdis as sd
from selectdis.errors import SelectdisError
from selectdis.spec import check_spec
from selectdis.study._search import candidate_from, grid

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
    "evaluation": {"metrics": ["mig"], "sampled": False, "n_train": 30, "n_test": 20, "probe": 12},
    "select": {"score": "mig", "top": 4, "seeds": 2},
    "tracking": "none",
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return sd.Study(SPEC, folder=tmp_path_factory.mktemp("newer") / "study", n_jobs=1).run()


def test_they_are_searched_selected_and_carried_over(study):
    transfer = study.transfer("scenes", sizes={"orientation": 2, "scale": 2}, gray=True)
    for records in (study.records, transfer.records):
        assert (records["status"] == "complete").all()
        for name in ("criterion.kl", "criterion.elbo"):
            assert set(records.loc[records[name].isna(), "objective"]) == {"qlae"}
            assert records.loc[records["objective"] == "qlae", name].isna().all()
        usual = ["criterion.udr_lasso", "criterion.active_units", "criterion.reconstruction", "criterion.gaussian_tc"]
        assert records[usual].notna().all(axis=None)
    assert set(transfer.records["objective"]) == set(SPEC["search"]["objective"])
    assert study.records.groupby("objective")["weight_decay"].first().to_dict() == {
        "ada_gvae": 0.0, "ada_ml_vae": 0.0, "beta_vae": 0.0, "qlae": 0.1,
    }  # fmt: skip
    by_elbo = study.transfer("scenes", sizes={"orientation": 2, "scale": 2}, gray=True, rule="mig > elbo @ 4")
    assert by_elbo.pick is not None
    assert not by_elbo.pick.candidate.startswith("qlae")  # which has none


def test_a_target_without_pairs_is_refused_for_those_that_want_them_alone(study):
    best = study.rule(4).configurations(study.records)
    wants = [name.startswith("ada") for name in best]
    with pytest.raises(SelectdisError, match="learns from pairs of images, and 'digits' gives none"):
        study.transfer("digits", top=wants.index(True) + 1)
    study.data.check_pairs(study.data.target("digits"), ["qlae", "beta_vae"])


@pytest.mark.parametrize("where", ["proxy", "target"])
def test_data_without_pairs_end_it_in_one_sentence_before_it_trains(tmp_path, where):
    spec = SPEC | ({"proxy": {"name": "digits", "labels": True}} if where == "proxy" else {"target": "digits"})
    study = sd.Study(spec, folder=tmp_path / "study", n_jobs=1)
    with pytest.raises(SelectdisError, match="ada_gvae learns from pairs of images, and 'digits' gives none") as error:
        study.run()
    assert len(str(error.value).splitlines()) == 1
    assert not list((tmp_path / "study").glob("models/*"))


def test_batches_of_pairs_are_even_when_the_file_is_read():
    with pytest.raises(SelectdisError, match="ada_gvae learns from pairs of images, so that batch_size must be even"):
        check_spec(SPEC | {"training": {"batch_size": 9}})


def test_weight_decay_is_searched_like_the_learning_rate():
    spec = check_spec(SPEC | {"search": SPEC["search"] | {"weight_decay": [0, 0.1]}})
    candidates = [candidate_from(params, spec) for params in grid(spec.search)]
    assert len({candidate.configuration for candidate in candidates}) == 8
    assert {(c.objective, c.weight_decay) for c in candidates} >= {("qlae", 0.0), ("qlae", 0.1), ("ada_gvae", 0.1)}
    drawn = check_spec(
        SPEC | {"search": SPEC["search"] | {"weight_decay": {"low": 0, "high": 1}, "sampler": "random", "trials": 3}}
    )
    assert drawn.search.ranges == ["weight_decay"]
