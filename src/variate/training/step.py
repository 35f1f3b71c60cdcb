"""One training step: gather, draw, score, differentiate, check, move.

The loss is the mean negative objective in nats a *dimension*, so that learning rate and clipping mean the same for rows
of any length. A step whose loss or gradient is not finite leaves the weights as they are and ends the run. On a CPU it
is looked at before the weights move; on a GPU the device decides and tells the optimiser, the first bad step stops all
later ones, and the host looks now and then.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from variate.config.recipe import TrainingOptions
from variate.distributions.support import trusting
from variate.models.vae import VAE
from variate.objectives import Scored, Training
from variate.runtime import distributed as ranks
from variate.runtime.compile import compiled, fused
from variate.runtime.random import mix, reseed, seeded
from variate.training import schedule
from variate.training.feed import Feed
from variate.training.nonfinite import NonFiniteError, explain
from variate.training.order import draw_bits
from variate.training.state import State

LOOK_EVERY = 50
"""On a GPU the host looks for a non-finite step every so many steps, since each look waits for the device."""


class Loss(nn.Module):
    """What a step minimises, as a module, so that whatever wraps modules can wrap it.

    Args:
        vae: The model.
        options: Complete.
        levels: With grey rows of a binary model, how many grey levels: each access draws the bits anew; else 0.
    """

    def __init__(self, vae: VAE, options: TrainingOptions, levels: int) -> None:
        super().__init__()
        self.vae, self.objective, self.levels = vae, Training(options), levels
        self.dimensions = math.prod(vae.event_shape)
        self.compute: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = self.of

    def score(self, x: Tensor, beta: Tensor) -> Scored:
        """The objective and its terms for each row of a batch."""
        return self.objective(self.vae, draw_bits(x, self.levels) if self.levels else x, beta)

    def forward(self, x: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """What `of` gives, by whatever computes it."""
        return self.compute(x, beta)

    def of(self, x: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the means of objective, ELBO, distortion and rate in nats, (4,), float64."""
        scored = self.score(x, beta)
        loss = -scored.objective.mean() / self.dimensions
        if ranks.world() > 1:  # what is not finite on one rank makes the mean gradient so: all stop at the same step
            loss = loss * torch.where(loss.detach().isfinite(), 1.0, torch.nan)
        return loss, torch.stack([scored.objective.detach(), *(t.detach() for t in scored.terms)]).double().mean(1)


class Step:
    """The training step of a run.

    Args:
        state: What it changes.
        feed: Gives it rows.
        options: Complete.
        steps: Of the whole run.
        levels: With grey rows of a binary model, how many grey levels; else 0.
    """

    def __init__(self, state: State, feed: Feed, options: TrainingOptions, steps: int, levels: int = 0) -> None:
        self.state, self.feed, self.options, self.steps = state, feed, options, steps
        self.warmup_steps = round(options.kl_warmup * len(feed) / feed.batch_size)
        self.failed = torch.full((), -1, dtype=torch.int64, device=state.vae.device)
        self.beta = torch.zeros((), device=state.vae.device)
        self.loss = Loss(state.vae, options, levels)
        self._rehearse()
        if options.compile == "on":
            self.loss.compute = compiled(lambda x, beta: self.loss.of(x, beta), large=True)
        elif options.compile == "likelihood":
            state.vae.decoder.score = fused(state.vae.decoder.likelihood)
        self.call = ranks.wrapped(self.loss)

    def _rehearse(self) -> None:
        """Scores a few rows once, so that an objective that cannot be had says so before anything is compiled.

        It also lets torch choose its KL formula, which its compiler cannot trace and afterwards need not.
        """
        with seeded(0), torch.no_grad():
            self.loss.score(self.feed.some(2), self.beta)

    def _seed(self, step: int) -> Tensor:
        """Seeds the step's draws and returns its rows."""
        reseed(mix(self.options.seed, "step", step))
        return self.feed.batch(step)

    def __call__(self) -> None:
        """Takes the next step.

        Raises:
            NonFiniteError: If the loss or a gradient is not finite; the weights are as before the step.
        """
        state, step = self.state, self.state.progress.step
        x = self._seed(step)
        self.beta.fill_(schedule.rate_weight(step, self.warmup_steps, self.options.beta))
        with trusting(), ranks.sharing(self.feed.batch_size):
            loss, totals = self.call(x, self.beta)
        loss.backward()
        norm = state.weights.gather()
        held = self._guard(loss.detach(), norm, step)
        options = self.options
        divisor = (norm / options.clip).clamp(min=1).float() if options.clip else None
        lr = schedule.learning_rate(step, self.steps, options.lr or 0.0, options.lr_warmup, options.schedule)
        state.totals += totals
        state.move(lr, divisor, held)

    def _guard(self, loss: Tensor, norm: Tensor, step: int) -> Tensor | None:
        """Keeps a non-finite loss or gradient from the weights; what it returns is the optimiser's `held`.

        A GPU's host need not wait for the loss: the optimiser is told, on the device, not to move from the first bad
        step on, and the host looks now and then.
        """
        if loss.device.type == "cpu":
            if not math.isfinite(float(loss) + float(norm)):
                raise self.explain(step)
            return None
        bad = ~(loss + norm).isfinite()
        self.failed = torch.where(bad & (self.failed < 0), step, self.failed)
        if step % LOOK_EVERY == 0:
            self.look()
        return (self.failed >= 0).float()

    def look(self) -> None:
        """Raises if a step so far was not finite."""
        step = int(self.failed)
        if step >= 0:
            raise self.explain(step)

    def explain(self, step: int) -> NonFiniteError:
        """Says where the failed step went wrong."""
        x, index = self._seed(step), self.feed.index(step)
        with ranks.sharing(self.feed.batch_size):
            return explain(self.state.vae, lambda: self.loss.score(x, self.beta), index, step)
