"""A loop in plain PyTorch, as in pytorch/examples/vae, and the same tuned by hand.

Plain: a DataLoader over a TensorDataset of floats, shuffled (the example decodes pictures row by row, which is slower),
`binary_cross_entropy_with_logits` summed plus the closed KL, Adam, the loss read at each step. As many loader processes
as are fastest, none or two.

Tuned: rows resident and gathered by index, fused Adam, the loss compiled, nothing read.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from benchmarks.case import Case, batches, bits
from benchmarks.measure import decide
from benchmarks.sides.networks import check, count, data, networks, prepare, timed

LOADERS = (0, 2)
CHUNK = 1000
"""Decoder passes at a time in the importance-weighted bound."""


class Model(nn.Module):
    """The two networks and the loss of a batch."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.encoder, self.decoder = networks(case)
        self.case = case

    def lower(self) -> torch.autocast:
        """Autocast where the case asks for it."""
        return torch.autocast(self.case.device, torch.bfloat16, enabled=self.case.precision == "bfloat16")

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance."""
        with self.lower():
            mu, log_var = self.encoder(x).float().chunk(2, -1)
        return mu, log_var

    def decode(self, z: Tensor) -> Tensor:
        """Logits."""
        with self.lower():
            return self.decoder(z).float()

    def forward(self, x: Tensor) -> Tensor:
        """Minus the ELBO, summed over the batch."""
        mu, log_var = self.encode(x)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * log_var)
        logits = self.decode(z)
        cross = functional.binary_cross_entropy_with_logits(logits.view_as(x), x, reduction="sum")
        return cross - 0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())


class Side:
    """PyTorch."""

    def setup(self, case: dict[str, Any], tuned: bool = False, trial: int = 0, compiled: bool = True) -> dict[str, Any]:
        """Model, data, optimiser, and a first step.

        Args:
            case: A `Case`.
            tuned: The loop tuned by hand.
            trial: Steps after which to decide on the number of loader processes; with 0, not at all.
            compiled: Compile the tuned loop's loss.
        """
        self.case = Case(**case)
        prepare(self.case)
        self.rows = data(self.case)
        self.model = Model(self.case).to(self.case.device)
        self.loss: Callable[[Tensor], Tensor] = self.model
        self.tuned, self.loaders = tuned, 0
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.case.lr, fused=tuned or None)
        note = ""
        if tuned:
            self.rows = self.rows.to(self.case.device)
            self.loss, note = self._compiled() if compiled else (self.model, "not compiled")
        start = time.perf_counter()
        self._steps(1)
        found = {"parameters": count(self.model), "seconds": time.perf_counter() - start}
        if trial and not tuned:
            self.loaders = int(decide({str(n): partial(self._trial, n, trial) for n in LOADERS}))
        turn = trial if self.loaders else 1  # starting processes is paid once an epoch, so none is cut short
        return found | {"turn": turn, "note": note or f"loader processes {self.loaders}"}

    def _compiled(self) -> tuple[Callable[[Tensor], Tensor], str]:
        """The loss compiled, or as it is where there is no compiler."""
        compiled: Callable[[Tensor], Tensor] = torch.compile(self.model)
        try:
            compiled(self._gather(torch.arange(self.case.batch_size))).backward()
        except Exception as error:  # the compiler's own errors have no common class
            return self.model, f"not compiled: {str(error).splitlines()[0]}"
        return compiled, "compiled"

    def _trial(self, loaders: int, steps: int) -> float:
        self.loaders = loaders
        return timed(lambda: self._steps(steps), self.case.device)

    def _steps(self, steps: int) -> None:
        self.model.train()
        for number in batches(len(self.rows), self.case.batch_size, steps):
            if self.tuned:
                self._take(self._gathered(number))
            else:
                self._train(number)

    def _gather(self, index: Tensor) -> Tensor:
        return self.rows[index.to(self.rows.device)]

    def _gathered(self, steps: int) -> Iterator[Tensor]:
        order = torch.randperm(len(self.rows))
        for index in order[: steps * self.case.batch_size].split(self.case.batch_size):
            yield self._gather(index)

    def _take(self, source: Iterable[Tensor]) -> None:
        """Steps of the tuned loop."""
        for x in source:
            self.optimizer.zero_grad()
            self.loss(x).backward()
            self.optimizer.step()

    def _train(self, steps: int) -> float:
        """Steps of the plain loop: an epoch, or its beginning."""
        dataset = TensorDataset(self.rows)
        sampler = RandomSampler(dataset, num_samples=steps * self.case.batch_size)
        loader = DataLoader(
            dataset,
            self.case.batch_size,
            sampler=sampler,
            num_workers=self.loaders,
            pin_memory=self.case.device == "cuda",
        )
        train_loss = 0.0
        for (batch,) in loader:
            x = batch.to(self.case.device)
            self.optimizer.zero_grad()
            loss = self.model(x)
            loss.backward()
            train_loss += loss.item()
            self.optimizer.step()
        return train_loss

    def run(self, steps: int) -> dict[str, float]:
        """Seconds that so many steps take."""
        return {"seconds": timed(lambda: self._steps(steps), self.case.device), "steps": steps}

    def nats(self, x: Tensor) -> Tensor:
        """Minus the ELBO, nats per row."""
        return self.model(x) / len(x)

    def check(self, file: str) -> dict[str, float]:
        """See `variate_side.Side.check`."""
        return check(self.model, self.nats, file)

    def evidence(self, rows: int, draws: int) -> dict[str, float]:
        """Seconds that the importance-weighted bound of so many test rows takes, and the bound."""
        x = torch.from_numpy(bits(self.case, "test")[:rows]).float()
        x = x if self.case.network == "conv" else x.flatten(1)
        found: list[Tensor] = []
        with torch.no_grad():
            seconds = timed(lambda: found.extend(self._bound(row, draws) for row in x), self.case.device)
        return {"seconds": seconds, "value": float(torch.stack(found).mean())}

    def _bound(self, row: Tensor, draws: int) -> Tensor:
        """The bound of a row, its draws decoded many at a time."""
        x = row.to(self.case.device)[None]
        mu, log_var = self.model.encode(x)
        weights = []
        for start in range(0, draws, CHUNK):
            eps = torch.randn(min(CHUNK, draws - start), mu.shape[-1], device=mu.device)
            z = mu + eps * torch.exp(0.5 * log_var)
            logits = self.model.decode(z).flatten(1)
            target = x.flatten(1).expand_as(logits)
            log_px = -functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)
            weights.append(log_px - 0.5 * z.square().sum(-1) + 0.5 * (eps.square() + log_var).sum(-1))
        return torch.cat(weights).logsumexp(0) - math.log(draws)
