"""What a finished run's numbers say is wrong with it, and what to do."""

from collections.abc import Iterator, Sequence

from variate.config.defaults import latents
from variate.config.recipe import TrainingOptions
from variate.data.dataset import Dataset
from variate.errors import Option, Sentence
from variate.models.base import Model
from variate.statistics import active
from variate.training.validation import posterior_means

FEW = 1 / 8
"""A smaller share of latents that vary is a fault, whoever chose their number."""


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
    varies = active(posterior_means(model, data)).tolist()
    searched = model.recipe is not None and bool(model.recipe.compared_latents)
    yield from on_latents(varies, len(varies) if searched else latents(data.schema), searched)
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


def on_latents(varies: Sequence[bool], default: int, searched: bool = False) -> Iterator[Sentence]:
    """A sentence on latents that do not vary with x.

    The default number of latents is generous, since a latent that is not needed costs nothing. So if a model has that
    many, nothing is said unless less than one in eight varies, which means that it has hardly learned to use them. The
    one latent of a table of one column has nothing to learn. If the user chose another number, it is said that fewer
    would do; and where none varies, that this is right if the elements of a row have nothing to do with one another. A
    number that a search found is treated as the default, and it is not said that fewer would do, for they lost nats.

    Args:
        varies: Whether each latent's posterior mean varies with x.
        default: The number of latents that a model of these rows has if none was given, or that a search found.
        searched: Whether a search found it.
    """
    total, alive = len(varies), sum(varies)
    if alive == total or (total == default and (alive >= FEW * total or total == 1)):
        return
    dead = [str(number) for number, own in enumerate(varies) if not own]
    if alive and not searched:
        remedy: tuple[str | Option, ...] = (Option("latent", alive), " is enough for this data and likelihood, or use ")
    else:
        remedy = (
            "if the elements of a row have to do with one another, train for more ",
            Option("epochs"),
            ", or use ",
        )
    yield Sentence(
        f"{len(dead)} of {total} latents {'is' if len(dead) == 1 else 'are'} collapsed (no variation with x): "
        f"{', '.join(dead[:8])}{' ...' if len(dead) > 8 else ''}; ",
        *remedy,
        Option("kl_warmup"),
        " or ",
        Option("free_bits"),
        " to make more of them carry something",
    )
