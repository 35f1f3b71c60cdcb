"""Randomness as a function of the seed and the position, so that nothing needs to be remembered to go on.

Each step draws from generators seeded by (seed, "step", number), each epoch's order from (seed, "order", epoch): a
resumed run, and a look back at one step, see the same numbers as the first time.
"""

import torch
from torch import Tensor

from variate.rng import mix, uniform


def draw_bits(grey: Tensor, levels: int) -> Tensor:
    """Bits that are 1 with probability grey / (levels - 1), drawn from torch's global generator, in grey's dtype."""
    return (uniform(grey.shape, grey.device, 0) * (levels - 1) < grey).to(grey.dtype)


class Order:
    """An endless stream of row numbers, in which each stretch of N is a new permutation of all N rows.

    Batch i is the stretch [i B, (i + 1) B), across the joint of two epochs where need be: every row is seen exactly
    once an epoch and every batch has B rows, whatever N and B are.

    Args:
        num_rows: N.
        batch_size: B, at most N.
        seed: Of the permutations.
    """

    def __init__(self, num_rows: int, batch_size: int, seed: int) -> None:
        self.num_rows, self.batch_size, self.seed = num_rows, batch_size, seed
        self._cache: dict[int, Tensor] = {}

    def permutation(self, epoch: int) -> Tensor:
        """The order of the rows in an epoch, (N,)."""
        if epoch not in self._cache:
            generator = torch.Generator().manual_seed(mix(self.seed, "order", epoch))
            self._cache = {k: v for k, v in self._cache.items() if k == epoch - 1}
            self._cache[epoch] = torch.randperm(self.num_rows, generator=generator)
        return self._cache[epoch]

    def batch(self, step: int) -> Tensor:
        """Row numbers of a batch, (B,)."""
        epoch, start = divmod(step * self.batch_size, self.num_rows)
        rows = self.permutation(epoch)[start : start + self.batch_size]
        missing = self.batch_size - len(rows)
        return torch.cat([rows, self.permutation(epoch + 1)[:missing]]) if missing else rows
