"""Which way is better: from the registries of metrics and criteria, with a fallback for scores without a direction."""

from __future__ import annotations

from functools import cache

from selectdis.errors import SelectdisError

__all__ = ["direction"]

# What the literature uses a score for where a registry leaves the direction open: less of it is held to be better.
# (`reconstruction` is an error in nats; total correlation, Wasserstein and mutual information measure dependence.)
_LOWER = ("reconstruction", "kl", "gaussian_tc", "gaussian_wasserstein", "mutual_information", "fairness", "unfairness")
_HIGHER = (
    *("elbo", "active_units", "udr_lasso", "udr_spearman", "udr_lasso_pool", "udr_spearman_pool", "model_centrality"),
    *("pipe", "beta_vae", "factor_vae", "mig", "dci_disentanglement", "dci_completeness", "dci_informativeness"),
    *("modularity", "explicitness", "sap", "irs", "infom", "infoc", "infoe", "downstream"),
)


@cache
def direction(name: str) -> int:
    """+1 where a higher score is better, -1 where a lower one is.

    Parameters
    ----------
    name
        A metric or criterion without its column prefix; ``.sampled``, ``.few100`` or a number of labels may follow.

    Raises
    ------
    SelectdisError
        Nothing is known of this score; give the direction to the rule instead.
    """
    known = {**dict.fromkeys(_HIGHER, 1), **dict.fromkeys(_LOWER, -1), **_registered()}
    plain = name.partition(".")[0]
    for candidate in (name, plain, *_shorter(plain)):
        if candidate in known:
            return known[candidate]
    raise SelectdisError(f"nothing says whether a high {name!r} is good: give higher_is_better=True or False")


def _shorter(name: str) -> list[str]:
    """``downstream_lr_100`` -> ``downstream_lr``, ``downstream``: a variant has the direction of what it varies."""
    parts = name.split("_")
    return ["_".join(parts[:k]) for k in range(len(parts) - 1, 0, -1)]


@cache
def _registered() -> dict[str, int]:
    from selectdis import criteria, metrics

    found: dict[str, int] = {}
    for registry in (getattr(metrics, "METRICS", {}), getattr(criteria, "CRITERIA", {})):
        for name, description in registry.items():
            better = getattr(description, "higher_is_better", None)
            if better is not None:
                found |= dict.fromkeys((name, *getattr(description, "produces", ())), 1 if better else -1)
    return found
