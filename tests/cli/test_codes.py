"""`selectdis codes`: a row per picture, by any run of a study, for pictures of any size."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import selectdis as sd
from tests.cli.test_commands import STUDY


@pytest.fixture(scope="module")
def picked(tmp_path_factory):
    """A study with two runs on a folder of wide grey pictures, and the folder."""
    place = tmp_path_factory.mktemp("picked")
    pictures = place / "pictures"
    pictures.mkdir()
    for k in range(40):
        picture = np.zeros((20, 30), np.uint8)
        picture[:, k % 20 : k % 20 + 8] = 200
        Image.fromarray(picture).save(pictures / f"{k:02}.png")
    study = sd.Study(
        {**STUDY, "target": {"name": f"folder:{pictures}", "image_size": 16}}, folder=place / "s", n_jobs=1
    )
    study.run().transfer()
    return study, pictures


def test_codes_of_the_target_by_the_picked_run(call, picked, tmp_path):
    study, _ = picked
    (transfer,) = study.transfers()
    said = call("codes", study.folder, "--out", "codes.csv", "--page", "page.html")
    assert said.code == 0, said
    table = pd.read_csv(tmp_path / "codes.csv")
    assert table["file"].tolist() == [f"{k:02}.png" for k in range(40)]
    data = transfer.stage.data.load()
    np.testing.assert_allclose(table.filter(like="latent"), transfer.best.transform(data.images), rtol=1e-4, atol=1e-6)
    assert f"40 pictures by {transfer.pick.candidate}, which takes 16 x 16 pixels, grey" in said.out
    page = (tmp_path / "page.html").read_text()
    live = [name for name in ("z0", "z1", "z2") if f"<h2>{name}" in page]
    assert page.count("lowest") - 1 == len(live)  # once in the words on top
    low = int(table[f"latent_{live[0][1]}"].argmin()) if live else 0
    assert not live or f"{low:02}.png" in page
    assert "http" not in page


def test_new_pictures_of_another_size_and_depth_by_any_run(call, picked, tmp_path):
    study, pictures = picked
    (transfer,) = study.transfers()
    new = tmp_path / "new"
    new.mkdir()
    picture = np.asarray(Image.open(pictures / "03.png")).repeat(3, 0).repeat(3, 1)
    Image.fromarray(picture.astype(np.uint16) * 257).save(new / "deep.png")
    Image.fromarray(picture[..., None].repeat(3, 2)).save(new / "colour.png")
    (new / "broken.png").write_bytes(b"x")
    other = next(c for c in transfer.records["candidate"] if c != transfer.pick.candidate)
    said = call("codes", study.folder, f"folder:{new}", "--run", other, "--out", "codes.parquet")
    assert said.code == 0, said
    assert "1 could not be read: selectdis data info" in said.out
    table = pd.read_parquet(tmp_path / "codes.parquet")
    assert table["file"].tolist() == ["colour.png", "deep.png"]
    expected = study.load_run(other).transform(transfer.stage.data.load().images_at([3]))
    np.testing.assert_allclose(table.filter(like="latent"), expected.repeat(2, 0), atol=0.05)


def test_what_cannot_be_is_refused(call, picked):
    study, _ = picked
    assert "codes are written as .csv" in call("codes", study.folder, "--out", "codes.txt").refusal
    assert "'beta_vae-1' is none of its runs" in call("codes", study.folder, "--run", "beta_vae-1").refusal
    assert "--target is one of folder:" in call("codes", study.folder, "--target", "moon").refusal
    assert "it does not exist" in call("codes", study.folder, "folder:/nowhere").refusal
