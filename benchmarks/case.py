"""What all sides of a comparison have in common: the network, the batch, the precision, the machine's part."""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

ROWS_SEED = 0
THRESHOLD = 127
"""Grey levels above it are 1: then every side has the same Bernoulli likelihood, exactly."""
SIDE = 28
SYNTHETIC_ROWS, SYNTHETIC_TEST_ROWS = 60_000, 10_000
"""As many as Fashion-MNIST has."""


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes:
        network: relu layers of one width, or variate's residual convolutional pair.
        width: Units per hidden layer, or channels of the finest map.
        depth: Hidden layers, or blocks per stage.
        latent: Latent dimensions.
        batch_size: Rows per step.
        precision: Of the networks' products.
        device: cpu or cuda.
        threads: CPU threads.
        lr: Of Adam.
        rows: Training rows; None takes all of Fashion-MNIST's 60,000.
        synthetic: Random rows of the same shape instead.
    """

    network: Literal["mlp", "conv"] = "mlp"
    width: int = 512
    depth: int = 2
    latent: int = 20
    batch_size: int = 128
    precision: Literal["float32", "bfloat16"] = "float32"
    device: str = "cpu"
    threads: int = 1
    lr: float = 1e-3
    rows: int | None = None
    synthetic: bool = False

    def __str__(self) -> str:
        """For a table's title."""
        sizes = f"{SIDE**2}-" + f"{self.width}-" * self.depth + f"{self.latent}"
        name = f"MLP {sizes} relu" if self.network == "mlp" else f"residual convolutions, width {self.width}"
        return f"{name}, batch {self.batch_size}, {self.precision}, {self.device}"

    @property
    def worth_compiling(self) -> bool:
        """Whether variate's whole loss is measured compiled too; convolutions gain nothing from it."""
        from variate.runtime.compile import can_compile

        return self.network == "mlp" and can_compile(self.device)

    def replace(self, **changes: Any) -> "Case":  # noqa: ANN401  any field
        """Another case."""
        return dataclasses.replace(self, **changes)

    def asdict(self) -> dict[str, Any]:
        """Plain values, for a worker."""
        return dataclasses.asdict(self)


@functools.cache
def grey() -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST's training and test images as they are, (N, 1, 28, 28).

    Raises:
        InputError: If they are not on this machine and cannot be downloaded.
    """
    import variate

    source = variate.read("fashion-mnist")
    if source.test is None:
        raise AssertionError("fashion-mnist has an official test set")
    return source.dataset.x.all(), source.test.x.all()


def bits(case: Case, part: Literal["train", "test"] = "train") -> np.ndarray:
    """The rows of a case as bits, (N, 1, 28, 28), uint8."""
    if case.synthetic:
        count = (case.rows or SYNTHETIC_ROWS) if part == "train" else SYNTHETIC_TEST_ROWS
        return random_rows(count, levels=2)
    images = grey()[part == "test"]
    return (images[: case.rows] > THRESHOLD).astype(np.uint8)


def random_rows(count: int, levels: int) -> np.ndarray:
    """Rows in the shape of Fashion-MNIST's, all levels equally likely, (count, 1, 28, 28), uint8."""
    rng = np.random.default_rng(ROWS_SEED)
    return rng.integers(0, levels, (count, 1, SIDE, SIDE), dtype=np.uint8)


def batches(rows: int, batch_size: int, steps: int) -> list[int]:
    """How many whole steps to take in each epoch, so that they come to this many: [468, 468, 64]."""
    epoch = max(1, rows // batch_size)
    return [epoch] * (steps // epoch) + ([steps % epoch] if steps % epoch else [])
