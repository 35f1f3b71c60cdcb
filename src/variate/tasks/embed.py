"""The latent coordinates of rows."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from variate.config.moves import Map
from variate.data import Dataset
from variate.limits import Seed, checked_arguments
from variate.runs import Run
from variate.runtime import memory
from variate.runtime.finite import TRAIN_AGAIN, finite_rows

UMAP_BYTES = 2_000
"""Bytes per row that UMAP takes for its graph of neighbours, about."""


class Embeddings(NamedTuple):
    """A table with a line per row, in the order of the data.

    Attributes:
        pieces: The columns z0, z1, ... and, if asked for, std0, std1, ..., and x and y of the map, some lines at a
            time, computed on demand.
        num_rows: Number of lines.
        shares: Of a map by PCA, the shares of the variance of the means along x and y; else None.
    """

    pieces: Iterator[Mapping[str, np.ndarray]]
    num_rows: int
    shares: tuple[float, float] | None = None


@checked_arguments
def embed(
    run: Run, data: str | None = None, *, std: bool = False, map: Map | None = None, seed: Seed = 0
) -> Embeddings:
    """The mean of q(z|x) of every row: deterministic.

    Args:
        run: The run.
        data: Name or path of the data; by default all rows of the run's own.
        std: Add the standard deviations of q(z|x).
        map: Add a map of the means in two dimensions: "pca", or "umap", which needs umap-learn and all means in memory.
        seed: Seed of UMAP's draws.

    Raises:
        InputError: If the data cannot be used, or umap-learn is wanted and not there; when the pieces are taken, if the
            model gives numbers that are not finite.
    """
    rows = run.all_rows(data)
    if map == "umap":
        from variate.evaluation.latent_space.projection import require_umap

        require_umap()

    def tables() -> Iterator[dict[str, np.ndarray]]:
        return (_table(run, start, piece, std) for start, piece in rows.pieces())

    if map is None:
        return Embeddings(tables(), len(rows))
    first = list(tables()) if rows.in_memory or map == "umap" else None
    if map == "umap":
        assert first is not None
        return Embeddings(_on_umap(first, seed), len(rows))
    return _on_plane(tables() if first is None else first, tables() if first is None else first, len(rows))


def _table(run: Run, start: int, rows: Dataset, std: bool) -> dict[str, np.ndarray]:
    remedy = f"nothing was written: {TRAIN_AGAIN}"
    numbers = range(start, start + len(rows))
    parts = (part.flatten(1).numpy() for part in run.model.embed(rows))
    mean, deviation = (finite_rows(part, "the latent coordinates", remedy, numbers) for part in parts)
    named = {f"z{i}": column for i, column in enumerate(mean.T)}
    return named | ({f"std{i}": column for i, column in enumerate(deviation.T)} if std else {})


def _means(table: Mapping[str, np.ndarray]) -> np.ndarray:
    """The means of a table of embeddings, (N, latents)."""
    return np.stack([column for name, column in table.items() if name.startswith("z")], 1)


def _on_plane(
    once: Iterable[dict[str, np.ndarray]], again: Iterable[dict[str, np.ndarray]], num_rows: int
) -> Embeddings:
    """Embeddings with x and y of their principal plane: a first pass finds it, a second one projects on it."""
    import torch

    from variate.evaluation.latent_space.projection import Sums, principal_plane

    sums = None
    for table in once:
        means = torch.from_numpy(_means(table))
        sums = (Sums.start(means) if sums is None else sums).add(means)
    assert sums is not None
    plane = principal_plane(sums)

    def mapped() -> Iterator[dict[str, np.ndarray]]:
        for table in again:
            x, y = plane.coordinates(torch.from_numpy(_means(table))).T.numpy()
            yield {**table, "x": x, "y": y}

    across, along = plane.share.tolist()
    return Embeddings(mapped(), num_rows, (across, along))


def _on_umap(tables: list[dict[str, np.ndarray]], seed: int) -> Iterator[dict[str, np.ndarray]]:
    """Embeddings with x and y of a map by UMAP."""
    import torch

    from variate.evaluation.latent_space.projection import umap_coordinates

    whole = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    memory.require(len(whole["z0"]) * UMAP_BYTES, "map", "a number of rows whose map fits in memory", "use pca")
    x, y = umap_coordinates(torch.from_numpy(_means(whole)), seed).T.numpy()
    return iter([{**whole, "x": x, "y": y}])
