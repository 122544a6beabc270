"""What was given to a transfer is kept with it, and configurations that today's search does not hold are carried."""

import dataclasses
import html

import pytest

import selectdis as sd
from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.report import write_report
from selectdis.study._listener import Listeners
from selectdis.study._transfer import OPTIONS
from tests.study.fakes import spec, stop_after_first_run, trained

pytestmark = pytest.mark.usefixtures("no_training")
RULE = {"run": "+reconstruction", "top": 1, "seeds": 2}


@pytest.fixture(autouse=True)
def no_announcement(monkeypatch):
    """The trust of each pick costs seconds, and nobody listens: it is worked out where a test asks for it."""
    monkeypatch.setattr(Listeners, "picked", lambda *_: None)


def make(tmp_path, **changes):
    return sd.Study(spec(**{"select": RULE, **changes}), folder=tmp_path / "study", n_jobs=1)


@dataclasses.dataclass(frozen=True)
class Mine:
    """A chooser that no text says."""

    label: str = "mine"
    target_columns: tuple = ()

    def fit(self, proxies):
        return lambda target: -target["criterion.reconstruction"].to_numpy()


OF_PYTHON = selection.Rule(selection.by_mean("mig"), Mine(), top=3)


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({"top": 3, "seeds": 3}, "win_rate > +reconstruction @ 3"),
        ({"rule": "sap > -reconstruction @ 4", "seeds": 3}, "sap > -reconstruction @ 4"),
        ({"rule": "lcb:mig > random", "top": 2}, "lcb:mig > random @ 2"),
        ({"rule": OF_PYTHON}, "mig > mine @ 3"),
    ],
)
def test_every_view_shows_the_pick_that_was_made(tmp_path, options, label):
    usual = make(tmp_path).run().transfer()
    made = make(tmp_path).transfer(**options)
    assert made.pick.candidate != usual.pick.candidate
    (seen,) = make(tmp_path).transfers()
    assert (seen.pick.candidate, seen.rule.label) == (made.pick.candidate, label)
    board = seen.leaderboard()
    assert board["candidate"][board["pick"] > 0].tolist() == made.leaderboard().query("pick > 0")["candidate"].tolist()
    assert label in seen.why
    assert f"(rule: {label})" in html.unescape(write_report(make(tmp_path)).read_text(encoding="utf-8"))
    with pytest.warns(UserWarning, match=f"last transfer to digits was given the rule '{label.replace('+', '.')}'"):
        again = make(tmp_path).transfer()
    assert again.pick.candidate == usual.pick.candidate
    assert make(tmp_path).transfers()[0].rule == make(tmp_path).rule()


def test_a_rule_of_python_is_known_by_its_pick_alone(tmp_path):
    make(tmp_path).run().transfer(rule=OF_PYTHON)
    (seen,) = make(tmp_path).transfers()
    assert "made in Python" in str(seen.trust)


@dataclasses.dataclass(frozen=True)
class Broken(Mine):
    """A chooser that cannot choose."""

    def fit(self, proxies):
        return lambda target: target["criterion.of nobody"].to_numpy()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rule": "mig > reconstructoin"}, "no score is called 'reconstructoin'; did you mean 'reconstruction'"),
        ({"rule": "mig > udr_spearman_of"}, "no score is called"),
        ({"rule": selection.Rule(None, selection.by_criterion("mine"))}, "no score is called 'mine'"),
        ({"rule": "nonsense > elbo"}, "no column 'metric.nonsense'"),
        ({"seeds": 10**20}, "seeds must be a whole number from 1 to"),
        ({"top": 0}, "top must be a whole number"),
    ],
)
def test_what_cannot_be_done_costs_no_training_and_no_view(tmp_path, options, said):
    usual = make(tmp_path).run().transfer()
    count = len(trained(tmp_path / "study"))
    with pytest.raises(SelectdisError, match=said):
        make(tmp_path).transfer(**{"seeds": 3, **options})
    assert len(trained(tmp_path / "study")) == count
    (seen,) = make(tmp_path).transfers()
    assert (seen.pick.candidate, seen.rule) == (usual.pick.candidate, usual.rule)


def test_a_rule_that_fails_when_it_is_applied_is_not_kept(tmp_path):
    usual = make(tmp_path).run().transfer()
    with pytest.raises((SelectdisError, KeyError)):
        make(tmp_path).transfer(rule=selection.Rule(selection.by_mean("mig"), Broken(), top=2))
    (seen,) = make(tmp_path).transfers()
    assert (seen.pick.candidate, seen.rule) == (usual.pick.candidate, usual.rule)


