"""Stacked layers against torch's own layers, candidate by candidate: values and gradients."""

import pytest
import torch
from torch.nn import functional as F

from selectdis.models._layers import conv, deconv, deconv_to_image, dense
from selectdis.models._matmul import dense_one_by_one

B = 3


def random(*shape, dtype=torch.float64):
    return (
        torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape))).sub_(0.5).to(dtype)
    )


def compare(stacked, alone, x, weight, bias, *, rtol=1e-9):
    """`stacked(x, w, b)` and `alone(x[k], w[k], b[k])` agree, and so do the gradients of a weighted sum."""
    inputs = [t.clone().requires_grad_() for t in (x, weight, bias)]
    others = [t.clone().requires_grad_() for t in (x, weight, bias)]
    y = stacked(*inputs)
    expected = torch.stack([alone(*(t[k] for t in others)) for k in range(len(weight))])
    torch.testing.assert_close(y, expected, rtol=rtol, atol=rtol)
    upstream = random(*y.shape, dtype=y.dtype)
    (y * upstream).sum().backward()
    (expected * upstream).sum().backward()
    for got, wanted in zip(inputs, others, strict=True):
        torch.testing.assert_close(got.grad, wanted.grad, rtol=rtol, atol=rtol)


def batch_first(layer):
    """Let a layer on (B, K * C, h, w) work on (K, B, C, h, w)."""

    def wrapped(x, weight, bias):
        k = len(weight)
        y = layer(x.transpose(0, 1).flatten(1, 2), weight, bias)
        return y.unflatten(1, (k, -1)).transpose(0, 1)

    return wrapped


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(("channels", "kernel"), [(1, 4), (3, 4), (2, 2)])
def test_conv(k, channels, kernel):
    x, weight, bias = random(k, B, channels, 8, 8), random(k, 5, channels, kernel, kernel), random(k, 5)
    compare(
        batch_first(conv), lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=kernel // 2 - 1).relu(), x, weight, bias
    )


@pytest.mark.parametrize("k", [1, 3])
def test_deconv(k):
    x, weight, bias = random(k, B, 5, 4, 4), random(k, 5, 2, 4, 4), random(k, 2)
    compare(
        batch_first(deconv), lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1).relu(), x, weight, bias
    )


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_deconv_to_image(k, channels):
    x, weight, bias = random(k, B, 5, 4, 4), random(k, 5, channels, 4, 4), random(k, channels)
    compare(
        batch_first(deconv_to_image), lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, padding=1), x, weight, bias
    )


@pytest.mark.parametrize("k", [1, 3])
def test_dense(k):
    compare(dense, lambda x, w, b: x @ w + b, random(k, B, 6), random(k, 6, 4), random(k, 4))


@pytest.mark.parametrize("k", [1, 3])
def test_dense_one_by_one(k):
    x, weight, bias = (random(*shape, dtype=torch.float32) for shape in ((k, B, 300), (k, 300, 200), (k, 200)))
    compare(dense_one_by_one, lambda x, w, b: x @ w + b, x, weight, bias, rtol=1e-4)


def test_a_first_layer_needs_no_gradient_of_the_images():
    weight, bias = random(1, 4, 1, 4, 4).requires_grad_(), random(1, 4).requires_grad_()
    conv(random(B, 1, 8, 8), weight, bias).sum().backward()
    assert weight.grad is not None
    assert bias.grad is not None
