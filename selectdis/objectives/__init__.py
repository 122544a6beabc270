"""The objectives. Importing this package does not load torch: the functions only use methods of the tensors."""

from __future__ import annotations

from selectdis import _plugins
from selectdis.objectives._ada_gvae import ADA_GVAE
from selectdis.objectives._ada_ml_vae import ADA_ML_VAE
from selectdis.objectives._annealed_vae import ANNEALED_VAE
from selectdis.objectives._beta_tc_vae import BETA_TC_VAE
from selectdis.objectives._beta_vae import BETA_VAE
from selectdis.objectives._dip_vae import DIP_VAE_I, DIP_VAE_II
from selectdis.objectives._factor_vae import FACTOR_VAE
from selectdis.objectives._objective import Adversary, Batch, Codebook, Loss, Objective
from selectdis.objectives._qlae import QLAE

__all__ = ["OBJECTIVES", "Adversary", "Batch", "Codebook", "Loss", "Objective", "takes_pairs"]

OBJECTIVES: dict[str, Objective] = {
    "beta_vae": BETA_VAE,
    "annealed_vae": ANNEALED_VAE,
    "factor_vae": FACTOR_VAE,
    "dip_vae_i": DIP_VAE_I,
    "dip_vae_ii": DIP_VAE_II,
    "beta_tc_vae": BETA_TC_VAE,
    "qlae": QLAE,
    "ada_gvae": ADA_GVAE,
    "ada_ml_vae": ADA_ML_VAE,
}
_plugins.register("objectives", OBJECTIVES, Objective)


def takes_pairs(name: str) -> bool:
    """Whether an objective learns from pairs of images; one that is not known here does not."""
    return name in OBJECTIVES and OBJECTIVES[name].share is not None
