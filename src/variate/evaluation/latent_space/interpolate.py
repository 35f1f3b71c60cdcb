"""Rows between rows: a path through latent space, decoded."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from variate.config.moves import Curve, PathSteps
from variate.errors import InputError
from variate.evaluation.latent_space.geodesics import LEAST_STEPS, Decode, draws_per_step, geodesic, path_energy
from variate.evaluation.latent_space.paths import linear, spherical
from variate.evaluation.latent_space.positions import decoded_rows, decoder, positions
from variate.limits import Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime.progress import progress


class Interpolation(NamedTuple):
    """A path through rows, with P points.

    Attributes:
        t: How far each point is along the path, (P,): 0 at the first row, 1 at the second, and so on.
        latents: The points, (P, latents), float64: at whole numbers t exactly the mean of q(z|x) of the row.
        rows: What stands there, (P, *event): E[x|z]; of tables, medians of numbers and most probable categories.
        energy: By how much p(x|z) changes from each row to the next, as the energy of the path in the Fisher-Rao
            metric, (rows - 1,), float64. A straight line in a space without curvature has the square of its length.
        straight_energy: The same of the straight lines, (rows - 1,), float64.
    """

    t: Tensor
    latents: Tensor
    rows: Tensor
    energy: Tensor
    straight_energy: Tensor


@checked_arguments
@of_a_model
def interpolate(
    model: Model,
    x: Data,
    *,
    curve: Curve = "linear",
    steps: PathSteps = 10,
    seed: Seed = 0,
    show_progress: bool = False,
) -> Interpolation:
    """Rows along a path through the places of given rows in latent space.

    Args:
        model: The model.
        x: The rows to pass through, in order, at least two.
        curve: "linear", "spherical" (around the centre of N(0, I)), or "geodesic": the path along which p(x|z) changes
            least, in steps of equal change.
        steps: Steps from each row to the next.
        seed: Seed of the draws that measure the change of p(x|z).
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        The path. A model that is conditional on a context decodes it under the context of the first row.

    Raises:
        InputError: If there is one row only, the rows are not what the model takes, or an option is out of range.

    References:
        Pulling back information geometry (Arvanitidis et al., 2022)
    """
    rows = model.dataset(x)
    if len(rows) < 2:
        raise InputError("x", "at least two rows, to go from one to the next", "one row")
    places = positions(model, rows).mean
    context = None if rows.context is None else rows.all().context
    first = None if context is None else context[:1]
    decoded_rows(model, places, context)  # which refuses what is not finite
    legs, energies = list[Tensor](), list[list[float]]()
    with evaluating(model), progress("finding paths", len(places) - 1, show_progress) as advance:
        decode = decoder(model, first)
        for start, end in pairwise(places):
            ends = start.to(model.device), end.to(model.device)
            leg, *found = _leg(decode, ends, curve, steps, draws_per_step(model), seed)
            legs.append(leg.cpu() if not legs else leg[1:].cpu())
            energies.append(found)
            advance(1)
    latents = torch.cat(legs)
    energy, straight = torch.tensor(energies, dtype=torch.float64).T
    t = torch.arange(len(latents), dtype=torch.float64) / steps
    own = None if first is None else first.expand(len(latents), *first.shape[1:])
    return Interpolation(t, latents, decoded_rows(model, latents, own), energy, straight)


def _leg(
    decode: Decode, ends: tuple[Tensor, Tensor], curve: Curve, steps: int, num_draws: int, seed: int
) -> tuple[Tensor, float, float]:
    """The path from one place to another, (steps + 1, latents), its energy and that of the straight line."""
    if curve == "geodesic":
        return geodesic(decode, *ends, steps, num_draws, seed)
    fineness = -(-LEAST_STEPS // steps)
    t = torch.linspace(0, 1, fineness * steps + 1, dtype=ends[0].dtype, device=ends[0].device)
    path = (spherical if curve == "spherical" else linear)(*ends, t)
    energies = [path_energy(decode, own, num_draws, seed) for own in (path, linear(*ends, t))]
    return path[::fineness], energies[0], energies[1]
