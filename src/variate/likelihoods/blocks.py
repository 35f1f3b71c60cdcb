"""Rows scored in blocks that a core's cache holds.

A likelihood makes dozens of passes over the outputs of a decoder. Over a block of a megabyte they are made in a cache;
over all outputs at once, tens of megabytes, each goes through main memory, and they take up to three times as long.
"""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor

BLOCK_NUMBERS = 2**18
"""Numbers of the decoder's outputs in a block: a megabyte of float32."""
Score = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, ...]]
"""What is computed from outputs (L, N, *out_shape), rows (N, *event) and a mask: tensors (L, N, ...)."""


def by_blocks(score: Score, outputs: Tensor, x: Tensor, mask: Tensor | None, out_dims: int) -> tuple[Tensor, ...]:
    """What `score` gives, computed block by block where that is faster: on a CPU, without gradients.

    Args:
        score: A function of each draw and row alone.
        outputs: Network outputs, (*batch, *out_shape).
        x: Rows, (*x_batch, *event).
        mask: In the shape of the rows; None: all elements are observed.
        out_dims: Number of axes of `out_shape`.
    """
    batch = outputs.shape[: outputs.dim() - out_dims]
    if len(batch) != 2 or batch[1] != len(x) or not _is_faster(outputs):
        return score(outputs, x, mask)
    draws, rows = batch
    size = prod(outputs.shape[2:])
    rows_at_once = max(1, min(rows, BLOCK_NUMBERS // (draws * size)))
    draws_at_once = max(1, BLOCK_NUMBERS // (rows_at_once * size))
    found = []
    for start in range(0, rows, rows_at_once):
        own = slice(start, start + rows_at_once)
        seen = None if mask is None else mask[own]
        parts = [score(some, x[own], seen) for some in outputs[:, own].split(draws_at_once)]
        found.append([torch.cat(part) for part in zip(*parts, strict=True)])
    return tuple(torch.cat(part, 1) for part in zip(*found, strict=True))


def _is_faster(outputs: Tensor) -> bool:
    """Whether blocks are faster than all at once."""
    if torch.is_grad_enabled() or outputs.device.type != "cpu" or outputs.numel() <= BLOCK_NUMBERS:
        return False
    return not torch.compiler.is_compiling()
