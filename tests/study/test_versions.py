"""Scores of an older version: computed again from the models, and never in one table with new ones."""

import warnings

import pytest

import selectdis as sd
from selectdis.errors import SelectdisError
from selectdis.execution import _worker as worker
from selectdis.records import frame_of_one_version, of_one_version, scores_version
from selectdis.scoring import _scorer, _version
from selectdis.scoring._probe import scorer_of
from selectdis.study import _stage

SPEC = {
    "name": "versions",
    "proxy": {
        "name": "noisy_dsprites",
        "image_size": 16,
        "sizes": {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4},
    },
    "search": {"objective": {"beta_vae": {"beta": [1, 4]}}, "architecture": "fc", "width": 8, "latents": 3},
    "seeds": 2,
    "training": {"steps": 2},
    "evaluation": {"metrics": ["mig"], "n_train": 20, "n_test": 20, "probe": 20},
    "tracking": None,
}
pytestmark = pytest.mark.filterwarnings("ignore:no dSprites file")


def study(folder, **changes):
    return sd.Study(SPEC | changes, folder=folder, n_jobs=1)


@pytest.fixture
def older(tmp_path):
    """A study's folder whose runs were scored by an older version."""
    study(tmp_path).run()
    return tmp_path


@pytest.fixture
def later(monkeypatch):
    """The version after this one."""
    version = _version.SCORES_VERSION + 1
    for module in (_version, _scorer, _stage):
        monkeypatch.setattr(module, "SCORES_VERSION", version)
    scorer_of.cache_clear()  # those of the process have made their records' part already
    monkeypatch.setattr(_scorer, "gaussian_kl", lambda *args, real=_scorer.gaussian_kl: 2 * real(*args))
    yield version
    scorer_of.cache_clear()


def test_runs_are_scored_again_without_training(older, later, monkeypatch):
    before = study(older).records
    assert set(before["scores_version"]) == {later - 1}  # shown as it is, as long as it is not run
    monkeypatch.setattr(worker, "train_cohort", lambda *_, **__: pytest.fail("trained again"))
    after = study(older).run().records
    assert set(after["scores_version"]) == {later}
    assert list(after["candidate"]) == list(before["candidate"])
    assert list(after["trial"]) == list(before["trial"])
    assert after["criterion.kl"].to_numpy() == pytest.approx(2 * before["criterion.kl"].to_numpy())
    values = [trial.value for trial in study(older).proxy_stages()[0].trials.all()]
    assert len(values) == 4  # a copy of each
    assert study(older).run().records.equals(after)
    assert len(study(older).proxy_stages()[0].trials.all()) == 4


def test_what_cannot_be_scored_again_is_not_shown_beside_new_scores(older, later):
    models = sorted(older.glob("models/*/*"))
    models[0].unlink()
    with pytest.warns(UserWarning, match="1 of 4 runs are left out: their scores are of an older version") as told:
        records = study(older).run().records
    assert str(told[0].message).count(".") == 0
    assert len(records) == 3
    assert models[0].stem not in set(records["candidate"])
    for model in models[1:]:
        model.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert study(older).run().records.equals(records)  # nothing is trained again, and nothing lost


def test_criteria_over_many_runs_are_computed_again_with_the_scores(older, later, monkeypatch):
    monkeypatch.setattr(
        _stage, "pool_criteria", lambda records, *_: {r["candidate"]: {"criterion.x": 7.0} for r in records}
    )
    assert "criterion.x" not in study(older).records
    assert set(study(older).run().records["criterion.x"]) == {7.0}


def test_tables_of_one_version():
    old, new = {"status": "complete", "a": 1}, {"status": "complete", "scores_version": 2, "a": 2}
    lost = {"status": "diverged", "a": 3}
    assert [scores_version(record) for record in (old, new, lost)] == [1, 2, None]
    assert scores_version(old | {"scores_version": "9"}) == scores_version(old | {"scores_version": float("nan")}) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for records in ([old, lost], [new, lost], [lost], []):
            assert of_one_version(records) == records
    with pytest.warns(UserWarning, match="1 of 3 runs are left out"):
        assert of_one_version([old, new, lost]) == [new, lost]
    import pandas as pd

    with pytest.warns(UserWarning, match="1 of 3 runs are left out"):
        assert list(frame_of_one_version(pd.DataFrame([old, new, lost]))["a"]) == [2, 3]


def test_a_study_does_not_go_on_with_other_images(tmp_path):
    first = SPEC["proxy"] | {"edition": 1}
    study(tmp_path, proxy=first).run()
    journal = tmp_path / "study.log"
    text = journal.read_text()
    journal.write_text(
        text.replace('\\"edition\\": 1, ', "").replace('\\\\\\"edition\\\\\\": 1, ', "")
    )  # as 0.1 left it
    assert journal.read_text() != text
    with pytest.raises(SelectdisError, match=r"with edition 1 of noisy_dsprites.*: add `edition: 1` to that data set"):
        study(tmp_path).run()
    assert len(study(tmp_path).records) == 4  # it can still be looked at
    assert len(study(tmp_path, proxy=first).run().records) == 4
