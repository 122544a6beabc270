"""Images with known factors, or without: a data set is one file here and one line in this table."""

from selectdis.data.cache import data_folder
from selectdis.data.cars3d import SOURCE as CARS3D
from selectdis.data.dataset import ImageDataset
from selectdis.data.digits import SOURCE as DIGITS
from selectdis.data.dsprites import SOURCE as DSPRITES
from selectdis.data.fetch import fetch
from selectdis.data.glyphs import SOURCE as GLYPHS
from selectdis.data.load import load_dataset
from selectdis.data.mpi3d import COMPLEX, REAL, REALISTIC, TOY
from selectdis.data.preview import preview
from selectdis.data.scenes import SOURCE as SCENES
from selectdis.data.shapes3d import SOURCE as SHAPES3D
from selectdis.data.smallnorb import SOURCE as SMALLNORB
from selectdis.data.source import RemoteFile, Source
from selectdis.data.sprites import SOURCE as SPRITES
from selectdis.data.variants import COLOR, NOISY, SCREAM

__all__ = ["DATASETS", "ImageDataset", "RemoteFile", "Source", "data_folder", "fetch", "load_dataset", "preview"]

DATASETS: dict[str, Source] = {
    "sprites": SPRITES,
    "scenes": SCENES,
    "glyphs": GLYPHS,
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
