"""What the words on the page mean, for somebody who knows none of them."""

from __future__ import annotations

from collections.abc import Iterable

from selectdis.records import score_label

__all__ = ["explained", "unit"]

_NATS = ("elbo", "reconstruction", "kl", "gaussian_tc", "mutual_information")
_TERMS = {
    "win_rate": "The share of the other runs on the same images that a run beats, averaged over the metrics: 0 to 1, "
    "higher is better; a random run has 0.5.",
    "mig": "Mutual information gap: how much more the best latent knows of a factor than the second best one, as a "
    "share of what there is to know: 0 to 1, higher is better.",
    "dci_disentanglement": "Whether each latent tells of one factor alone: 0 to 1, higher is better.",
    "dci_completeness": "Whether each factor is in one latent alone: 0 to 1, higher is better.",
    "dci_informativeness": "How well all latents together predict the factors: 0 to 1, higher is better.",
    "sap": "Separated attribute predictability: how much better the best latent predicts a factor than the second best "
    "one: 0 to 1, higher is better.",
    "factor_vae": "How often the latent that varies least gives away which factor was held still: 0 to 1, higher is "
    "better.",
    "beta_vae": "How often differences of codes give away which factor two images share: 0 to 1, higher is better.",
    "modularity": "Whether each latent depends on one factor at most: 0 to 1, higher is better.",
    "explicitness": "How well each value of a factor can be read from the code: 0 to 1, higher is better.",
    "irs": "Interventional robustness: how little a latent moves when other factors do: 0 to 1, higher is better.",
    "latent_share": "How much of each factor its best latent knows, corrected for chance: up to 1, higher is better.",
    "infom": "Modularity by information: whether each latent knows of one factor alone: 0 to 1, higher is better.",
    "infoc": "Compactness by information: whether each factor is in one latent alone: 0 to 1, higher is better.",
    "infoe": "Explicitness by information: how well a linear reader finds the factors in the code: 0 to 1, higher is "
    "better.",
    "model_centrality": "How alike a run is to the other runs, by the FactorVAE score with their latents as factors; "
    "needs no labels: 0 to 1, higher is better.",
    "udr_lasso_pool": "As UDR (lasso), against the runs of all configurations.",
    "udr_spearman_pool": "As UDR (Spearman), against the runs of all configurations.",
    "udr_lasso": "Unsupervised disentanglement ranking: how well a run's latents match, one to one, those of other "
    "seeds (by lasso regression); needs no labels: 0 to 1, higher is better.",
    "udr_spearman": "As UDR (lasso), by rank correlation: 0 to 1, higher is better.",
    "elbo": "The bound of the likelihood that training raises, in nats per image; higher is better.",
    "reconstruction": "What decoded images differ from the originals by, in nats per image; lower is better.",
    "kl": "What the code carries of an image, in nats; at the same reconstruction, less is better.",
    "active_units": "How many latents carry anything.",
    "gaussian_tc": "Total correlation: what the latents tell of one another, in nats; lower is better.",
    "mutual_information": "What pairs of latents tell of one another, in nats; lower is better.",
    "gaussian_wasserstein": "How far the codes are from independent ones; lower is better.",
}


def explained(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (label, meaning) of those scores that have one, each once: of `metric.mig`, `mig` or `mig.sampled`."""
    found = {}
    for name in names:
        plain = name.removeprefix("metric.").removeprefix("criterion.")
        known = _TERMS.get(plain) or _TERMS.get(plain.partition(".")[0])
        if known:
            found[score_label(name)] = known
    return list(found.items())


def unit(name: str) -> str:
    """Return the unit of a score: "nats" or ""."""
    return "nats" if name.partition(".")[2] in _NATS else ""
