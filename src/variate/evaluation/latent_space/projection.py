r"""A map of the data: the latents of rows in two dimensions.

*PCA.* The two orthogonal directions along which the means m(x) of q(z|x) vary most: the first eigenvectors of their
covariance. The sign of each is such that its largest component is positive. Sums are enough to find them, so that
rows may come in pieces.

*UMAP* keeps neighbours together instead of distances (McInnes et al., 2018); umap-learn computes it, and is imported
only then.
"""

from importlib.util import find_spec
from typing import NamedTuple

import torch
from torch import Tensor

from variate.errors import InputError, Option, Sentence


class Sums(NamedTuple):
    """What principal components are computed from, joined by adding.

    Attributes:
        num_rows: Number of rows.
        first: Sum of the vectors less an origin, (d,), float64.
        second: Sum of their outer products, (d, d), float64.
        origin: What is subtracted, (d,): about the mean, so that few digits cancel.
    """

    num_rows: int
    first: Tensor
    second: Tensor
    origin: Tensor

    @classmethod
    def start(cls, vectors: Tensor) -> "Sums":
        """No rows yet.

        Args:
            vectors: Some rows, (N, d), whose mean becomes the origin.
        """
        origin = vectors.double().mean(0)
        return cls(0, torch.zeros_like(origin), origin.new_zeros(len(origin), len(origin)), origin)

    def add(self, vectors: Tensor) -> "Sums":
        """With more rows, (N, d)."""
        own = vectors.double() - self.origin
        return self._replace(
            num_rows=self.num_rows + len(own), first=self.first + own.sum(0), second=self.second + own.T @ own
        )


class Plane(NamedTuple):
    """A plane in latent space.

    Attributes:
        center: The mean of all rows, (d,), float64.
        axes: The two directions, (d, 2), float64; the second is 0 with a single latent.
        share: The share of the variance along each, (2,), float64.
    """

    center: Tensor
    axes: Tensor
    share: Tensor

    def coordinates(self, vectors: Tensor) -> Tensor:
        """Places on the plane, (N, 2), float64, of vectors, (N, d)."""
        return (vectors.double() - self.center) @ self.axes


def principal_plane(sums: Sums) -> Plane:
    """The plane of the first two principal components.

    Args:
        sums: Over all rows.
    """
    mean = sums.first / sums.num_rows
    covariance = sums.second / sums.num_rows - torch.outer(mean, mean)
    values, vectors = torch.linalg.eigh(covariance)
    vectors, values = vectors.flip(1), values.flip(0).clamp(min=0)
    largest = vectors.abs().argmax(0)
    vectors = vectors * vectors[largest, torch.arange(len(largest))].sign()
    axes, share = (torch.nn.functional.pad(part, (0, max(0, 2 - len(values)))) for part in (vectors, values))
    total = values.sum()
    return Plane(sums.origin + mean, axes[:, :2], share[:2] / total if total > 0 else share[:2])


def require_umap() -> None:
    """Refuses a map by UMAP where umap-learn is not installed.

    Raises:
        InputError: If it is not.
    """
    if find_spec("umap") is None:
        remedy = Sentence("pip install 'variate[umap]', or use ", Option("map", "pca"))
        raise InputError("map", "umap-learn to be installed, which computes the map", "no such module", remedy)


def umap_coordinates(vectors: Tensor, seed: int) -> Tensor:
    """Places of vectors, (N, d), on a map by UMAP, (N, 2), float64.

    Args:
        vectors: Of all rows.
        seed: Seed of its draws.
    """
    from umap import UMAP

    found = UMAP(n_components=2, random_state=seed % 2**32, n_jobs=1).fit_transform(vectors.numpy())
    return torch.from_numpy(found).double()
