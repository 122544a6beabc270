"""`selectdis label`: a sheet to fill in, and the pick by it, of a study and of anybody's codes."""

import re

import numpy as np
import pandas as pd
import pytest

import selectdis as sd
from selectdis.spec import StudySpec
from tests.cli.test_commands import STUDY

FACTORS = ("--factor", "shape=round,flat", "--factor", "hue:red,green,blue")


@pytest.fixture(scope="module")
def transferred(tmp_path_factory):
    """A study with four runs on its target."""
    folder = tmp_path_factory.mktemp("labelled") / "study"
    study = sd.Study(StudySpec.model_validate(STUDY), folder=folder, n_jobs=1).run()
    study.transfer()
    return study


@pytest.fixture
def coded(tmp_path):
    """Codes of three runs in files, and the number of images."""
    rng = np.random.default_rng(0)
    data = sd.load_dataset("digits", image_size=16)
    shape, hue = np.arange(len(data)) % 2, np.arange(len(data)) // 2 % 3
    for name, codes in {
        "bad": rng.normal(size=(len(data), 4)),
        "good": np.c_[hue, -shape] + rng.normal(size=(len(data), 2)) / 100,
        "mixed": np.c_[hue + shape, hue - shape],
    }.items():
        np.save(tmp_path / f"{name}.npy", codes)
    return len(data)


