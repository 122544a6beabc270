"""Images with known factors, or without: a data set is one file here and one line in this table."""

from selectdis import _plugins
from selectdis.data._dataset import ImageDataset
from selectdis.data._load import load_dataset
from selectdis.data._preview import preview
from selectdis.data._source import DATASETS, RemoteFile, Source
from selectdis.data.drawn._arms import SOURCE as ARMS
from selectdis.data.drawn._cells import SOURCE as CELLS
from selectdis.data.drawn._clocks import SOURCE as CLOCKS
from selectdis.data.drawn._faces import SOURCE as FACES
from selectdis.data.drawn._glyphs import SOURCE as GLYPHS
from selectdis.data.drawn._photos import SOURCE as PHOTOS
from selectdis.data.drawn._scenes import SOURCE as SCENES
from selectdis.data.drawn._solids import SOURCE as SOLIDS
from selectdis.data.drawn._sprites import SOURCE as SPRITES
from selectdis.data.drawn._strokes import SOURCE as STROKES
from selectdis.data.drawn._textures import SOURCE as TEXTURES
from selectdis.data.public._cars3d import SOURCE as CARS3D
from selectdis.data.public._digits import SOURCE as DIGITS
from selectdis.data.public._dsprites import SOURCE as DSPRITES
from selectdis.data.public._fetch import fetch
from selectdis.data.public._mpi3d import COMPLEX, REAL, REALISTIC, TOY
from selectdis.data.public._shapes3d import SOURCE as SHAPES3D
from selectdis.data.public._smallnorb import SOURCE as SMALLNORB
from selectdis.data.public._variants import COLOR, NOISY, SCREAM
from selectdis.data.reading._cache import data_folder

__all__ = ["DATASETS", "ImageDataset", "RemoteFile", "Source", "data_folder", "fetch", "load_dataset", "preview"]

DATASETS |= {
    "sprites": SPRITES,
    "scenes": SCENES,
    "glyphs": GLYPHS,
    "faces": FACES,
    "arms": ARMS,
    "cells": CELLS,
    "textures": TEXTURES,
    "clocks": CLOCKS,
    "solids": SOLIDS,
    "strokes": STROKES,
    "photos": PHOTOS,
    "digits": DIGITS,
    "dsprites": DSPRITES,
    "color_dsprites": COLOR,
    "noisy_dsprites": NOISY,
    "scream_dsprites": SCREAM,
    "shapes3d": SHAPES3D,
    "cars3d": CARS3D,
    "smallnorb": SMALLNORB,
    "mpi3d_toy": TOY,
    "mpi3d_realistic": REALISTIC,
    "mpi3d_real": REAL,
    "mpi3d_complex": COMPLEX,
}
_plugins.register("datasets", DATASETS, Source)
