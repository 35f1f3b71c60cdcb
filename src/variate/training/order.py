"""Which rows each step gets, as a function of the seed and the step's number: a resumed run needs no saved position."""

import torch
from torch import Tensor

from variate.runtime.random import generator, mix


class Order:
    """An endless sequence of row numbers in which each N consecutive numbers are a new permutation of all N rows.

    Batch i has positions i B to (i + 1) B - 1, across the border of two epochs if necessary: every row is seen exactly
    once per epoch and every batch has B rows, whatever N and B are.

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
            source = generator(mix(self.seed, "order", epoch))
            self._cache = {k: v for k, v in self._cache.items() if k == epoch - 1}
            self._cache[epoch] = torch.randperm(self.num_rows, generator=source)
        return self._cache[epoch]

    def batch(self, step: int) -> Tensor:
        """Row numbers of a batch, (B,)."""
        epoch, start = divmod(step * self.batch_size, self.num_rows)
        rows = self.permutation(epoch)[start : start + self.batch_size]
        missing = self.batch_size - len(rows)
        return torch.cat([rows, self.permutation(epoch + 1)[:missing]]) if missing else rows


class PooledOrder:
    """The same for rows on disk, which are read quickly only if they lie together.

    In each epoch the blocks of consecutive rows are permuted, and every S of them make a pool. The rows within a block
    are permuted, and the pool is dealt out, one row of each block in turn: with S blocks of one size, position i of the
    pool comes from block i mod S. So if R divides S and B, each of R readers that take every R-th row of each batch
    reads blocks that no other reader reads. The order takes memory for the blocks and for two pools, and none for the
    rows.

    Args:
        bounds: Number of the first row of each block, and N, (blocks + 1,).
        at_once: S.
        batch_size: B, at most N.
        seed: Of the permutations.
    """

    def __init__(self, bounds: Tensor, at_once: int, batch_size: int, seed: int) -> None:
        self.bounds, self.at_once, self.batch_size, self.seed = bounds, at_once, batch_size, seed
        self.num_rows = int(bounds[-1])
        if not 1 <= batch_size <= self.num_rows:
            raise AssertionError(f"a batch holds 1 to {self.num_rows} rows, got {batch_size}")
        self._epochs: dict[int, tuple[Tensor, Tensor]] = {}
        self._pools: dict[tuple[int, int], Tensor] = {}

    def pools(self, epoch: int) -> tuple[Tensor, Tensor]:
        """The order of the blocks in an epoch, (blocks,), and the position at which each pool ends."""
        if epoch not in self._epochs:
            order = torch.randperm(len(self.bounds) - 1, generator=self._generator("blocks", epoch))
            ends = self.bounds.diff()[order].cumsum(0)
            last = torch.arange(self.at_once, len(order) + self.at_once, self.at_once).clamp(max=len(order)) - 1
            self._epochs = {k: v for k, v in self._epochs.items() if k == epoch - 1}
            self._epochs[epoch] = order, ends[last]
        return self._epochs[epoch]

    def pool(self, epoch: int, number: int) -> Tensor:
        """The rows of a pool, in order."""
        if (epoch, number) not in self._pools:
            blocks = self.pools(epoch)[0][number * self.at_once : (number + 1) * self.at_once]
            self._pools = dict(list(self._pools.items())[-1:])
            self._pools[epoch, number] = self._dealt(blocks, self._generator("pool", epoch, number))
        return self._pools[epoch, number]

    def _dealt(self, blocks: Tensor, source: torch.Generator) -> Tensor:
        """The rows of some blocks, permuted within each, then one of each block in turn."""
        start = self.bounds[blocks]
        size = self.bounds[blocks + 1] - start
        slot = torch.arange(len(blocks)).repeat_interleave(size)
        within = torch.arange(len(slot)) - (size.cumsum(0) - size)[slot]
        rows = start[slot] + within
        shuffled = torch.randperm(len(rows), generator=source)
        shuffled = shuffled[slot[shuffled].argsort(stable=True)]
        return rows[shuffled][within.argsort(stable=True)]

    def _generator(self, what: str, *position: int) -> torch.Generator:
        return generator(mix(self.seed, what, *position))

    def stretch(self, epoch: int, start: int, stop: int) -> Tensor:
        """The rows at the positions from start on and below stop of an epoch."""
        found = []
        while start < stop:
            ends = self.pools(epoch)[1]
            number = int(torch.searchsorted(ends, start, right=True))
            before = int(ends[number - 1]) if number else 0
            found.append(self.pool(epoch, number)[start - before : stop - before])
            start += len(found[-1])
        return torch.cat(found)

    def batch(self, step: int) -> Tensor:
        """Row numbers of a batch, (B,)."""
        epoch, start = divmod(step * self.batch_size, self.num_rows)
        stop = start + self.batch_size
        rows = self.stretch(epoch, start, min(stop, self.num_rows))
        return rows if stop <= self.num_rows else torch.cat([rows, self.stretch(epoch + 1, 0, stop - self.num_rows)])
