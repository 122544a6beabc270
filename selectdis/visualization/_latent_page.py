"""A page that lets somebody who knows the pictures see what each latent means."""

from __future__ import annotations

import base64
import html
from typing import TYPE_CHECKING

import numpy as np

from selectdis._arrays import ACTIVE_NATS
from selectdis.data import ImageDataset
from selectdis.visualization._pictures import RunPictures, picture_run, png_bytes, tile

if TYPE_CHECKING:
    from selectdis.training import Run

__all__ = ["latent_page"]

MOST = 20_000  # pictures that are looked through
ENDS = 6  # pictures shown at each end
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h2{margin:2rem 0 .3rem;font-size:1.1rem}img{image-rendering:pixelated;max-width:100%}
.ends{display:flex;flex-wrap:wrap;gap:1.5rem}figure{margin:.4rem 0}figcaption,small{opacity:.75;font-size:.85rem}
.row{display:flex;flex-wrap:wrap;gap:.5rem}.row figure{width:5.5rem}.row img{width:5.5rem;height:5.5rem}
.row figcaption{overflow-wrap:anywhere;line-height:1.2}
"""


def latent_page(run: Run, data: ImageDataset, *, seed: int = 0) -> str:
    """Return a self-contained HTML page: for each latent what it changes, and the pictures at both of its ends.

    Parameters
    ----------
    run : Run
        A trained one that has not diverged.
    data : ImageDataset
        Pictures of the size and channels of the run; of more than 20,000 as many are drawn.
    seed : int
        Of that draw.

    Returns
    -------
    str
    """
    drawn = np.random.default_rng(seed).permutation(len(data))[:MOST]
    codes = run.transform(LazySubset(data, drawn))
    of = picture_run(run, data, steps=9)
    live = np.flatnonzero(of.kl > ACTIVE_NATS) if of.kl is not None else np.arange(len(of.latents))
    sections = "".join(_section(of, place, codes, drawn, data) for place in live.tolist())
    dead = [name for place, name in enumerate(of.latent_names) if place not in live]
    rest = f"<p>The others say nothing of the pictures: {', '.join(dead)}.</p>" if dead else ""
    name = html.escape(f"{run.candidate.id} on {data.name}")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Latents of {name}</title><style>{STYLE}</style><h1>What each latent means</h1>"
        f"<p>{name}. Each row changes one number of the code of a typical picture and leaves the others as they are; "
        "below it are the pictures whose own number is lowest and highest. A latent has a meaning where you can say in "
        "one word what changes in all three. The latents that carry most come first.</p>"
        f"{sections or '<p>No latent of this run says anything of the pictures.</p>'}{rest}</html>\n"
    )


class LazySubset:
    """Some images of a data set, taken a batch at a time."""

    def __init__(self, data: ImageDataset, index: np.ndarray) -> None:
        self.data, self.index, self.dtype = data, index, np.dtype(np.uint8)
        self.shape = (len(index), *data.image_shape)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: slice) -> np.ndarray:
        return self.data.images_at(self.index[key])


def _section(of: RunPictures, place: int, codes: np.ndarray, drawn: np.ndarray, data: ImageDataset) -> str:
    latent, name = of.latents[place], of.latent_names[place]
    nats = "" if of.kl is None else f" <small>{of.kl[place]:.2f} nats</small>"
    values, order = of.values[place], np.argsort(codes[:, latent], kind="stable")
    strip = _image(tile(of.traversals[place][None], cell=80), f"{name} from {values[0]:.1f} to {values[-1]:.1f}")
    count = min(ENDS, max(len(order) // 2, 1))
    ends = "".join(
        f"<div><figcaption>{title}</figcaption><div class='row'>"
        + "".join(_picture(data, int(drawn[row]), codes[row, latent]) for row in rows)
        + "</div></div>"
        for title, rows in (("lowest", order[:count]), ("highest", order[::-1][:count]))
    )
    return (
        f"<section><h2>{name}{nats}</h2><figure>{strip}<figcaption>{values[0]:.1f} to {values[-1]:.1f}</figcaption>"
        f"</figure><div class='ends'>{ends}</div></section>\n"
    )


def _picture(data: ImageDataset, row: int, value: float) -> str:
    name = data.files[row] if data.files else f"image {row}"
    picture = _image(tile(data.images_at([row])[None], cell=80), name)
    return f"<figure>{picture}<figcaption>{value:.2f} {html.escape(name)}</figcaption></figure>"


def _image(picture: object, words: str) -> str:
    content = base64.b64encode(png_bytes(picture)).decode()  # type: ignore[arg-type]
    return f'<img alt="{html.escape(words)}" src="data:image/png;base64,{content}">'
