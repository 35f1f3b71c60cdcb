"""What a step costs at least: its bare products, each in the layout that is fastest, and the optimiser's traffic.

Of a layer y = x W^T with x (B, in), W (out, in): forward x W^T, weight gradient dy^T x, input gradient dy W, the last
not for the encoder's first layer, whose input is data. Operands lie still in whatever cache holds them, results go to a
buffer that is there, nothing is cast, added or activated: no step is shorter. Adam reads p, g, m, v and writes p, m, v:
28 bytes per parameter, at the copy bandwidth of arrays as large as p, g, m and v together, or of very large ones,
whichever is greater.
"""

import itertools
import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from benchmarks.case import Case
from benchmarks.sides.networks import SHAPE, count, networks, prepare, timed

ADAM_BYTES = 28
ADAM_ARRAYS = 16
"""Bytes a parameter of p, g, m, v."""
LARGE = 2**28
"""Bytes of an array that no cache holds."""
BLOCK = 0.02
"""Seconds of one timing, at least."""

Work = Callable[[], Any]


class Product(NamedTuple):
    """One product of a step: its floating-point operations, and ways to compute it."""

    flops: float
    ways: list[Work]


def matrices(rows: int, inner: int, columns: int, kind: dict[str, Any]) -> Product:
    """(rows, inner) times (inner, columns), each of the three row by row or column by column."""

    def matrix(height: int, width: int, transposed: bool) -> Tensor:
        return torch.randn(width, height, **kind).t() if transposed else torch.randn(height, width, **kind)

    ways: list[Work] = []
    for a, b, c in itertools.product((False, True), repeat=3):
        left, right = matrix(rows, inner, a), matrix(inner, columns, b)
        out = matrix(rows, columns, c)
        ways.append(partial(torch.mm, left, right, out=out))
        if not c:
            ways.append(partial(nn.functional.linear, left, right.t()) if b else partial(torch.mm, left, right))
    return Product(2.0 * rows * inner * columns, ways)


def linear(layer: nn.Linear, x: Tensor, first: bool, kind: dict[str, Any]) -> list[Product]:
    """The products of an affine layer."""
    batch, inputs, outputs = x.shape[0], layer.in_features, layer.out_features
    shapes = [(batch, inputs, outputs), (outputs, batch, inputs), (batch, outputs, inputs)]
    return [matrices(*shape, kind) for shape in shapes[: 2 if first else 3]]


def convolution(layer: nn.Conv2d, x: Tensor, first: bool, kind: dict[str, Any]) -> list[Product]:
    """Forward and backward of a convolution, channels first or last."""
    forward: list[Work] = []
    backward: list[Work] = []
    same = {"bias": None, "stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
    for layout in (torch.contiguous_format, torch.channels_last):
        rows = torch.randn(x.shape, **kind).contiguous(memory_format=layout)
        weight = torch.randn(layer.weight.shape, **kind).contiguous(memory_format=layout)
        forward.append(partial(nn.functional.conv2d, rows, weight, **same))  # type: ignore[arg-type]
        y = forward[-1]()
        dy = torch.randn_like(y)
        given = (None, layer.stride, layer.padding, layer.dilation, False, [0, 0], 1, [not first, True, False])
        backward.append(partial(torch.ops.aten.convolution_backward, dy, rows, weight, *given))
    flops = 2.0 * layer.weight.numel() * math.prod(y.shape[2:]) * len(x)
    return [Product(flops, forward), Product(flops * (1 if first else 2), backward)]


def products(case: Case) -> list[Product]:
    """Every product of a step."""
    kind = {"dtype": getattr(torch, case.precision), "device": case.device}
    found: list[Product] = []
    encoder, decoder = (network.to(case.device) for network in networks(case))
    x = torch.zeros(case.batch_size, *(SHAPE if case.network == "conv" else [math.prod(SHAPE)]), device=case.device)
    starts = [m for m in encoder.modules() if isinstance(m, nn.Linear | nn.Conv2d)][:1]

    def note(module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        make: Callable[..., list[Product]] = linear if isinstance(module, nn.Linear) else convolution
        found.extend(make(module, inputs[0], module in starts, kind))

    for module in [*encoder.modules(), *decoder.modules()]:
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.register_forward_hook(note)
    with torch.no_grad():
        decoder(encoder(x)[:, : case.latent])
    return found


class Side:
    """The bare products."""

    def setup(self, case: dict[str, Any]) -> dict[str, Any]:
        """Buffers for every product, each computed once in every way."""
        self.case = Case(**case)
        prepare(self.case)
        self.products = products(self.case)
        self.parameters = count(*networks(self.case))
        for way in itertools.chain.from_iterable(p.ways for p in self.products):
            way()
        return {"products": len(self.products), "flops": sum(p.flops for p in self.products)}

    def floor(self) -> dict[str, float]:
        """Seconds of the bare products and of the optimiser's traffic, each in its fastest way at this moment."""
        total = sum(min(seconds_of(way, self.case.device) for way in product.ways) for product in self.products)
        bandwidth = 0.0
        for size in (ADAM_ARRAYS * self.parameters // 2, LARGE):
            a, b = torch.ones(2, size // 4, device=self.case.device)
            bandwidth = max(bandwidth, 2 * size / seconds_of(partial(b.copy_, a), self.case.device))
        optimizer = ADAM_BYTES * self.parameters / bandwidth
        return {"products": total, "optimizer": optimizer, "seconds": total + optimizer, "bandwidth": bandwidth}


def seconds_of(work: Work, device: str) -> float:
    """Seconds of one call, from as many as fill a block."""
    work()
    once = timed(work, device)
    calls = max(1, round(BLOCK / max(once, 1e-6)))
    return min(once, timed(lambda: [work() for _ in range(calls)], device) / calls)
