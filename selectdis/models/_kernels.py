"""Kernels in Triton for K stacked candidates on a CUDA device: networks, reconstruction and optimiser.

Every tensor is contiguous with a leading axis of candidates, which is an axis of the grid: images and activations are
(K, B, H, W, C), weights of convolutions (K, taps, in, out). A convolution is an implicit matrix product. Sums over
tiles and splits go through memory in a fixed order, never through atomics, and tiles depend on a layer's shape alone;
so a candidate's result depends on nothing else.

cuDNN runs a grouped convolution group by group, with copies that cut the groups' channels out; this is why these exist.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = [
    "adam",
    "bernoulli_backward",
    "bernoulli_forward",
    "conv",
    "conv_weights",
    "deconv",
    "fold",
    "matmul",
    "reduce",
]

# Activations; a derivative is computed from the activation's own value.
NONE, RELU, TANH, LEAKY = 0, 1, 2, 3


@triton.jit
def _activated(a, ACTIVATION: tl.constexpr):
    if ACTIVATION == 1:
        a = tl.where(a < 0, 0.0, a)  # a NaN stays one
    elif ACTIVATION == 2:
        a = 2.0 / (1.0 + tl.exp(-2.0 * a)) - 1.0
    elif ACTIVATION == 3:
        a = tl.where(a > 0, a, 0.2 * a)
    return a


@triton.jit
def _through(gradient, y, ACTIVATION: tl.constexpr):
    """Return the gradient before an activation whose value is `y`."""
    if ACTIVATION == 1:
        gradient = tl.where(y <= 0, 0.0, gradient)
    elif ACTIVATION == 2:
        gradient = gradient * (1.0 - y * y)
    elif ACTIVATION == 3:
        gradient = tl.where(y <= 0, 0.2 * gradient, gradient)
    return gradient


@triton.jit
def _pixels(pointer, ok, dtype: tl.constexpr):
    """Load numbers of a network, or bytes of images as numbers in [0, 1]."""
    values = tl.load(pointer, mask=ok, other=0)
    if pointer.dtype.element_ty == tl.uint8:
        values = values.to(tl.float32) / 255.0
    return values.to(dtype)


@triton.jit
def conv(
    x, w, bias, mask, y, sums,
    B: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, OUTS: tl.constexpr, S: tl.constexpr,
    TAP: tl.constexpr, IN: tl.constexpr, OUT: tl.constexpr,
    ACTIVATION: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_MASK: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Convolve with stride 2: x (B, H, W, C) -> y (B, H/2, W/2, OUTS), S x S taps; TAP, IN, OUT are strides of w.

    With `mask` (like y) the result is a gradient: it goes back through the ReLU that gave the mask, and the sums of
    each tile's columns are kept in `sums` (tiles, OUTS), for the gradient of that layer's bias.
    """
    tile, k, part = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    HALF_H: tl.constexpr = H // 2
    HALF_W: tl.constexpr = W // 2
    M: tl.constexpr = B * HALF_H * HALF_W
    PAD: tl.constexpr = S // 2 - 1
    DEPTH: tl.constexpr = S * S * C
    m = tile * BM + tl.arange(0, BM)
    n = part * BN + tl.arange(0, BN)
    b = m // (HALF_H * HALF_W)
    i = (m // HALF_W) % HALF_H
    j = m % HALF_W
    x += k * (B * H * W * C)
    w += k * (DEPTH * OUTS)
    acc = tl.zeros((BM, BN), tl.float32)
    if C % BK == 0:
        for s in range(S * S * (C // BK)):
            t = s // (C // BK)
            c = (s % (C // BK)) * BK + tl.arange(0, BK)
            row = 2 * i + (t // S - PAD)
            col = 2 * j + (t % S - PAD)
            ok = (row >= 0) & (row < H) & (col >= 0) & (col < W) & (m < M)
            left = _pixels(x + ((b * H + row) * W + col)[:, None] * C + c[None, :], ok[:, None], w.dtype.element_ty)
            right = tl.load(w + t * TAP + c[:, None] * IN + n[None, :] * OUT, mask=(n < OUTS)[None, :], other=0.0)
            acc = tl.dot(left, right, acc, input_precision=PRECISION)
    else:
        for s in range(tl.cdiv(DEPTH, BK)):
            d = s * BK + tl.arange(0, BK)
            c = d % C
            t = d // C
            row = 2 * i[:, None] + (t // S - PAD)[None, :]
            col = 2 * j[:, None] + (t % S - PAD)[None, :]
            ok = (row >= 0) & (row < H) & (col >= 0) & (col < W) & (m < M)[:, None] & (d < DEPTH)[None, :]
            left = _pixels(x + ((b[:, None] * H + row) * W + col) * C + c[None, :], ok, w.dtype.element_ty)
            known = (d < DEPTH)[:, None] & (n < OUTS)[None, :]
            right = tl.load(w + (t * TAP + c * IN)[:, None] + n[None, :] * OUT, mask=known, other=0.0)
            acc = tl.dot(left, right, acc, input_precision=PRECISION)
    if HAS_BIAS:
        acc += tl.load(bias + k * OUTS + n, mask=n < OUTS, other=0.0).to(tl.float32)[None, :]
    acc = _activated(acc, ACTIVATION)
    own = (m < M)[:, None] & (n < OUTS)[None, :]
    place = k * (M * OUTS) + m[:, None] * OUTS + n[None, :]
    if HAS_MASK:
        acc = tl.where(tl.load(mask + place, mask=own, other=0.0) <= 0, 0.0, acc)
        tl.store(sums + (k * tl.num_programs(0) + tile) * OUTS + n, tl.sum(acc, 0), mask=n < OUTS)
    tl.store(y + place, acc.to(y.dtype.element_ty), mask=own)


@triton.jit
def deconv(
    x, w, bias, mask, y, sums,
    B: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, OUTS: tl.constexpr, S: tl.constexpr,
    TAP: tl.constexpr, IN: tl.constexpr, OUT: tl.constexpr,
    ACTIVATION: tl.constexpr, HAS_BIAS: tl.constexpr, HAS_MASK: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Convolve transposed with stride 2: x (B, H, W, C) -> y (B, 2H, 2W, OUTS); arguments as those of `conv`.

    Output pixels of one parity of row and column read the same taps, so a program makes pixels of one parity.
    """
    tile, k, part = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    M: tl.constexpr = B * H * W
    PAD: tl.constexpr = S // 2 - 1
    T: tl.constexpr = S // 2  # taps a side that one parity reads
    odd_row = (tile % 4) // 2
    odd_col = tile % 2
    m = (tile // 4) * BM + tl.arange(0, BM)
    n = part * BN + tl.arange(0, BN)
    b = m // (H * W)
    i = (m // W) % H
    j = m % W
    first_p = (odd_row + PAD) % 2
    first_q = (odd_col + PAD) % 2
    x += k * (M * C)
    w += k * (S * S * C * OUTS)
    acc = tl.zeros((BM, BN), tl.float32)
    for s in range(T * T * tl.cdiv(C, BK)):
        t = s // tl.cdiv(C, BK)
        c = (s % tl.cdiv(C, BK)) * BK + tl.arange(0, BK)
        p = first_p + 2 * (t // T)
        q = first_q + 2 * (t % T)
        row = i + (odd_row + PAD - p) // 2  # the dividend is even
        col = j + (odd_col + PAD - q) // 2
        ok = (row >= 0) & (row < H) & (col >= 0) & (col < W) & (m < M)
        known = ok[:, None] & (c < C)[None, :]
        left = tl.load(x + ((b * H + row) * W + col)[:, None] * C + c[None, :], mask=known, other=0.0)
        known = (c < C)[:, None] & (n < OUTS)[None, :]
        right = tl.load(w + (p * S + q) * TAP + c[:, None] * IN + n[None, :] * OUT, mask=known, other=0.0)
        acc = tl.dot(left, right, acc, input_precision=PRECISION)
    if HAS_BIAS:
        acc += tl.load(bias + k * OUTS + n, mask=n < OUTS, other=0.0).to(tl.float32)[None, :]
    acc = _activated(acc, ACTIVATION)
    own = (m < M)[:, None] & (n < OUTS)[None, :]
    pixel = (b * 2 * H + 2 * i + odd_row) * (2 * W) + 2 * j + odd_col
    place = k * (4 * M * OUTS) + pixel[:, None] * OUTS + n[None, :]
    if HAS_MASK:
        acc = tl.where(tl.load(mask + place, mask=own, other=0.0) <= 0, 0.0, acc)
        tl.store(sums + (k * tl.num_programs(0) + tile) * OUTS + n, tl.sum(acc, 0), mask=n < OUTS)
    tl.store(y + place, acc.to(y.dtype.element_ty), mask=own)


@triton.jit
def conv_weights(
    large, small, out,
    B: tl.constexpr, H: tl.constexpr, W: tl.constexpr, C: tl.constexpr, OUTS: tl.constexpr, S: tl.constexpr,
    TAP: tl.constexpr, IN: tl.constexpr, OUT: tl.constexpr, SPLITS: tl.constexpr, PRECISION: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Gradient of weights, from the larger side (B, H, W, C) and the smaller one (B, H/2, W/2, OUTS) of a layer.

    out[p, q, c, o] = sum over (b, i, j) of large[b, 2i + p - pad, 2j + q - pad, c] * small[b, i, j, o]. TAP, IN and OUT
    are the strides of taps and of the channels of large and small in `out` (splits, ...); each split is a part.
    """
    tile, k, split = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    HALF_H: tl.constexpr = H // 2
    HALF_W: tl.constexpr = W // 2
    N: tl.constexpr = B * HALF_H * HALF_W
    PAD: tl.constexpr = S // 2 - 1
    DEPTH: tl.constexpr = S * S * C
    COLUMNS: tl.constexpr = (OUTS + BN - 1) // BN
    d = (tile // COLUMNS) * BM + tl.arange(0, BM)
    c = d % C
    t = d // C
    p = t // S - PAD
    q = t % S - PAD
    n = (tile % COLUMNS) * BN + tl.arange(0, BN)
    large += k * (B * H * W * C)
    small += k * (N * OUTS)
    acc = tl.zeros((BM, BN), tl.float32)
    BLOCKS: tl.constexpr = (N + BK - 1) // BK
    EACH: tl.constexpr = (BLOCKS + SPLITS - 1) // SPLITS
    for s in range(split * EACH, min((split + 1) * EACH, BLOCKS)):
        m = s * BK + tl.arange(0, BK)
        b = m // (HALF_H * HALF_W)
        row = 2 * ((m // HALF_W) % HALF_H)[:, None] + p[None, :]
        col = 2 * (m % HALF_W)[:, None] + q[None, :]
        ok = (row >= 0) & (row < H) & (col >= 0) & (col < W) & (d < DEPTH)[None, :] & (m < N)[:, None]
        left = _pixels(large + ((b[:, None] * H + row) * W + col) * C + c[None, :], ok, small.dtype.element_ty)
        own = (m < N)[:, None] & (n < OUTS)[None, :]
        right = tl.load(small + m[:, None] * OUTS + n[None, :], mask=own, other=0.0)
        acc = tl.dot(tl.trans(left), right, acc, input_precision=PRECISION)
    place = (k * SPLITS + split) * (DEPTH * OUTS) + (t * TAP + c * IN)[:, None] + (n * OUT)[None, :]
    tl.store(out + place, acc.to(out.dtype.element_ty), mask=(d < DEPTH)[:, None] & (n < OUTS)[None, :])


@triton.jit
def matmul(
    a, b, bias, value, y, sums,
    M: tl.constexpr, N: tl.constexpr, DEPTH: tl.constexpr,
    AM: tl.constexpr, AD: tl.constexpr, BD: tl.constexpr, BNS: tl.constexpr,
    ACTIVATION: tl.constexpr, HAS_BIAS: tl.constexpr, THROUGH: tl.constexpr, SUMS: tl.constexpr,
    PRECISION: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Multiply a (M, DEPTH) and b (DEPTH, N), whose strides are AM, AD and BD, BNS, into y (M, N).

    With THROUGH the result is a gradient, which goes back through that activation, of value `value` (M, N).
    """
    tile, k, part = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2)
    m = part * BM + tl.arange(0, BM)
    n = tile * BN + tl.arange(0, BN)
    a += k * (M * DEPTH)
    b += k * (DEPTH * N)
    acc = tl.zeros((BM, BN), tl.float32)
    for s in range(tl.cdiv(DEPTH, BK)):
        d = s * BK + tl.arange(0, BK)
        known = (m < M)[:, None] & (d < DEPTH)[None, :]
        left = _pixels(a + m[:, None] * AM + d[None, :] * AD, known, b.dtype.element_ty)
        right = tl.load(b + d[:, None] * BD + n[None, :] * BNS, mask=(d < DEPTH)[:, None] & (n < N)[None, :], other=0.0)
        acc = tl.dot(left, right, acc, input_precision=PRECISION)
    if HAS_BIAS:
        acc += tl.load(bias + k * N + n, mask=n < N, other=0.0).to(tl.float32)[None, :]
    acc = _activated(acc, ACTIVATION)
    own = (m < M)[:, None] & (n < N)[None, :]
    place = k * (M * N) + m[:, None] * N + n[None, :]
    if THROUGH:
        acc = _through(acc, tl.load(value + place, mask=own, other=0.0).to(tl.float32), THROUGH)
    if SUMS:
        inside = tl.where(own, acc, 0.0)
        tl.store(sums + (k * tl.num_programs(2) + part) * N + n, tl.sum(inside, 0), mask=n < N)
    tl.store(y + place, acc.to(y.dtype.element_ty), mask=own)


@triton.jit
def fold(
    patches, bias, y,
    B: tl.constexpr, H: tl.constexpr, W: tl.constexpr, OUTS: tl.constexpr, S: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Sum patches (B, H, W, S, S, OUTS) that overlap, at stride 2, into y (B, 2H, 2W, OUTS)."""
    k = tl.program_id(1).to(tl.int64)
    PAD: tl.constexpr = S // 2 - 1
    T: tl.constexpr = S // 2
    COUNT: tl.constexpr = B * 4 * H * W * OUTS
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    o = place % OUTS
    col = (place // OUTS) % (2 * W)
    row = (place // (OUTS * 2 * W)) % (2 * H)
    b = place // (OUTS * 4 * H * W)
    patches += k * (B * H * W * S * S * OUTS)
    acc = tl.load(bias + k * OUTS + o).to(tl.float32)
    for t in tl.static_range(T * T):
        p = (row + PAD) % 2 + 2 * (t // T)
        q = (col + PAD) % 2 + 2 * (t % T)
        i = (row + PAD - p) // 2
        j = (col + PAD - q) // 2
        ok = (row + PAD >= p) & (i < H) & (col + PAD >= q) & (j < W) & (place < COUNT)
        acc += tl.load(patches + (((b * H + i) * W + j) * (S * S) + p * S + q) * OUTS + o, mask=ok, other=0.0).to(
            tl.float32
        )
    tl.store(y + k * COUNT + place, acc.to(y.dtype.element_ty), mask=place < COUNT)


@triton.jit
def reduce(parts, y, PARTS: tl.constexpr, N: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Sum parts (PARTS, N) into y (N,)."""
    k = tl.program_id(0).to(tl.int64)  # also one of K x B images: more than the other axes of a grid may hold
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    acc = tl.zeros((ROWS, BLOCK), tl.float32)
    for s in range(tl.cdiv(PARTS, ROWS)):
        r = s * ROWS + tl.arange(0, ROWS)
        known = (r < PARTS)[:, None] & (n < N)[None, :]
        acc += tl.load(parts + k * (PARTS * N) + r[:, None] * N + n[None, :], mask=known, other=0.0)
    tl.store(y + k * N + n, tl.sum(acc, 0).to(y.dtype.element_ty), mask=n < N)


@triton.jit
def bernoulli_forward(logits, images, y, PIXELS: tl.constexpr, BLOCK: tl.constexpr):
    """Sum -log p of the pixels of an image, from logits and bytes or numbers in [0, 1] in the same order."""
    image = tl.program_id(0).to(tl.int64)
    acc = tl.zeros((BLOCK,), tl.float32)
    for s in range(tl.cdiv(PIXELS, BLOCK)):
        place = s * BLOCK + tl.arange(0, BLOCK)
        inside = place < PIXELS
        a = tl.load(logits + image * PIXELS + place, mask=inside, other=0.0).to(tl.float32)
        x = _pixels(images + image * PIXELS + place, inside, tl.float32)
        nats = tl.maximum(a, 0.0) - a * x + tl.log(1.0 + tl.exp(-tl.abs(a)))
        acc += tl.where(inside, nats, 0.0)
    tl.store(y + image, tl.sum(acc, 0))


@triton.jit
def bernoulli_backward(logits, images, scale, y, PIXELS: tl.constexpr, BLOCK: tl.constexpr):
    """Gradient of the nats of each image, times its `scale`."""
    image = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = place < PIXELS
    a = tl.load(logits + image * PIXELS + place, mask=inside, other=0.0).to(tl.float32)
    x = _pixels(images + image * PIXELS + place, inside, tl.float32)
    gradient = (1.0 / (1.0 + tl.exp(-a)) - x) * tl.load(scale + image)
    tl.store(y + image * PIXELS + place, gradient.to(y.dtype.element_ty), mask=inside)


@triton.jit
def adam(
    weight, first, second, gradient, copy, settings, N,
    DECAYS: tl.constexpr, HAS_COPY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Update one tensor (N,) of each candidate by AdamW, and its copy in the precision of the networks.

    `settings` (K, 7): rate, betas, epsilon, decay, and what corrects both moments.
    """
    k = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < N
    place += k * N
    rate = tl.load(settings + 7 * k)
    beta1 = tl.load(settings + 7 * k + 1)
    beta2 = tl.load(settings + 7 * k + 2)
    epsilon = tl.load(settings + 7 * k + 3)
    decay = tl.load(settings + 7 * k + 4)
    correction1 = tl.load(settings + 7 * k + 5)
    correction2 = tl.load(settings + 7 * k + 6)
    g = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
    m = tl.load(first + place, mask=inside, other=0.0)
    v = tl.load(second + place, mask=inside, other=0.0)
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    w = tl.load(weight + place, mask=inside, other=0.0)
    if DECAYS:
        w *= 1.0 - rate * decay
    w -= rate / correction1 * m / (tl.sqrt(v) / correction2 + epsilon)
    tl.store(first + place, m, mask=inside)
    tl.store(second + place, v, mask=inside)
    tl.store(weight + place, w, mask=inside)
    if HAS_COPY:
        tl.store(copy + place, w.to(copy.dtype.element_ty), mask=inside)
