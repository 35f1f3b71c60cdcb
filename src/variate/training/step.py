"""One training step: gather, draw, score, differentiate, check, move.

The loss is the mean negative objective in nats a *dimension*, so that learning rate and clipping mean the same for rows
of any length. Whether loss and gradient are finite is decided on the device and handed to the optimiser, which then
leaves the weights as they are; the first bad step stops all later ones, and the host may look when it likes.
"""

import math

import torch
from torch import Tensor, nn

from variate.objectives import Scored, Training
from variate.recipe import TrainingOptions
from variate.rng import mix, reseed, seeded
from variate.training import schedule
from variate.training.nonfinite import NonFiniteError, explain
from variate.training.random import Order, draw_bits
from variate.training.state import State

LOOK_EVERY = 50
"""On a GPU the host looks for a non-finite step every so many steps, since each look waits for the device."""


class Step:
    """The training step of a run.

    Args:
        state: What it changes.
        rows: Training rows as they are, (N, *event); on the model's device.
        options: Complete.
        steps: Of the whole run.
        levels: With grey rows of a binary model, how many grey levels: each access draws the bits anew; else 0.
    """

    def __init__(self, state: State, rows: Tensor, options: TrainingOptions, steps: int, levels: int = 0) -> None:
        self.state, self.rows, self.options, self.steps, self.levels = state, rows, options, steps, levels
        self.objective = Training(options)
        self.batch_size = options.batch_size or len(rows)
        self.order = Order(len(rows), self.batch_size, options.seed)
        self.warmup_steps = round(options.kl_warmup * len(rows) / self.batch_size)
        self.dimensions = math.prod(rows.shape[1:])
        self.failed = torch.full((), -1, dtype=torch.int64, device=rows.device)
        self.beta = torch.zeros((), device=rows.device)
        self._rehearse()
        self.loss = torch.compile(self._loss) if options.compile == "on" else self._loss

    def _rehearse(self) -> None:
        """Scores a few rows once, so that an objective that cannot be had says so before anything is compiled.

        It also lets torch choose its KL formula, which its compiler cannot trace and afterwards need not.
        """
        with seeded(0), torch.no_grad():
            self._score(self.order.batch(0)[:2].to(self.rows.device))

    def _score(self, index: Tensor) -> Scored:
        x = self.rows[index]
        if self.levels:
            x = draw_bits(x, self.levels)
        return self.objective(self.state.vae, x, self.beta)

    def _loss(self, index: Tensor) -> tuple[Tensor, Tensor]:
        scored = self._score(index)
        loss = -scored.objective.mean() / self.dimensions
        return loss, torch.stack([scored.objective.detach(), *(t.detach() for t in scored.terms)]).double().mean(1)

    def _seed(self, step: int) -> Tensor:
        """Seeds the step's draws and returns its rows' numbers."""
        reseed(mix(self.options.seed, "step", step))
        return self.order.batch(step).to(self.rows.device, non_blocking=True)

    def __call__(self) -> None:
        """Takes the next step.

        Raises:
            NonFiniteError: If the loss or a gradient is not finite; the weights are as before the step.
        """
        state, step = self.state, self.state.progress.step
        index = self._seed(step)
        self.beta.fill_(schedule.rate_weight(step, self.warmup_steps, self.options.beta))
        state.optimizer.zero_grad(set_to_none=True)
        loss, totals = self.loss(index)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(state.parameters, self.options.clip or math.inf, foreach=True)
        self._guard(loss, norm, step)
        options = self.options
        lr = schedule.learning_rate(step, self.steps, options.lr or 0.0, options.lr_warmup, options.schedule)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        state.optimizer.step()
        state.update_average(schedule.average_decay(step, self.options.ema))
        state.totals += totals
        state.progress.step += 1

    def _guard(self, loss: Tensor, norm: Tensor, step: int) -> None:
        """Tells the optimiser, on the device, not to move after a non-finite loss or gradient; looks now and then."""
        bad = ~(loss.detach() + norm).isfinite()
        self.failed = torch.where(bad & (self.failed < 0), step, self.failed)
        self.state.optimizer.found_inf = (self.failed >= 0).float()  # read by fused Adam
        self.state.optimizer.grad_scale = None
        if self.rows.device.type == "cpu" or step % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """Raises if a step so far was not finite."""
        step = int(self.failed)
        if step >= 0:
            raise self.explain(step)

    def explain(self, step: int) -> NonFiniteError:
        """Says where the failed step went wrong."""
        index = self._seed(step)
        return explain(self.state.vae, lambda: self._score(index), index, step)
