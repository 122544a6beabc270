import pytest
import torch

from selectdis.training import _cohort as cohort
from selectdis.training._adam import Adam
from selectdis.training._runtime import compute_settings
from tests.training.conftest import small


@pytest.mark.parametrize("decays", [(0.0, 0.0, 0.0), (0.1, 0.1, 0.1), (0.0, 0.1, 0.3)])
@pytest.mark.parametrize("rates", [(1e-2, 1e-2, 1e-2), (1e-2, 1e-3, 1e-2)])
def test_stacked_adam_is_torchs_adam_for_each_candidate(rates, decays):
    """With decay it is torch's AdamW, of which weights are one group and all else, without decay, is another."""
    generator = torch.Generator().manual_seed(0)
    shapes = {"a.weight": (5, 4), "a.bias": (7,), "codebook.values": (2, 3)}
    start = {n: torch.randn(3, *s, generator=generator, dtype=torch.float64) for n, s in shapes.items()}
    stacked = {name: value.clone().requires_grad_() for name, value in start.items()}
    ours = Adam(stacked, [(rate, 0.8, 0.9, 1e-6, decay) for rate, decay in zip(rates, decays, strict=True)])
    alone = [{name: value[k].clone().requires_grad_() for name, value in start.items()} for k in range(3)]
    theirs = [
        torch.optim.AdamW(
            [
                {"params": [own["a.weight"]], "weight_decay": decay},
                {"params": [own["a.bias"], own["codebook.values"]], "weight_decay": 0.0},
            ],
            lr=rate,
            betas=(0.8, 0.9),
            eps=1e-6,
        )
        for own, rate, decay in zip(alone, rates, decays, strict=True)
    ]
    for _ in range(5):
        for name, shape in shapes.items():
            gradient = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
            stacked[name].grad = gradient
            for k in range(3):
                alone[k][name].grad = gradient[k].clone()
        ours.step()
        for optimiser in theirs:
            optimiser.step()
    for name in shapes:
        expected = torch.stack([own[name] for own in alone])
        torch.testing.assert_close(stacked[name], expected, rtol=1e-12, atol=1e-12)


def test_model_and_discriminator_have_the_settings_of_their_candidate(data, monkeypatch):
    given = []

    class Watched(Adam):
        def __init__(self, weights, settings):
            given.append(settings)
            super().__init__(weights, settings)

    monkeypatch.setattr(cohort, "Adam", Watched)
    model = {"learning_rate": 0.1, "adam_beta1": 0.2, "adam_beta2": 0.3, "adam_epsilon": 0.4, "weight_decay": 0.8}
    discriminator = {f"discriminator_{name}": x for name, x in (("learning_rate", 0.5), ("beta1", 0.6), ("beta2", 0.7))}
    candidates = [small("beta_vae", **model), small("factor_vae", **model, **discriminator)]
    cohort.Cohort(candidates, data, compute_settings("cpu"))
    assert given == [[(0.1, 0.2, 0.3, 0.4, 0.8)] * 2, [(0.5, 0.6, 0.7, 0.4, 0.0)]]


def test_no_decay_is_adam_bit_for_bit():
    """As it was before there was decay."""
    weight = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    ours = Adam({"a.weight": (own := weight.clone().requires_grad_())}, [(1e-2, 0.9, 0.999, 1e-8, 0.0)])
    own.grad = torch.ones_like(own)
    ours.step()
    torch._fused_adam_(
        [weight],
        [torch.ones_like(weight)],
        [torch.zeros_like(weight)],
        [torch.zeros_like(weight)],
        [],
        [torch.ones(())],
        lr=1e-2,
        beta1=0.9,
        beta2=0.999,
        weight_decay=0.0,
        eps=1e-8,
        amsgrad=False,
        maximize=False,
    )
    assert torch.equal(own.detach(), weight)
