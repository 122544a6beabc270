"""The arena on runs with a planted truth: noise comes out at chance, an oracle at the top."""

import gzip
import itertools
import sys

import numpy as np
import pandas as pd
import pytest

import selectdis as sd
from selectdis.criteria import udr
from selectdis.errors import SelectdisError
from selectdis.selection import Rule, add_evidence, arena, backtest, parse_rule, remove_evidence, run_scores
from selectdis.selection.archive import _table
from selectdis.selection.archive._nested import nested

from .records import make_records

LATENTS = 4


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Eight data sets of seven families, two of which judge, with arrays: good runs mix two latents less."""
    folder = tmp_path_factory.mktemp("evidence")
    records = make_records(8, 6, 4, metric_noise=0.1, criterion_noise=5, rng=np.random.default_rng(0))
    records["criterion.udr_lasso_pool"] = records["criterion.model_centrality"] = records["criterion.udr_lasso"]
    names = records["dataset"].replace({"data1": "data0"})
    records = records.assign(part="made", family=names, judging=records["dataset"].isin(["data6", "data7"]))
    records = records.assign(image_size=16, channels=1, steps=1)
    rng = np.random.default_rng(1)
    (folder / "made").mkdir()
    for name, rows in records.groupby("dataset"):
        quality = rows["criterion.perfect"].rank(pct=True).to_numpy()
        mean = rng.normal(size=(len(rows), 60, LATENTS))
        mean[:, :, 1] += 3 * (1 - quality)[:, None] * mean[:, :, 0]
        gram = np.tile(np.eye(LATENTS)[np.triu_indices(LATENTS)], (len(rows), 3, 1))
        gram[:, :, 1] = (1 - quality)[:, None]
        order = rng.permutation(len(rows))  # rows of the file and of the table need not agree
        arrays = {"mean": mean, "log_variance": -np.ones_like(mean), "gram": gram}
        arrays = {key: values[order].astype(np.float16) for key, values in arrays.items()}
        np.savez(folder / "made" / f"{name}.npz", candidates=rows["candidate"].to_numpy(str)[order], **arrays)
    return folder, records


@pytest.fixture(autouse=True)
def made(place, monkeypatch, tmp_path):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path))
    monkeypatch.setattr(_table, "_published", lambda: place[1])
    return place


def oracle(run):
    return -abs(np.corrcoef(run.mean[:, 0], run.mean[:, 1])[0, 1])


def noise(run):
    return float(np.modf(abs(run.mean.astype(float).sum()) * 1e4)[0])


def entangled(pool):
    assert pool.gram.shape == (len(pool), 3, LATENTS, LATENTS)
    return np.abs(pool.gram[:, 0, 1, 0])


entangled.higher_is_better = False


@pytest.fixture(scope="module")
def result(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_table, "_published", lambda: place[1])
        return arena([oracle, noise, entangled, "udr_lasso", "any > udr_lasso"], evidence=place[0], n_bootstrap=20)


def row(result, what, half="all"):
    return result.table.query("what == @what and half == @half").iloc[0]


def test_a_planted_oracle_is_at_the_top_and_noise_at_chance(result):
    best, useless = row(result, "oracle"), row(result, "noise")
    assert result.table["what"].iloc[0] in ("oracle", "entangled")
    assert best["p"] > 0.95
    assert 0.5 < best["p_low"] < best["p"]
    assert best["gain_low"] > 0
    assert best["adds_low"] > 0
    assert best["taken"] == 1
    assert useless["p_low"] < 0.5 < useless["p_high"]
    assert useless["gain_low"] < 0 < useless["gain_high"]
    assert (useless["adds"], useless["taken"]) == (0, 0)
    assert row(result, "entangled")["p"] > 0.95  # lower is better, it says, and a function of the pool


def test_the_halves_stand_apart(result):
    sizes = result.table.drop_duplicates("half").set_index("half")[["datasets", "families"]]
    assert sizes.T.to_dict("list") == {"looked at": [6, 5], "judging": [2, 2], "all": [8, 7]}
    p = result.by_dataset.query("what == 'udr_lasso'").set_index("dataset")["p"]
    assert row(result, "udr_lasso", "judging")["p"] == pytest.approx(p[["data6", "data7"]].mean())
    assert row(result, "udr_lasso", "all")["p"] == pytest.approx(p.mean())
    assert row(result, "any > udr_lasso")["p"] == row(result, "udr_lasso")["p"]  # a name, and its rule
    assert "judging: 2 data sets of 2 families" in repr(result)


def test_a_criterion_that_is_only_computed_is_as_one_that_is_recorded(made, result):
    """P and gain are those of the backtest with the column in the records."""
    values = {}
    for name, rows in made[1].groupby("dataset"):
        with np.load(made[0] / "made" / f"{name}.npz") as file:
            mean = dict(zip(file["candidates"], file["mean"].astype(np.float32), strict=True))
        values |= {(name, c): -abs(np.corrcoef(mean[c][:, 0], mean[c][:, 1])[0, 1]) for c in rows["candidate"]}
    keys = zip(made[1]["dataset"], made[1]["candidate"], strict=True)
    records = made[1].assign(**{"criterion.again": [values[key] for key in keys]})
    again = backtest(records, [parse_rule("any > +again")], n_bootstrap=20).row("any > +again")
    assert (again["p_beats_random"], again["gain"]) == pytest.approx(tuple(row(result, "oracle")[["p", "gain"]]))


def test_nothing_is_chosen_on_the_data_set_that_judges(made):
    """By a plain loop over the two folds, one within the other."""
    records = made[1]
    scores = run_scores(records)
    rules = [parse_rule("win_rate > udr_lasso"), parse_rule("any > +perfect")]
    found = nested(rules, records, scores)
    family = records.set_index("dataset")["family"].to_dict()
    for name, other in [("data0", "data3"), ("data4", "data1")]:
        inside = records[~records["family"].isin([family[name], family[other]])]
        target = records[records["dataset"] == other]
        pick = rules[0].weights(inside, target)
        beaten = (pd.Series(scores[target.index]).rank() - 1) / (len(target) - 1)
        assert found.inner[name].loc[rules[0].label, other] == pytest.approx(pick @ beaten)
    assert "data1" not in found.inner["data0"]
    assert found.outer.loc["any > +perfect"].min() > 0.9
    joined = found.joined(rules[:1], rules[1:])
    assert (joined["without"] == rules[0].label).all()
    assert (joined["chosen"] == "any > +perfect").all()
    assert joined["adds"].to_dict() == (found.outer.iloc[1] - found.outer.iloc[0]).to_dict()
    assert not found.joined(rules[1:], rules[:1])["taken"].any()  # the worse one never replaces the better


def test_built_in_names_functions_and_files_agree(made, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from selectdis.criteria import udr\n\n\ndef agreement(pool, similarity='spearman'):\n"
        "    return udr(pool.mean, active=pool.active, similarity=similarity, configurations=pool.configurations)\n"
    )
    result = arena([str(file), "udr_spearman", "jacobian_orthogonality"], evidence=made[0], n_bootstrap=2)
    assert row(result, "agreement")["p"] == row(result, "udr_spearman")["p"]  # not in these records: computed too
    assert row(result, "jacobian_orthogonality")["p"] > 0.95
    assert udr is sd.criteria.udr


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("udr_laso", "there is no criterion 'udr_laso'; did you mean 'udr_lasso'?"),
        (lambda codes: 1.0, "a function of one argument called `run` or `pool` is"),
        (lambda run: 1 / 0, "failed .ZeroDivisionError"),
        (lambda run: sys.exit(0), "failed .SystemExit: 0"),
        (lambda run: [1, 2], "must give one number for each of 24 runs, found list, in all of shape .24, 2."),
        (lambda run: [1] * run.active.sum(), "must give one number for each of 24 runs, found list"),
        (lambda run: "text", "must give one number for each of 24 runs, found str"),
        (lambda pool: "text", "must give one number for each of 24 runs, found str"),
        (lambda pool: np.zeros(3), "must give one number for each of 24 runs, found ndarray, in all of shape .3,."),
        (lambda run: None, "is judged on no data set; on data0: no run that it could pick there has a value"),
        (lambda run: np.nan, "is judged on no data set"),
    ],
)
def test_mistakes_are_one_sentence(made, what, problem):
    with pytest.raises(SelectdisError, match=problem):
        arena(what, evidence=made[0])


def test_nothing_to_try_is_said(made):
    with pytest.raises(SelectdisError, match="there is nothing to try"):
        arena([], evidence=made[0])


def test_a_criterion_that_tells_nothing_is_at_chance_and_said_to(made):
    result = arena([constant, oracle], evidence=made[0], n_bootstrap=2)
    assert row(result, "constant")["p"] == 0.5
    names = ", ".join(sorted(made[1]["dataset"].unique()))
    assert f"'constant' tells no run from another on {names}: its pick there is any run" in result.notes
    assert not any("'oracle'" in note for note in result.notes)


def constant(run):
    return 3.0


def test_what_the_others_cannot_tell_is_no_zero(made):
    """Of a criterion without a value on one data set nothing is known of what it adds; nor with one other data set."""

    def seldom(pool):
        return np.full(len(pool), np.nan) if next(calls) in (0, 4) else [oracle(run) for run in pool]

    calls = itertools.count()
    result = arena([seldom, oracle], evidence=made[0], n_bootstrap=2)
    assert row(result, "seldom")["p"] > 0.9
    assert np.isnan(row(result, "seldom")[["adds", "taken"]].astype(float)).all()
    assert result.shown.set_index("criterion or rule").loc["seldom", "adds to the best rule"].eq("-").all()
    assert any(note.startswith("what 'seldom' adds is known on 0 of 8 data sets") for note in result.notes)
    assert row(result, "oracle")["taken"] == 1
    assert not any("'oracle'" in note for note in result.notes)
    two = made[1][made[1]["dataset"].isin(["data0", "data2"])]
    few = nested([parse_rule("win_rate > udr_lasso"), parse_rule("any > +perfect")], two, run_scores(two))
    assert few.joined(few.rules[:1], few.rules[1:])["adds"].isna().all()


def test_without_the_files_it_says_where_they_are(made, tmp_path):
    with pytest.raises(SelectdisError, match="which does not come with the package; clone it and give --evidence PATH"):
        arena(oracle, evidence=tmp_path)
    (tmp_path / "made").mkdir()
    (tmp_path / "made/data0.npz").write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(SelectdisError, match=r"data0.npz holds no codes of runs"):
        arena(oracle, evidence=tmp_path)
    assert arena("udr_lasso", evidence=tmp_path, n_bootstrap=2).table["p"].notna().all()  # the records will do


def test_records_of_ones_own_count_everywhere(made, tmp_path):
    own = make_records(3, 6, 4, rng=np.random.default_rng(7)).drop(columns="criterion.perfect")
    own["dataset"] = own["dataset"].replace({"data0": "mine", "data1": "yours", "data2": "theirs"})
    added = add_evidence(own, "own", shapes={"mine": (16, 3)}, families={"yours": "mine"})
    assert len(added) == 72
    table = sd.evidence("own")
    assert table.drop_duplicates("dataset").set_index("dataset")["family"].to_dict() == {
        "mine": "mine", "yours": "mine", "theirs": "theirs"}  # fmt: skip
    assert set(sd.evidence()["part"]) == {"made", "own"}
    assert not table["judging"].any()
    add_evidence(own[own["dataset"] == "mine"], "own")  # again, which replaces it
    assert len(sd.evidence("own")) == 72
    result = arena("udr_lasso", part="own", n_bootstrap=2)
    assert set(result.by_dataset["dataset"]) == {"mine", "yours", "theirs"}
    rule = Rule()
    assert {"mine", "yours", "theirs"} <= set(sd.selection.trust(rule, None).published.values)
    with pytest.raises(SelectdisError, match="'made' is a part of the published records"):
        add_evidence(own, "made")
    with pytest.raises(SelectdisError, match="there is no labelled data set 'nobody'"):
        add_evidence(own, "own", families={"nobody": "x"})
    with gzip.open(tmp_path / "evidence.csv.gz", "rt") as file:
        assert file.readline().startswith("dataset,")


def test_a_part_is_a_name_and_goes_again(made, tmp_path):
    """Also one that reads like a number."""
    own = make_records(3, 6, 4, rng=np.random.default_rng(7)).drop(columns="criterion.perfect")
    own["dataset"] = own["dataset"].replace({"data0": "1", "data1": "2", "data2": "3"})
    for part in ("2024", "2024", "other"):
        add_evidence(own, part)
    assert len(sd.evidence("2024")) == 72
    assert set(sd.evidence("2024")["dataset"]) == {"1", "2", "3"}
    codes = tmp_path / "evidence/2024/1.npz"
    codes.parent.mkdir(parents=True)
    codes.touch()
    add_evidence(own, "2024")  # of other runs, perhaps: the codes of the earlier ones are none of theirs
    assert not codes.exists()
    codes.touch()
    assert remove_evidence("2024") == 72
    assert not codes.exists()
    assert set(sd.evidence()["part"]) == {"made", "other"}
    remove_evidence("other")
    assert not (tmp_path / "evidence.csv.gz").exists()
    for part in ("made", "other"):
        with pytest.raises(SelectdisError, match=f"no part of your own is called '{part}' .there are: none."):
            remove_evidence(part)
    for part in ("../out", "a/b", "", ".x", 2024):
        with pytest.raises(SelectdisError, match="a part is called by letters, digits"):
            add_evidence(own, part)
    for part, told in (("NA", {}), ("own", {"1": "null"})):  # which a table would give back as empty cells
        with pytest.raises(SelectdisError, match="would be read as an empty cell of the table"):
            add_evidence(own, part, families=told)