def fill(path):
    """Label a sheet as the codes of `coded` have it, in another order, separator and with a column more."""
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False)
    image = sheet["image"].astype(int)
    sheet["shape=round,flat"] = np.where(image % 2, "flat", "round")
    sheet["hue:red,green,blue"] = np.array(["red", "Green ", "blue"])[image // 2 % 3]
    sheet.iloc[::-1].assign(note="my, note").to_csv(path, sep=";", index=False)
    return sheet


def test_codes_of_anybody_are_ranked_by_ten_labels(call, coded, tmp_path):
    said = call("label", "--codes", "*.npy", "--images", "digits", *FACTORS, "--n", 12)
    assert said.code == 0, said
    assert {"labels.csv", "labels.png", "labels.html"} <= {path.name for path in tmp_path.iterdir()}
    assert "wrote labels.png" in said.out
    empty = call("label", "--codes", "*.npy", "--read", "labels.csv")
    assert "no label yet" in empty.refusal
    fill(tmp_path / "labels.csv")
    ranked = call("label", "--codes", "*.npy", "--read", "labels.csv")
    assert ranked.code == 0, ranked
    assert re.search(
        r"Pick: good.npy: latent share 0\.\d\d .* from 12 labelled images, the best in \d+% of 200 .*of \d+ backtested",
        ranked.out,
    )
    again = call("label", "--codes", "*.npy", "--images", "digits", *FACTORS)
    assert "labels.csv is there already, and may hold labels" in again.refusal


def test_codes_without_labels_are_ranked_with_a_sentence_on_trust(call, coded):
    said = call("label", "--codes", "*.npy")
    assert said.code == 0, said
    assert "may be no better than chance" in said.out


def test_calls_that_mean_nothing_are_refused(call, coded, tmp_path):
    assert "either a study or --codes" in call("label").refusal
    assert "leave --factor out" in call("label", "--codes", "*.npy", *FACTORS, "--read", "labels.csv").refusal
    assert "--images says which" in call("label", "--codes", "*.npy", *FACTORS).refusal
    np.save(tmp_path / "codes.npy", np.ones((3, 2)))
    assert "the codes have 3 rows" in call("label", "--codes", "codes.npy", "--images", "digits", *FACTORS).refusal


def test_labels_of_a_target_pick_among_its_runs_and_are_kept(call, transferred):
    folder = transferred.folder
    assert "name what to label" in call("label", folder).refusal
    said = call("label", folder, *FACTORS, "--n", 12)
    assert said.code == 0, said
    (sheet,) = folder.glob("labels/*/sheet-1.csv")
    assert call("label", folder, *FACTORS).code == 0
    assert len(list(folder.glob("labels/*/sheet-*.csv"))) == 2  # the first one is not overwritten
    filled = fill(sheet)
    ranked = call("label", folder, "--read", sheet)
    assert ranked.code == 0, ranked
    (transfer,) = transferred.transfers()
    labelled = transfer.with_labels(filled)
    assert f"Pick: {labelled.pick.candidate}" in ranked.out
    assert labelled.records["labels.p_best"].sum() == pytest.approx(1)
    scores = labelled.records.set_index("candidate")["criterion.latent_share"]
    images = transfer.stage.data.load().images_at(filled["image"].astype(int))
    truth = np.c_[filled["image"].astype(int) % 2, filled["image"].astype(int) // 2 % 3]
    for candidate, score in scores.items():
        codes = transfer.stage.load_run(candidate).transform(images)
        assert score == pytest.approx(sd.metrics.latent_share(codes, truth, ordered=[True, False], on="both"), abs=1e-6)
    assert labelled.pick.candidate == scores.idxmax()
    assert labelled.best.candidate.id == scores.idxmax()
    assert labelled.outcome == ""
    assert "12 labelled images" in labelled.why
    assert str(labelled.trust)
    call("label", folder, "--read", sheet)
    (kept,) = folder.glob("labels/*/read-*.csv")  # the same labels, once
    assert kept.read_bytes() == sheet.read_bytes()
    sheet.write_text(sheet.read_text().replace(";flat;", ";round;", 1))
    call("label", folder, "--read", sheet)
    assert len(list(folder.glob("labels/*/read-*.csv"))) == 2


def worst_first(transfer, n=12):
    """A table by which the run that the rule would not pick is the best: the order of its own codes, as labels."""
    images = np.arange(n)
    other = next(c for c in transfer.allowed["candidate"][::-1] if c != transfer.pick.candidate)
    codes = transfer.stage.load_run(other).transform(transfer.stage.data.load().images_at(images))
    places, values = np.argsort(np.argsort(codes, axis=0), axis=0), ",".join(f"v{k}" for k in range(n))
    columns = {f"l{k}={values}": [f"v{place}" for place in places[:, k]] for k in range(codes.shape[1])}
    return pd.DataFrame({"image": images, **columns}), other


def test_every_view_follows_the_labels_until_they_are_taken_back(call, transferred, monkeypatch):
    folder = transferred.folder
    transferred.label(None)
    (plain,) = transferred.transfers()
    frame, other = worst_first(plain)
    labelled = transferred.label(frame)
    assert labelled.pick.candidate == other != plain.pick.candidate
    (shown,) = transferred.transfers()
    assert shown.pick.candidate == other
    assert shown.records.equals(labelled.records)
    assert "12 labelled images" in shown.why
    board = call("leaderboard", folder).out.partition("target:")[2]
    assert board.index(other) < board.index(plain.pick.candidate)
    assert call("report", folder).code == 0
    (page,) = folder.glob("*.html")
    assert "on the target by 12 labelled images" in page.read_text()
    again = call("transfer", folder, "--jobs", 1)  # new runs would be scored by the same labels
    assert f"Picked run: {other}" in again.out
    assert "by 10 labelled images" in again.out  # what is known of such picks, and no word of "label a few images"
    assert "label a few images" not in again.out
    assert f"Label ten more images: selectdis label {folder} --n 10" in again.out
    more = call("transfer", folder, "--jobs", 1, "--seeds", 3, "--quiet")
    assert "Picked run" in more.out
    (shown,) = transferred.transfers()
    assert shown.labels.runs.keys() == set(shown.records["candidate"])
    assert "metric.latent_share.few12" not in shown.records  # labels of a user are no metric
    # A kill at any moment leaves the earlier ranking or the new one, and the labels in any case.
    monkeypatch.setattr("selectdis.study._few_labels.keep_ranking", killed)
    turned = frame.assign(**{frame.columns[1]: frame[frame.columns[1]].to_numpy()[::-1]})
    with pytest.raises(KeyboardInterrupt):
        transferred.label(turned)
    assert transferred.transfers()[0].labels == shown.labels
    newest = max(folder.glob("labels/*/read-*.csv"), key=lambda path: path.stat().st_mtime)
    assert pd.read_csv(newest).equals(turned)
    monkeypatch.undo()
    undone = call("label", folder, "--undo")
    assert f"the pick is {transferred.transfers()[0].pick.candidate}" in undone.out
    assert transferred.transfers()[0].labels is None
    assert newest.exists()


def killed(*_):
    raise KeyboardInterrupt


def test_what_is_kept_is_checked(call, transferred):
    (plain,) = transferred.transfers()
    transferred.label(worst_first(plain)[0])
    (place,) = transferred.folder.glob("labels/*/pick.json")
    whole = place.read_text()
    for damaged in ("", "[]", whole.replace('"version": 1', '"version": 2'), whole.replace('"read-', '"../read-')):
        place.write_text(damaged)
        with pytest.warns(UserWarning, match=r"pick\.json is damaged, so that the pick on digits goes without labels"):
            (shown,) = transferred.transfers()
        assert shown.labels is None
    transferred.label(None)
    assert not place.exists()


def test_the_next_sheet_has_the_labels_that_there_are(call, transferred):
    (plain,) = transferred.transfers()
    frame, _ = worst_first(plain)
    transferred.label(frame)
    said = call("label", transferred.folder, "--n", 5)  # of the same factors
    assert said.code == 0, said
    table = max(transferred.folder.glob("labels/*/sheet-*.csv"), key=lambda path: path.stat().st_mtime)
    rows = pd.read_csv(table)
    assert rows["image"].is_unique
    assert len(rows) == 12 + 5
    assert rows[frame.columns].iloc[:12].equals(frame)
    assert rows[frame.columns[1:]].iloc[12:].isna().all(axis=None)
    assert transferred.label(table).labels.n_labels == 12
    with pytest.raises(sd.SelectdisError, match="reads NAME=LOW"):
        transferred.label_sheet(["a"])  # and leaves no empty table
    assert all(path.stat().st_size for path in transferred.folder.glob("labels/*/sheet-*.csv"))
    more, picture, page = transferred.label_sheet(["a=low,high"], n=2_000)
    assert sorted(pd.read_csv(more)["image"]) == list(range(len(plain.stage.data.load())))
    assert pd.read_csv(more)["a=low,high"].isna().all()
    assert picture.exists()
    assert page.exists()
    transferred.label(None)


def test_a_transfer_that_is_not_to_be_relied_on_ends_with_the_command(call, transferred):
    said = call("transfer", transferred.folder, "--jobs", 1)
    assert said.code == 0, said
    (command,) = re.findall(r"Label ten images.*: selectdis (label .*)\n", said.out)
    assert call(*command.split()).code == 0
    assert "Label ten images" not in call("transfer", transferred.folder, "--jobs", 1, "--quiet").out


def test_a_study_without_a_target_run_says_so(call, tmp_path):
    sd.Study(StudySpec.model_validate(STUDY), folder=tmp_path / "new", n_jobs=1)
    assert call("label", tmp_path / "new", *FACTORS).code == 2
