"""Our own kernels without a GPU: Triton's interpreter runs them, and torch says what they should give."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from selectdis.models import _kernel_check as check
from selectdis.models import _stacked as stacked
from selectdis.models import build_model, discriminator_parameters
from selectdis.models._tiles import tiles_of, weight_tiles

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
}


def numbers(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng((seed, *shape)).standard_normal(shape, np.float32))


def convolved(x, parameters):
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        padding = w.shape[1] // 2 - 1
        x = torch.stack(
            [
                F.conv2d(a.permute(0, 3, 1, 2), v.permute(3, 2, 0, 1), c, stride=2, padding=padding)
                for a, v, c in zip(x, w, b, strict=True)
            ]
        )
        x = x.relu().permute(0, 1, 3, 4, 2)
    return x


def deconvolved(x, parameters):
    *inner, last = zip(parameters[::2], parameters[1::2], strict=True)
    for w, b in inner:
        x = transposed(x, w.permute(0, 3, 4, 1, 2), b).relu()
    return transposed(x, last[0].permute(0, 1, 4, 2, 3), last[1])


def transposed(x, w, b):
    rows = [
        F.conv_transpose2d(a.permute(0, 3, 1, 2), v, c, stride=2, padding=1) for a, v, c in zip(x, w, b, strict=True)
    ]
    return torch.stack(rows).permute(0, 1, 3, 4, 2)


def layered(x, parameters, activations):
    for w, b, name in zip(parameters[::2], parameters[1::2], activations, strict=True):
        x = ACTIVATIONS[name](torch.baddbmm(b.unsqueeze(1), x, w))
    return x


def assert_like(layers, reference, x, parameters):
    """Values and all gradients, against torch in float64."""
    own = [t.clone().requires_grad_(t.is_floating_point()) for t in (x, *parameters)]
    floats = x.double() / 255 if x.dtype == torch.uint8 else x.double()
    exact = [t.clone().requires_grad_() for t in (floats, *(p.double() for p in parameters))]
    y, true = layers(own[0], own[1:]), reference(exact[0], exact[1:])
    gradient = numbers(*y.shape, seed=1)
    start = 0 if x.is_floating_point() else 1
    found = torch.autograd.grad(y, own[start:], gradient)
    wanted = torch.autograd.grad(true, exact[start:], gradient.double())
    for a, b in zip((y, *found), (true, *wanted), strict=True):
        assert a.shape == b.shape
        assert (a.double() - b).norm().item() <= 2e-6 * b.norm().item()


@pytest.mark.parametrize(
    ("size", "batch", "channels", "images"),
    [
        ((16, 16), 2, (1, 32, 32), "bytes"),
        ((8, 24), 3, (3, 16, 40), "bytes"),
        ((8, 24), 3, (3, 16, 40), "numbers"),
        ((12, 4), 1, (2, 32), "numbers"),
        ((8, 8), 5, (4, 16), "numbers"),
        ((128, 128), 1, (1, 1), "bytes"),
        ((2, 2), 1, (1, 1), "numbers"),
        ((4, 8), 1, (17, 65, 5), "numbers"),
    ],
)
def test_convolutions(size, batch, channels, images):
    sides = (4, 2)
    parameters = []
    for i, (inputs, outputs) in enumerate(pairwise(channels)):
        parameters += [numbers(2, sides[i], sides[i], inputs, outputs) / 5, numbers(2, outputs)]
    x = numbers(2, batch, *size, channels[0]).sigmoid()
    if images == "bytes":
        x = (255 * x).to(torch.uint8)
    assert_like(lambda a, p: stacked.convolutions(a, p, "ieee"), convolved, x, parameters)


@pytest.mark.parametrize(
    ("size", "batch", "channels"),
    [
        ((4, 4), 2, (64, 32, 1)),
        ((2, 6), 3, (16, 24, 3)),
        ((5, 3), 1, (32, 2)),
        ((64, 64), 1, (1, 1)),
        ((1, 1), 1, (1, 1, 1)),
        ((3, 1), 2, (17, 20, 5)),
    ],
)
def test_transposed_convolutions(size, batch, channels):
    *inner, last = pairwise(channels)
    parameters = []
    for inputs, outputs in inner:
        parameters += [numbers(2, 4, 4, inputs, outputs) / 5, numbers(2, outputs)]
    parameters += [numbers(2, last[0], 4, 4, last[1]), numbers(2, last[1])]
    x = numbers(2, batch, *size, channels[0])
    assert_like(lambda a, p: stacked.transposed_convolutions(a, p, "ieee"), deconvolved, x, parameters)


@pytest.mark.parametrize("batch", [1, 3, 64, 150])
@pytest.mark.parametrize(
    ("sizes", "activations"),
    [
        ((10, 33, 70, 2), ("relu", "tanh", "none")),
        ((7, 20, 20), ("leaky_relu", "leaky_relu")),
        ((1, 1, 1), ("tanh", "none")),
    ],
)
def test_dense_layers(batch, sizes, activations):
    parameters = []
    for inputs, outputs in pairwise(sizes):
        parameters += [numbers(3, inputs, outputs) / 3, numbers(3, outputs)]
    assert_like(
        lambda a, p: stacked.dense_layers(a, p, activations, "ieee"),
        lambda a, p: layered(a, p, activations),
        numbers(3, batch, sizes[0]),
        parameters,
    )


@pytest.mark.parametrize("images", ["bytes", "numbers"])
def test_reconstruction(images):
    logits = 30 * numbers(2, 3, 3, 5, 7)
    x = numbers(2, 3, 3, 5, 7).sigmoid()
    x = (255 * x).to(torch.uint8) if images == "bytes" else x

    def exact(a, _):
        floats = x.double() / 255 if images == "bytes" else x.double()
        return F.binary_cross_entropy_with_logits(a, floats, reduction="none").sum((2, 3, 4))

    assert_like(lambda a, _: stacked.bernoulli(a, x), exact, logits, [])


@pytest.fixture
def addresses(monkeypatch):
    """The kernels that ran; each of their loads and stores must be inside of one of their tensors."""
    from triton.runtime.interpreter import InterpreterBuilder

    tensors, ran = [], []

    def watch(name):
        kernel = getattr(stacked.kernels, name)

        def before(*arguments, **settings):
            tensors[:] = [t for t in arguments if isinstance(t, torch.Tensor)]
            ran.append(name)

        monkeypatch.setattr(kernel, "pre_run_hooks", [before])

    def guard(method, place_of_mask):
        own = getattr(InterpreterBuilder, method)

        def access(self, pointers, *rest):
            touched = pointers.data[np.broadcast_to(rest[place_of_mask].data, pointers.data.shape).astype(bool)]
            inside = np.zeros(touched.shape, bool)
            for t in tensors:
                inside |= (touched >= t.data_ptr()) & (touched < t.data_ptr() + t.nbytes)
            assert inside.all(), f"{ran[-1]} {method}"
            return own(self, pointers, *rest)

        monkeypatch.setattr(InterpreterBuilder, method, access)

    for name in stacked.kernels.__all__:
        watch(name)
    guard("create_masked_load", 0)
    guard("create_masked_store", 1)
    return ran


@pytest.mark.parametrize("sizes", [(1, 6, 10, 3, 5, 7, 2), (2, 4, 8, 17, 20, 1, 1), (1, 2, 2, 1, 1, 1, 1)])
def test_no_address_is_outside(addresses, sizes):
    batch, height, width, colours, first, second, last = sizes
    x = (255 * numbers(2, batch, height, width, colours).sigmoid()).to(torch.uint8)
    down = [numbers(2, 4, 4, colours, first), numbers(2, first), numbers(2, 2, 2, first, second), numbers(2, second)]
    down = down[: 2 * (1 + (height % 4 == 0))]
    up = [numbers(2, 4, 4, down[-1].shape[-1], 9), numbers(2, 9), numbers(2, 9, 4, 4, last), numbers(2, last)]
    leaves = [t.requires_grad_() for t in (*down, *up)]
    images = stacked.transposed_convolutions(stacked.convolutions(x, down, "ieee"), up, "ieee")
    pixels = images[0, 0].numel()
    flat = [numbers(2, pixels, 3).requires_grad_(), numbers(2, 3).requires_grad_()]
    flat += [numbers(2, 3, 1).requires_grad_(), numbers(2, 1).requires_grad_()]
    codes = stacked.dense_layers(images.flatten(2), flat, ("leaky_relu", "none"), "ieee")
    nats = stacked.bernoulli(images, images.detach().sigmoid())
    found = torch.autograd.grad(codes.sum() + nats.sum(), [*leaves, *flat])
    assert all(gradient.isfinite().all() for gradient in found)
    state = torch.zeros(3, 2, 5)
    kernels = stacked.kernels
    kernels.adam[(1, 2)](*state, numbers(2, 5), None, torch.ones(2, 7), 5, True, False, 1024)
    assert set(addresses) == set(kernels.__all__)


def test_more_images_than_an_axis_of_a_grid_holds(monkeypatch):
    """All candidates' images together may be many; a candidate's own are counted, and refused before they overflow."""
    grids = []

    class Noted:
        def __getitem__(self, grid):
            grids.append(grid)
            return lambda *arguments, **settings: None

    for name in ("bernoulli_forward", "bernoulli_backward", "reduce", "matmul"):
        monkeypatch.setattr(stacked.kernels, name, Noted())
    logits = torch.zeros(70, 1000, 1, 1, 1).requires_grad_()
    stacked.bernoulli(logits, torch.zeros(70, 1000, 1, 1, 1)).sum().backward()
    stacked.sums_of_images(logits)
    assert all(max((*grid, 0, 0)[1:]) <= 65_535 for grid in grids)
    assert grids[0][0] == grids[1][0] == 70_000
    huge = torch.zeros(1, 1).expand(1, 2**16, 2**16)
    with pytest.raises(ValueError, match="more than the kernels count"):
        stacked.product(torch.zeros(1, 1, 2**16), huge, "ieee")
    with pytest.raises(ValueError, match="more than the kernels count"):
        stacked.product(torch.zeros(1, 2**23 + 1, 1), torch.zeros(1, 1, 1), "ieee")


def test_a_candidate_does_not_depend_on_its_neighbours():
    x, w, b = numbers(3, 2, 8, 8, 3).sigmoid(), numbers(3, 4, 4, 3, 16), numbers(3, 16)
    together = stacked.convolutions(x, [w, b], "ieee")
    w[1] = torch.nan
    assert stacked.convolutions(x, [w, b], "ieee")[1].isnan().all()  # seen, and not taken for zero by a ReLU
    for k in (0, 2):
        alone = stacked.convolutions(x[k : k + 1], [w[k : k + 1], b[k : k + 1]], "ieee")
        assert torch.equal(alone[0], together[k])
        assert torch.equal(stacked.convolutions(x, [w, b], "ieee")[k], together[k])


@pytest.mark.parametrize(("architecture", "shape"), [("conv", (3, 16, 16)), ("fc", (1, 16, 16))])
def test_the_check_of_a_device_passes_and_can_fail(architecture, shape, monkeypatch):
    model = build_model(architecture, shape, 1, 20)
    parameters = (*model.parameters, *(discriminator_parameters(1, 5) if architecture == "fc" else ()))

    def disagreement(parameters):
        return check.disagreement(model.kernels, parameters, shape, 2, torch.device("cpu"), "ieee", "float32")

    product, rows = stacked.product, set()
    monkeypatch.setattr(check, "product", lambda x, *a, **k: rows.add(x.shape[1]) or product(x, *a, **k))
    assert disagreement(parameters) == ""
    assert rows >= ({2, 4} if architecture == "fc" else {2})  # codes of one batch and of two
    monkeypatch.setattr(check, "product", lambda *a, **k: 1.001 * product(*a, **k))
    dense = [parameter for parameter in parameters if "dense" in parameter.name]
    assert "differs from torch by 0.001" in disagreement(dense[-2:])
    if architecture == "conv":
        monkeypatch.setattr(check.Layer, "to_weight", lambda self, x, g, w, p: torch.zeros_like(w))
        assert "encoder.conv0" in disagreement(parameters[:1])


def test_tiles_cover_a_layer_and_leave_no_split_empty():
    for inputs, outputs, side in ((1, 32, 4), (3, 32, 4), (32, 64, 2), (64, 32, 4), (5, 7, 2), (48, 96, 4)):
        for kernel in ("conv", "deconv"):
            tiles = tiles_of(kernel, inputs, outputs, side)
            assert all(size >= 16 and size & (size - 1) == 0 for size in tiles[:3])
        for height, images in ((64, 64), (16, 3), (4, 1)):
            tiles = weight_tiles(height, inputs, outputs, side, images)
            places = images * (height // 2) ** 2
            assert tiles.splits == 1 or places >= tiles.splits * 512
