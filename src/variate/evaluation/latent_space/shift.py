r"""Arithmetic with groups of rows: what tells one group from another is added to rows.

With m(x) the mean of q(z|x), the direction from one group to another is the difference of their mean places, and a
row is moved along it:

    direction = mean of m over plus - mean of m over minus,     z = m(x) + strength * direction.

What comes out need not look like data. log p(z) of the moved rows beside that of rows as they are says how far they
left.

References:
    Unsupervised representation learning with deep convolutional generative adversarial networks (Radford et al., 2016)
"""

from typing import NamedTuple

from torch import Tensor

from variate.config.moves import Strength
from variate.errors import InputError
from variate.evaluation.latent_space.positions import decoded_rows, positions, prior_density
from variate.limits import checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model


class Shifted(NamedTuple):
    """N rows that were moved.

    Attributes:
        rows: What stands where they were moved to, (N, *event), as for `Interpolation`.
        before: What stands where they were, (N, *event): their reconstructions.
        latents: Where they were moved to, (N, latents), float64.
        direction: From the one group to the other, (latents,), float64.
        log_prior: log p(z) where they were moved to, (N,), in nats, float64.
        log_prior_before: log p(z) where they were, (N,), in nats, float64.
    """

    rows: Tensor
    before: Tensor
    latents: Tensor
    direction: Tensor
    log_prior: Tensor
    log_prior_before: Tensor


@checked_arguments
@of_a_model
def shift(model: Model, x: Data, plus: Data, minus: Data, *, strength: Strength = 1.0) -> Shifted:
    """Rows moved by what tells one group of rows from another.

    Args:
        model: The model.
        x: The rows to move.
        plus: The group to move towards.
        minus: The group to move away from.
        strength: How far, in differences of the two groups.

    Raises:
        InputError: If rows are not what the model takes, or the groups have the same mean place.
    """
    rows, towards, away = model.dataset(x), model.dataset(plus, "plus"), model.dataset(minus, "minus")
    direction = positions(model, towards).mean.mean(0) - positions(model, away).mean.mean(0)
    if not direction.any():
        got = "two groups with the same mean in latent space"
        raise InputError("plus", "another group of rows than `minus`", got, "choose groups that differ")
    before, context = positions(model, rows).mean, rows.all().context
    latents = before + strength * direction
    return Shifted(
        decoded_rows(model, latents, context),
        decoded_rows(model, before, context),
        latents,
        direction,
        prior_density(model, latents, context),
        prior_density(model, before, context),
    )
