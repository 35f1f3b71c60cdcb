"""Scoring and embedding of rows by the default model, and the products that they cannot do without.

To embed a row takes the encoder's products once, to score it those and the decoder's once a draw. Of each product only
the forward one is needed; nothing is cast, added or activated, and no density is computed: no way is shorter.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import variate
from benchmarks.case import SYNTHETIC_ROWS, random_rows
from benchmarks.sides.floor_side import Product, linear, seconds_of
from benchmarks.sides.networks import timed

ROWS = 1_024
"""Rows of a product."""
HELD_OUT = 200
"""Rows that are ranked among."""
CPU = "cpu"


class Side:
    """The default model of Fashion-MNIST; its weights are not trained, which changes no time."""

    def setup(self, threads: int, synthetic: bool, rows: int) -> dict[str, Any]:
        """The model, the rows, and every product computed once in every way.

        Args:
            threads: CPU threads.
            synthetic: Random rows of the same shape instead.
            rows: Rows that are served in a turn.
        """
        torch.set_num_threads(threads)
        data = variate.from_arrays(random_rows(SYNTHETIC_ROWS, 256)) if synthetic else variate.read("fashion-mnist")
        parts = variate.split(data)
        self.model = variate.build(parts).eval()
        self.rows = parts.test.select(np.arange(rows))
        self.held_out = variate.reference_scores(self.model, parts.validation.select(np.arange(HELD_OUT)))
        x = torch.zeros(ROWS, *self.model.event_shape)
        encoder, decoder = self.model.encoder.network, self.model.decoder.network
        self.encoding = forward_products(encoder, self.model.encoder.inputs(x))
        self.decoding = forward_products(decoder, torch.zeros(ROWS, self.model.num_latents))
        for product in (*self.encoding, *self.decoding):
            for way in product.ways:
                way()
        method, self.draws, _ = self.held_out.settings
        shape = f"{len(self.encoding)} + {len(self.decoding)} products, {self.draws} draws"
        return {"note": f"{method!r}, {shape}, {type(self.model.likelihood).__name__}"}

    def embed(self) -> float:
        """Seconds per row of `embed`."""
        return timed(lambda: self.model.embed(self.rows), CPU) / len(self.rows)

    def score(self) -> float:
        """Seconds per row of `score` with its default method, ranked among held-out rows that were scored before."""
        return timed(lambda: variate.score(self.model, self.rows, calibration=self.held_out), CPU) / len(self.rows)

    def floors(self) -> dict[str, float]:
        """Seconds per row of the products of both, each in its fastest way at this moment."""
        encoder, decoder = (
            sum(min(seconds_of(way, CPU) for way in own.ways) for own in products) / ROWS
            for products in (self.encoding, self.decoding)
        )
        return {"embed": encoder, "score": encoder + self.draws * decoder}


def forward_products(network: nn.Module, rows: Tensor) -> list[Product]:
    """The products of one pass of rows through a network of affine layers."""
    found: list[Product] = []

    def note(module: nn.Linear, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        found.append(linear(module, inputs[0], True, {"dtype": inputs[0].dtype})[0])

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.Linear)]
    with torch.no_grad():
        network(rows)
    for hook in hooks:
        hook.remove()
    return found
