import io

import numpy as np
import pytest
from PIL import Image

from selectdis.visualization._pictures import dissect, gif_bytes, matrix, save_pictures, tile


@pytest.fixture(scope="module")
def anatomy(run_and_data):
    return dissect(*run_and_data, steps=5)


def test_anatomy(run_and_data, anatomy):
    run, data = run_and_data
    assert anatomy.traversals.shape == (3, 5, 1, 16, 16)
    assert anatomy.importance.shape == (3, len(data.factor_names))
    assert ((anatomy.importance >= 0) & (anatomy.importance <= 1)).all()
    mean, log_variance = run.encode(data.images_at(range(len(data))))
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).mean(axis=0)
    np.testing.assert_allclose(anatomy.kl, kl, rtol=1e-4)
    assert (np.diff(anatomy.kl[anatomy.order]) <= 0).all()


def test_a_traversal_changes_its_own_latent_only(run_and_data, anatomy):
    run, data = run_and_data
    mean = run.transform(data.images_at(data.sample_indices(len(data), np.random.default_rng(0))))
    base = mean[np.argmin(((mean - np.median(mean, axis=0)) ** 2).sum(axis=1))].copy()
    base[1] = anatomy.values[3]
    expected = (run.decode(base[None])[0] * 255).round()
    np.testing.assert_allclose(anatomy.traversals[1, 3], expected, atol=1)


def test_without_labels_there_is_no_importance(run_and_data):
    run, data = run_and_data
    assert matrix(dissect(run, data.without_labels(), steps=3)) is None


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_tiles(channels):
    images = np.arange(2 * 3 * channels * 4 * 4, dtype=np.uint8).reshape(2, 3, channels, 4, 4)
    sheet = tile(images, cell=4, gap=1)
    assert sheet.size == (3 * 5 - 1, 2 * 5 - 1)
    assert sheet.getpixel((4, 0))[3] == 0  # the gaps are transparent
    assert tile(images, ["z0", "z1"], cell=8).width > tile(images, cell=8).width


def test_animations_go_there_and_back():
    frames = np.random.default_rng(0).integers(0, 256, (4, 2, 1, 8, 8), dtype=np.uint8)
    assert Image.open(io.BytesIO(gif_bytes(frames))).n_frames == 6


def test_files(run_and_data, tmp_path):
    save_pictures(*run_and_data, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"traversals.png", "traversals.gif", "reconstructions.png", "kl_per_latent.png", "importance.png"}
    for path in tmp_path.iterdir():
        Image.open(path).verify()
