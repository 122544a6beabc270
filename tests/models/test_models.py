import math

import numpy as np
import pytest
import torch
from torch import nn

from selectdis.errors import SelectdisError
from selectdis.models import ARCHITECTURES, build_model, discriminate, discriminator_parameters, initial_values


def weights_of(parameters, k=1, dtype=torch.float64):
    own = [initial_values(parameters, np.random.default_rng(seed)) for seed in range(k)]
    return {p.name: torch.from_numpy(np.stack([values[p.name] for values in own])).to(dtype) for p in parameters}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(architecture, size, channels):
    model = build_model(architecture, (channels, size, size), 5, 24)
    weights = weights_of(model.parameters, k=2)
    images = torch.rand(2, 3, channels, size, size, dtype=torch.float64)
    mean, log_variance = model.encode(weights, images)
    assert mean.shape == log_variance.shape == (2, 3, 5)
    assert model.decode(weights, mean).shape == images.shape


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_stack_computes_what_each_candidate_computes_alone(architecture):
    model = build_model(architecture, (1, 16, 16), 4, 20)
    weights = weights_of(model.parameters, k=3)
    images = torch.rand(3, 5, 1, 16, 16, dtype=torch.float64)
    mean, _ = model.encode(weights, images)
    logits = model.decode(weights, mean)
    for k in range(3):
        own = {name: weight[k : k + 1] for name, weight in weights.items()}
        alone, _ = model.encode(own, images[k : k + 1])
        torch.testing.assert_close(mean[k : k + 1], alone, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(logits[k : k + 1], model.decode(own, alone), rtol=1e-12, atol=1e-12)


def plain_conv(channels, latents):
    """The networks of Locatello et al. 2019 for 64 pixels, as anybody would write them."""
    encoder = nn.Sequential(
        nn.Conv2d(channels, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 32, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(32, 64, 2, 2), nn.ReLU(), nn.Conv2d(64, 64, 2, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(1024, 256), nn.ReLU(), nn.Linear(256, 2 * latents),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(latents, 256), nn.ReLU(), nn.Linear(256, 1024), nn.ReLU(), nn.Unflatten(1, (64, 4, 4)),
        nn.ConvTranspose2d(64, 64, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(32, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, channels, 4, 2, 1),
    )  # fmt: skip
    return encoder.double(), decoder.double()


def plain_fc(pixels, latents):
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 2 * latents)
    )
    decoder = nn.Sequential(
        nn.Linear(latents, 1200), nn.Tanh(), nn.Linear(1200, 1200), nn.Tanh(), nn.Linear(1200, 1200), nn.Tanh(),
        nn.Linear(1200, pixels), nn.Unflatten(1, (1, 16, 16)),
    )  # fmt: skip
    return encoder.double(), decoder.double()


@pytest.mark.parametrize(
    ("architecture", "shape", "width", "plain"),
    [("conv", (3, 64, 64), 256, plain_conv(3, 10)), ("fc", (1, 16, 16), 1200, plain_fc(256, 10))],
)
def test_the_architectures_of_the_literature(architecture, shape, width, plain):
    model = build_model(architecture, shape, 10, width)
    weights = weights_of(model.parameters)
    encoder, decoder = plain
    layers = [layer for network in plain for layer in network if hasattr(layer, "weight")]
    names = [p.name.removesuffix(".weight") for p in model.parameters if p.name.endswith(".weight")]
    with torch.no_grad():
        for name, layer in zip(names, layers, strict=True):
            own = weights[f"{name}.weight"][0]
            layer.weight.copy_(own.t() if isinstance(layer, nn.Linear) else own)
            layer.bias.copy_(weights[f"{name}.bias"][0])
        images = torch.rand(2, *shape, dtype=torch.float64)
        mean, log_variance = model.encode(weights, images[None])
        torch.testing.assert_close(torch.cat([mean, log_variance], 2)[0], encoder(images))
        torch.testing.assert_close(model.decode(weights, mean)[0], decoder(mean[0]))


def test_first_weights_are_glorot_uniform_and_biases_zero():
    model = build_model("conv", (1, 64, 64), 10, 256)
    values = initial_values(model.parameters, np.random.default_rng(0))
    conv1 = values["encoder.conv1.weight"]
    limit = math.sqrt(6 / (16 * 32 + 16 * 32))
    assert abs(conv1).max() <= limit
    assert abs(conv1.std() / (limit / math.sqrt(3)) - 1) < 0.02
    head = math.sqrt(6 / (256 + 10))  # mean and log-variance count as two layers
    assert 0.97 * head < abs(values["encoder.head.weight"]).max() <= head
    assert not any(values[p.name].any() for p in model.parameters if p.name.endswith("bias"))


def test_discriminator_has_six_hidden_layers_and_two_logits():
    parameters = discriminator_parameters(10, 1000)
    shapes = [p.shape for p in parameters if p.name.endswith("weight")]
    assert shapes == [(10, 1000)] + [(1000, 1000)] * 5 + [(1000, 2)]
    weights = weights_of(discriminator_parameters(4, 8), k=2)
    codes = torch.randn(2, 5, 4, dtype=torch.float64)
    x = codes[1]
    for i in range(6):
        x = nn.functional.leaky_relu(x @ weights[f"discriminator.dense{i}.weight"][1], 0.2)
    x = x @ weights["discriminator.dense6.weight"][1]
    torch.testing.assert_close(discriminate(weights, codes)[1], x)


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 64, 32), (0, 64, 64), (1, 256, 256)])
def test_other_image_sizes_are_refused(shape):
    with pytest.raises(SelectdisError, match="image_size"):
        build_model("conv", shape, 10, 256)


def test_128_pixels_have_one_stage_more_and_dense_layers_take_any_size():
    sizes = {16: 2, 32: 3, 64: 4, 128: 5}
    for size, stages in sizes.items():
        names = [p.name for p in build_model("conv", (3, size, size), 10, 256).parameters]
        assert sum(name.startswith("encoder.conv") and name.endswith("weight") for name in names) == stages
    for architecture, size in (("conv", 128), ("fc", 20), ("fc", 7)):
        model = build_model(architecture, (1, size, size), 2, 8)
        images = torch.rand(1, 2, 1, size, size, dtype=torch.float64)
        weights = weights_of(model.parameters)
        assert model.decode(weights, model.encode(weights, images)[0]).shape == images.shape
