"""What a finished run's numbers say is wrong with it, and what to do."""

from collections.abc import Iterator

from torch import Tensor

from variate.config.recipe import TrainingOptions
from variate.evaluation.diagnostics.latents import active_units
from variate.models.vae import VAE


def warnings(
    vae: VAE, rows: Tensor, num_rows: int, options: TrainingOptions, steps: int, stopped: str
) -> Iterator[str]:
    """One sentence for each thing that wants attention.

    Args:
        vae: The trained model.
        rows: Rows to judge it by, as they are.
        num_rows: Training rows in all.
        options: Of the run.
        steps: Taken.
        stopped: Why the run ended: "finished", "early" or "interrupted".
    """
    active = active_units(vae, rows)
    if not active.all():
        dead = (~active).nonzero().flatten().tolist()
        yield (
            f"{len(dead)} of {len(active)} latents are collapsed (they do not vary with x): "
            f"{', '.join(map(str, dead[:8]))}{' ...' if len(dead) > 8 else ''}; latent={max(1, int(active.sum()))} is "
            "enough for this data and likelihood, or use kl_warmup or free_bits to make more of them carry something"
        )
    warmup = options.kl_warmup * num_rows / (options.batch_size or num_rows)
    if stopped != "interrupted" and steps < warmup:
        yield (
            f"the run ended after {steps} steps, within its KL warm-up of {warmup:.0f}: the weight of the rate never "
            f"reached beta={options.beta}; train for more epochs or lower kl_warmup"
        )
    floored = vae.decoder.likelihood.floored()
    if floored is not None and floored.any():
        yield (
            f"sigma is at its floor in {int(floored.sum())} of {floored.numel()} dimensions, so the likelihood there "
            "is set by the floor and not by the data: such a dimension is constant or a copy of another; drop it"
        )
