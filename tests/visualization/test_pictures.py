import io

import numpy as np
import pytest
from PIL import Image

from selectdis._arrays import bin_codes, entropy, mutual_information_matrix
from selectdis.visualization import _pictures as pictures_module
from selectdis.visualization import picture_run, save_pictures, tile
from selectdis.visualization._bars import kl_bars
from selectdis.visualization._pictures import gif_bytes, traversal_sheet
from tests.visualization.made_up import trained_run


@pytest.fixture(scope="module")
def run_and_data():
    return trained_run()


@pytest.fixture(scope="module")
def encoded(run_and_data):
    """Mean and log-variance of all images, which `picture_run` takes as well: there are few."""
    run, data = run_and_data
    indices = data.sample_indices(len(data), np.random.default_rng(0))
    return (indices, *run.encode(data.images_at(indices)))


@pytest.fixture(scope="module")
def pictures(run_and_data):
    return picture_run(*run_and_data, steps=5)


def test_latents_come_by_falling_kl(encoded, pictures):
    _, mean, log_variance = encoded
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).mean(axis=0)
    assert pictures.latents.tolist() == np.argsort(-kl).tolist()
    np.testing.assert_allclose(pictures.kl, np.sort(kl)[::-1], rtol=1e-4)
    assert pictures.kl[0] > pictures.kl[-1]
    assert pictures.latent_names[0] == f"z{np.argmax(kl)}"


def test_the_kl_of_the_record_is_what_is_shown(run_and_data, tmp_path, monkeypatch):
    nats = [0.5, 3.0, 0.001, 2.0, 1.0, 0.2]
    of = picture_run(*run_and_data, steps=3, kl=nats)
    assert (of.latents.tolist(), of.kl.tolist()) == ([1, 3, 4, 0, 5, 2], sorted(nats, reverse=True))
    drawn = []
    monkeypatch.setattr(pictures_module, "kl_bars", lambda kl, names: drawn.append(kl.tolist()) or kl_bars(kl, names))
    save_pictures(*run_and_data, tmp_path, kl=nats)
    assert drawn == [of.kl.tolist()]


def test_a_traversal_changes_its_own_latent_only(run_and_data, encoded, pictures):
    run, _ = run_and_data
    _, mean, _ = encoded
    base = mean[np.argmin(((mean - np.median(mean, axis=0)) ** 2).sum(axis=1))]
    assert pictures.traversals.shape == (6, 5, 1, 16, 16)
    assert pictures.values.tolist() == [[-2, -1, 0, 1, 2]] * len(pictures.latents)
    for row, latent in enumerate(pictures.latents):
        codes = np.tile(base, (5, 1))
        codes[:, latent] = pictures.values[0]
        np.testing.assert_allclose(pictures.traversals[row], (run.decode(codes) * 255).round(), atol=1)


def test_images_stand_above_their_reconstructions(run_and_data, encoded, pictures):
    run, data = run_and_data
    indices, mean, _ = encoded
    originals, reconstructions = pictures.reconstructions
    assert (originals == data.images_at(indices[:8])).all()
    np.testing.assert_allclose(reconstructions, (run.decode(mean[:8]) * 255).round(), atol=1)


def test_importance_is_the_share_of_a_factor_that_a_latent_knows(run_and_data, encoded, pictures):
    _, data = run_and_data
    indices, mean, _ = encoded
    factors = data.factors_at(indices)
    known = mutual_information_matrix(bin_codes(mean, 20), factors)
    assert pictures.importance.shape == (6, len(data.factor_names))
    for column, values in enumerate(factors.T):
        share = known[pictures.latents, column] / entropy(values) if len(set(values)) > 1 else 0  # nothing to know
        np.testing.assert_allclose(pictures.importance[:, column], share)


def test_without_labels_there_is_no_importance(run_and_data, tmp_path):
    run, data = run_and_data
    assert picture_run(run, data.without_labels(), steps=3).importance is None
    save_pictures(run, data.without_labels(), tmp_path)
    assert not (tmp_path / "importance.png").exists()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_tiles(channels):
    images = np.arange(2 * 3 * channels * 4 * 4, dtype=np.uint8).reshape(2, 3, channels, 4, 4)
    sheet = tile(images, cell=4, gap=1)
    assert sheet.size == (3 * 5 - 1, 2 * 5 - 1)
    assert sheet.getpixel((4, 0))[3] == 0  # the gaps are transparent
    assert tile(images, ["z0", "z1"], cell=8).width > tile(images, cell=8).width


def test_a_sheet_has_a_row_per_latent(pictures):
    sheet = traversal_sheet(pictures.traversals, pictures.kl, pictures.latent_names)
    assert sheet.height == 6 * (4 * 16 + 3) - 3


def test_animations_go_there_and_back():
    frames = np.random.default_rng(0).integers(0, 256, (4, 2, 1, 8, 8), dtype=np.uint8)
    assert Image.open(io.BytesIO(gif_bytes(frames))).n_frames == 6


def test_files(run_and_data, tmp_path):
    save_pictures(*run_and_data, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"traversals.png", "traversals.gif", "reconstructions.png", "kl_per_latent.png", "importance.png"}
    for path in tmp_path.iterdir():
        Image.open(path).verify()
