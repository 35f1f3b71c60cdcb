"""The networks of the sides that bring none: the same layers as variate's, so the same parameters and products."""

import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.case import SIDE, Case, bits
from benchmarks.worker import AbsentError
from variate.networks import ConvDecoder, ConvEncoder

SHAPE = (1, SIDE, SIDE)


def perceptron(sizes: list[int]) -> nn.Sequential:
    """Affine maps with relu between."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def networks(case: Case) -> tuple[nn.Module, nn.Module]:
    """Encoder, (N, ...) -> (N, 2 latents), and decoder, (N, latents) -> logits (N, ...)."""
    if case.network == "conv":
        encoder = ConvEncoder(SHAPE, 2 * case.latent, case.width, case.depth)
        return encoder, ConvDecoder(case.latent, (1, *SHAPE), case.width, case.depth)
    hidden = [case.width] * case.depth
    return perceptron([SIDE**2, *hidden, 2 * case.latent]), perceptron([case.latent, *hidden, SIDE**2])


def data(case: Case, part: str = "train") -> Tensor:
    """Rows as floats, in the shape that the encoder takes."""
    rows = torch.from_numpy(bits(case, part)).float()  # type: ignore[arg-type]
    return rows if case.network == "conv" else rows.flatten(1)


def prepare(case: Case) -> None:
    """Threads, and the device if it is there."""
    torch.manual_seed(0)
    torch.set_num_threads(case.threads)
    if case.device == "cuda" and not torch.cuda.is_available():
        raise AbsentError("torch sees no GPU")


def timed(work: Callable[[], object], device: str) -> float:
    """Seconds until the work is done, on the device too."""
    synchronize = torch.cuda.synchronize if device == "cuda" else contextlib.nullcontext
    synchronize()
    start = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - start


def count(*modules: nn.Module) -> int:
    """Parameters that are trained."""
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)


def set_linear(network: nn.Module, weights: dict[str, np.ndarray], name: str) -> None:
    """Puts weights[f"{name}.{i}.weight"] and .bias into the i-th linear layer."""
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    with torch.no_grad():
        for i, layer in enumerate(linear):
            layer.weight.copy_(torch.from_numpy(weights[f"{name}.{i}.weight"]))
            layer.bias.copy_(torch.from_numpy(weights[f"{name}.{i}.bias"]))


def check(model: Any, loss: Callable[[Tensor], Tensor], file: str) -> dict[str, float]:  # noqa: ANN401
    """See `variate_side.Side.check`.

    Args:
        model: Its `encoder` and `decoder` are those of `networks`.
        loss: Minus its ELBO, nats per row.
        file: Weights, rows and seed.
    """
    given = dict(np.load(file))
    set_linear(model.encoder, given, "encoder")
    set_linear(model.decoder, given, "decoder")
    torch.manual_seed(int(given["seed"]))
    model.zero_grad()
    value = loss(torch.from_numpy(given["rows"]).float())
    value.backward()
    last: Any = [m for m in model.encoder.modules() if isinstance(m, nn.Linear)][-1]
    return {"loss": float(value), "gradient": float(last.weight.grad[: last.out_features // 2].norm())}
