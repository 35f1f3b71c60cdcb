"""What a finished run's numbers say is wrong with it, and what to do."""

from collections.abc import Iterator

from variate.config.recipe import TrainingOptions
from variate.data.dataset import Dataset
from variate.errors import Option, Sentence
from variate.models.base import Model
from variate.statistics import active
from variate.training.validation import posterior_means


def warnings(
    model: Model, data: Dataset, num_rows: int, options: TrainingOptions, steps: int, stopped: str
) -> Iterator[Sentence]:
    """One sentence for each thing that needs attention.

    Args:
        model: The trained model.
        data: Rows in memory to judge it by.
        num_rows: Number of training rows in all.
        options: Options of the run.
        steps: Number of steps taken.
        stopped: Why the run ended: "finished", "early" or "interrupted".
    """
    varies = active(posterior_means(model, data))
    if not varies.all():
        dead = (~varies).nonzero().flatten().tolist()
        some = (Option("latent", int(varies.sum())), " is enough for this data and likelihood, or ")
        yield Sentence(
            f"{len(dead)} of {len(varies)} latents are collapsed (they do not vary with x): "
            f"{', '.join(map(str, dead[:8]))}{' ...' if len(dead) > 8 else ''}; ",
            *(some if varies.any() else ()),
            "use ",
            Option("kl_warmup"),
            " or ",
            Option("free_bits"),
            " to make more of them carry something",
        )
    warmup = (options.kl_warmup or 0.0) * num_rows / (options.batch_size or num_rows)
    if stopped != "interrupted" and steps < warmup:
        yield Sentence(
            f"the run ended after {steps} steps, within its KL warm-up of {warmup:.0f}: the weight of the rate never "
            f"reached {options.beta}; train for more ",
            Option("epochs"),
            " or lower ",
            Option("kl_warmup"),
        )
    floored = model.likelihood.floored()
    if floored is not None and floored.any():
        yield Sentence(
            f"sigma is at its floor in {int(floored.sum())} of {floored.numel()} dimensions, so the likelihood there "
            "is set by the floor and not by the data: such a dimension is constant or a copy of another; drop it"
        )
