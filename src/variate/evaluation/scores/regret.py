r"""Likelihood regret: how much better a row could be encoded if the encoder were fitted to this row alone.

    regret(x) = max_q ELBO(x; q) - ELBO(x; q_encoder)

over q in the encoder's family. The encoder has learned to be right for rows like those of training; on other rows it is
wrong by more, even where such rows are probable.

References:
    Likelihood regret: an out-of-distribution detection score for variational auto-encoder (Xiao et al., 2020)
"""

from collections.abc import Callable

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.errors import InputError
from variate.evaluation.diagnostics.posterior_fit import fit_batch
from variate.evaluation.scores.attribution import Noise, attributed_elbo
from variate.models.base import Model
from variate.runtime.random import RowStreams

STEPS, DRAWS = 100, 4
"""Steps of the optimiser for each row, and draws per step."""


def regret(
    model: Model,
    batch: Batch,
    noise: Noise,
    tile: int,
    bound: Tensor,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
) -> Tensor:
    """The regret of each row, (N,), in nats; infinite where no encoder helps, since the row is impossible.

    Args:
        model: The model, in evaluation mode.
        batch: N rows on its device, checked before.
        noise: Noise of the draws by which both bounds are estimated.
        tile: Draws at a time.
        bound: ELBO with the encoder's posterior, from the same noise, (N,).
        seed: Seed of the draws of the optimiser, which are the same for all rows.
        advance: Called after each step with the number of rows.

    Raises:
        InputError: If the model has several groups of latents, or a posterior that cannot be fitted to single rows.
    """
    streams = RowStreams(seed, [0] * batch.num_rows, "regret")
    fitted = fit_batch(model, batch, streams, "same", STEPS, DRAWS, advance)
    if fitted is None:
        expected = "another method for a model whose posterior cannot be fitted to single rows"
        raise InputError("method", expected, "'regret'", "use 'bound'")
    best = attributed_elbo(model, batch, noise, tile, [fitted]).bound
    return torch.where(bound.isneginf(), torch.inf, best - bound)