def test_a_folder_without_options_goes_by_the_study_file(tmp_path):
    make(tmp_path).run().transfer()
    (stage,) = make(tmp_path).target_stages()
    assert OPTIONS not in stage.study.user_attrs
    (seen,) = make(tmp_path, select=RULE | {"top": 3}).transfers()
    assert seen.rule.top == 3


@pytest.mark.parametrize("said", [3, [], {"label": 3, "pick": {}}, {"label": "no rule"}, {"top": None, "x": 1}])
def test_options_that_are_none(tmp_path, said):
    make(tmp_path).run().transfer()
    (stage,) = make(tmp_path).target_stages()
    stage.study.set_user_attr(OPTIONS, said)
    if said == {"top": None, "x": 1}:
        with pytest.raises(SelectdisError, match="top must be a whole number"):
            make(tmp_path).transfers()
    else:
        assert make(tmp_path).transfers()[0].rule == make(tmp_path).rule()


def narrowed(**changes):
    return {"objective": {"beta_vae": {"beta": [1, 2]}}, "latents": [4]} | changes


@pytest.mark.parametrize("sampler", [{}, {"sampler": "tpe", "trials": 5, "startup": 5}])
def test_configurations_outside_of_todays_search_are_carried(tmp_path, sampler, recwarn):
    wide = spec()["search"] | sampler
    before = make(tmp_path, search=wide).run().transfer(top=5, seeds=1).records
    narrow = {"search": narrowed(**sampler)}
    records = make(tmp_path, **narrow).transfer(top=5, seeds=2).records  # more seeds of those that are there
    assert set(records["configuration"]) == set(before["configuration"])
    assert len(records) == 2 * len(before)
    other = make(tmp_path, **narrow).transfer("scenes", top=5, seeds=1).records  # and where there was nothing
    assert set(other["candidate"]) == set(before["candidate"])
    assert [str(one.message) for one in recwarn if issubclass(one.category, UserWarning)] == []
    count = len(trained(tmp_path / "study"))
    assert len(make(tmp_path, **narrow, seeds=4).run().records) >= 15  # nor does the search itself stumble over them
    assert len(trained(tmp_path / "study")) <= count + 4


def test_a_transfer_that_was_stopped_goes_on_after_its_objective_left_the_search(tmp_path):
    study = make(tmp_path).run()
    stop_after_first_run(lambda: study.transfer(top=5, seeds=1))
    assert len(make(tmp_path, search=narrowed()).transfer(top=5, seeds=1).records) == 5


def test_a_target_is_not_trained_otherwise_than_its_proxy(tmp_path):
    make(tmp_path).run()
    with pytest.raises(SelectdisError, match=r"another `training`.*steps: 10, now 11"):
        make(tmp_path, training={"steps": 11}).transfer()


def test_what_is_optimised_need_not_be_known_on_the_target(tmp_path):
    study = make(tmp_path, optimise=["mig", "sap"], constraints=[{"score": "mig", "min": 0}]).run()
    assert study.transfer().pick is not None


def test_values_have_names_for_optunas_own_tools(tmp_path):
    study = make(tmp_path, optimise=["mig", "reconstruction"]).run()
    assert study.proxy_stages()[0].study.metric_names == ["mig", "reconstruction"]
    assert study.transfer().stage.study.metric_names == ["score"]  # which it need not have


def test_reprs_are_summaries(tmp_path):
    study = make(tmp_path)
    assert repr(study) == f"Study('fake', folder '{tmp_path}/study', 0 of 15 runs)"
    transfer = study.run().transfer()
    assert repr(study) == f"Study('fake', folder '{tmp_path}/study', 15 of 15 runs, best: beta_vae beta=4)"
    assert repr(transfer).startswith("Transfer(target 'digits', 2 of 2 runs finished, pick: beta_vae-")
    assert repr(transfer.trust) == str(transfer.trust)
    assert str(transfer.trust) in repr(transfer)
    away = sd.Study(spec(), folder=tmp_path, storage="postgresql://me:secret@localhost:1/x")
    assert "secret" not in repr(away)
    (tmp_path / "study" / "study.log").write_text("no journal\n")
    assert repr(make(tmp_path)).startswith("Study('fake', folder ")
