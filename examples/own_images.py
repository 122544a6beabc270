"""From a folder of unlabelled pictures to codes: search on a proxy, transfer, use the picked run in scikit-learn.

    python examples/own_images.py FOLDER [--steps 3000] [--study my-study]

Without a folder it draws a few hundred pictures into a temporary one first.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline

import selectdis as sd


def main(folder: Path, steps: int, study_folder: Path | None = None) -> np.ndarray:
    """Search, transfer, cluster the codes of the folder's pictures; returns the clusters."""
    study = sd.Study(
        {
            "name": "own-images",
            "proxy": {
                "name": "sprites",
                "image_size": 16,
                "sizes": {"shape": 3, "scale": 3, "orientation": 1, "x": 8, "y": 8},
            },
            "search": {
                "objective": {"beta_vae": {"beta": [1, 2]}},
                "architecture": "fc",
                "width": 64,
                "latents": 6,
                "learning_rate": 1e-3,
            },
            "seeds": 2,
            "training": {"steps": steps},
            "evaluation": {"metrics": ["mig", "sap"], "n_train": 400, "n_test": 150},
            "select": {"run": "udr_lasso", "top": 1, "seeds": 2},
            "tracking": None,
        },
        folder=study_folder,
    )
    study.run()
    transfer = study.transfer(f"folder:{folder}")
    print(transfer.leaderboard()[["candidate", "settings", "rule_score"]].to_string())
    print(f"\npicked: {transfer.pick.candidate}\nwhy:    {transfer.why}\ntrust:  {transfer.trust}\n")

    images = sd.load_dataset(f"folder:{folder}", image_size=16, gray=True)
    pipeline = make_pipeline(transfer.best, KMeans(4, n_init=4, random_state=0))  # a run is a fitted transformer
    clusters = pipeline.fit_predict(images.images_at(np.arange(len(images))))
    print(f"pictures a cluster: {np.bincount(clusters).tolist()}")
    return clusters


def draw_pictures(folder: Path, n: int = 200) -> None:
    """Blobs of random place and size."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:24, :24]
    for i in range(n):
        cx, cy, size = rng.uniform(6, 18), rng.uniform(6, 18), rng.uniform(2, 5)
        blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * size**2))
        Image.fromarray((255 * blob).astype(np.uint8)).save(folder / f"{i:04}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--steps", type=int, default=3_000)
    parser.add_argument("--study", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        pictures = arguments.folder or Path(temporary) / "pictures"
        if arguments.folder is None:
            pictures.mkdir()
            draw_pictures(pictures)
        main(pictures, arguments.steps, arguments.study or Path(temporary) / "study")
