"""Mean mutual information between codes."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import bin_codes, check_codes, mutual_information_matrix
from selectdis.criteria._registry import criterion_of_codes

__all__ = ["MUTUAL_INFORMATION", "mutual_information"]


def mutual_information(codes: np.ndarray, *, n_bins: int = 20) -> float:
    """Return the mean mutual information over ordered pairs of codes, in nats; Locatello et al. 2019, section 5.1.

    Parameters
    ----------
    codes : (n_samples, n_latents) float
        Representations.
    n_bins : int
        Equal-width bins of each code.

    Returns
    -------
    float
        In [0, log n_bins], lower is better. Constant codes count, with information 0. The estimate is biased upwards on
        few samples (0.34 at 500 where 10,000 give 0.03): compare only scores from as many. With one code it is 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite.
    """
    codes = check_codes(codes)
    n_latents = codes.shape[1]
    if n_latents < 2:
        return 0.0
    binned = bin_codes(codes, n_bins)
    information = mutual_information_matrix(binned, binned)
    np.fill_diagonal(information, 0.0)
    return float(information.sum() / (n_latents**2 - n_latents))


MUTUAL_INFORMATION = criterion_of_codes("mutual_information", mutual_information, "Locatello et al. 2019")
