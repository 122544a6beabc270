"""Score an encoder of your own - here scikit-learn's PCA and ICA - with every disentanglement metric.

python examples/own_encoder.py [--images 1000]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA, FastICA
from sklearn.pipeline import make_pipeline

import selectdis as sd


def main(n_images: int = 1_000) -> pd.DataFrame:
    """Fit PCA and ICA on pixels, score both; returns one column an encoder."""
    data = sd.load_dataset("sprites", image_size=16)
    rng = np.random.default_rng(0)
    images = data.images_at(data.sample_indices(n_images, rng))
    # Whitened by PCA: FastICA's own whitening divides by zero where pixels hang together, as drawn ones do.
    whitened = PCA(6, whiten=True, random_state=0)
    ica = make_pipeline(whitened, FastICA(whiten=False, random_state=0, max_iter=500))
    table = {}
    for name, model in {"PCA": PCA(6, random_state=0), "ICA": ica}.items():
        model.fit(flat(images))
        table[name] = sd.evaluate(
            lambda batch, model=model: model.transform(flat(batch)), data, metrics="paper", n_train=2_000, n_test=1_000
        )
    frame = pd.DataFrame(table)
    print(frame.round(3).to_string())
    return frame


def flat(images: np.ndarray) -> np.ndarray:
    """uint8 (n, c, h, w) -> float (n, c h w) in [0, 1]."""
    return images.reshape(len(images), -1) / 255.0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000)
    main(parser.parse_args().images)
