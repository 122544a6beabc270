"""Images with known factors, or without: a data set is one file here and one line in this table."""

from selectdis.data.dataset import ImageDataset
from selectdis.data.digits import SOURCE as DIGITS
from selectdis.data.load import load_dataset
from selectdis.data.scenes import SOURCE as SCENES
from selectdis.data.source import Source
from selectdis.data.sprites import SOURCE as SPRITES

__all__ = ["DATASETS", "ImageDataset", "Source", "load_dataset"]

DATASETS: dict[str, Source] = {
    "sprites": SPRITES,
    "scenes": SCENES,
    "digits": DIGITS,
}
