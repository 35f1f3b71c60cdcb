"""What is measured of single rows, before they are compared with others.

Everything here is a function of the row, the model and the settings alone: not of the batch, of the place of the row,
or of other rows. So rows may be measured in pieces, and held-out rows and new rows are exchangeable if the data are.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from variate.config.schema import Column, Schema
from variate.data.batch import Batch
from variate.errors import InputError
from variate.evaluation.scores.attribution import Attribution, Noise, attributed_elbo, attributed_importance
from variate.evaluation.scores.complexity import coded_nats, is_codable, require_codable
from variate.evaluation.scores.impossible import ScorableRows
from variate.evaluation.scores.latent_density import LatentDensity, posterior_place
from variate.evaluation.scores.regret import STEPS, regret
from variate.limits import ScoreMethod
from variate.models.base import Model
from variate.models.network import evaluating
from variate.runtime.device import reuse_freed_memory, rows_at_once
from variate.runtime.finite import TRAIN_AGAIN, finite_rows
from variate.runtime.progress import progress
from variate.runtime.random import Key, generator

DEFAULT_SAMPLES, IMPORTANCE_SAMPLES = 16, 100
"""Draws per row where their number is not said: for the ELBO, and for the importance-weighted bound."""
IN_LATENT_SPACE: tuple[ScoreMethod, ...] = ("latent", "combined")
"""Methods that need a density in latent space."""
COMBINED: tuple[ScoreMethod, ...] = ("latent", "complexity")
"""What the method "combined" measures besides the bound; the last of images of pixels only."""
MOST_COLUMNS = 1_000
"""Columns of a table whose cells are ranked, at most."""


class ScoreSettings(NamedTuple):
    """What decides a score besides the model and the row.

    Attributes:
        method: What is measured.
        num_samples: Posterior draws per row.
        seed: Seed of the draws.
    """

    method: ScoreMethod
    num_samples: int
    seed: int


class Measures(NamedTuple):
    """What was measured of N rows, on the CPU, in float64.

    Attributes:
        bound: ELBO, or for the method "importance" IW_K, (N,), in nats.
        rate: The cost of the latents, (N,), in nats.
        own: What the method measures besides, large where a row is odd: the regret, the complexity-corrected ratio, or
            minus the density in latent space, (N,); for the method "combined" the latter and, of images of pixels, the
            ratio, (N, 1 or 2). None for the other methods.
        remainder: What averaging importance weights leaves over, (N,), in nats.
        oddness: Of rows of columns, how odd each cell is in its column, (N, columns): minus its nats, inf for a
            value that was never seen or that its column cannot hold, NaN where there is no cell to judge. None for
            other rows.
        unseen: Number of cells with a category that was never seen in training, or a number that the column cannot
            hold, (N,).
        is_empty: Whether nothing is observed of a row, so that it cannot be odd, (N,).
        nats: log p of each element, (N, *event), in the model's type; None if it was not asked for.
        gaps: log p of each cell's being there or not, (N, columns); None if it is no part of a row, or not asked for.
    """

    bound: Tensor
    rate: Tensor
    own: Tensor | None
    remainder: Tensor
    oddness: Tensor | None
    unseen: Tensor
    is_empty: Tensor
    nats: Tensor | None
    gaps: Tensor | None


class Meter:
    """Measures rows.

    Args:
        model: The model.
        settings: What to measure.
        latent: The density in latent space, for the methods that need it.
        keep_elements: Give the nats of each element.
    """

    def __init__(
        self, model: Model, settings: ScoreSettings, latent: LatentDensity | None, keep_elements: bool
    ) -> None:
        self.model, self.settings, self.latent, self.keep_elements = model, settings, latent, keep_elements
        key = Key(generator(settings.seed), 1)
        self.noise: Noise = [n.to(model.device) for n in model.posterior_noise(key, settings.num_samples, 1)]
        self.schema = None if model.recipe is None else model.recipe.schema

    def batch_rows(self) -> int:
        """Rows at a time, so that a few draws of each fit."""
        return rows_at_once(math.prod(self.model.event_shape) * min(self.settings.num_samples, 16), self.model.device)

    def __call__(
        self, batch: Batch, schema: Schema, advance: Callable[[int], None], impossible: Tensor | None = None
    ) -> Measures:
        """Measures of a batch of rows, in evaluation mode.

        Args:
            batch: N rows on the model's device, checked before.
            schema: What they are.
            advance: Called with the number of rows, after each step of what takes several.
            impossible: Which cells have a number that their column cannot hold, (N, columns); None if none has.
        """
        size = math.prod(self.model.event_shape) * batch.num_rows
        tile = min(self.settings.num_samples, rows_at_once(size, self.model.device))
        bound_of = attributed_importance if self.settings.method == "importance" else attributed_elbo
        found = bound_of(self.model, batch, self.noise, tile)
        own = self._own(batch, found, tile, advance)
        columns = (self.schema or schema).columns
        is_unseen, bound = unseen_cells(batch, columns), _double(found.bound)
        is_empty = torch.zeros(batch.num_rows, dtype=torch.bool)
        if batch.mask is not None and found.gaps is None:
            is_empty = ~batch.mask.flatten(1).any(1).cpu()
        if impossible is not None:
            log_p = self.model.likelihood.log_misfit()
            found = found._replace(nats=found.nats.masked_fill(impossible.to(found.nats.device), log_p))
            bound = bound + torch.where(impossible, log_p, 0.0).sum(1, dtype=torch.float64)
            is_empty &= ~impossible.any(1)
            is_unseen = impossible.to(batch.x.device) if is_unseen is None else is_unseen | impossible.to(is_unseen)
        return Measures(
            bound,
            _double(found.rate),
            None if own is None else _double(own),
            _double(found.remainder),
            _oddness(found, batch.mask, is_unseen) if has_columns(self.model) else None,
            torch.zeros(batch.num_rows, dtype=torch.int64) if is_unseen is None else is_unseen.sum(1).cpu(),
            is_empty,
            found.nats.cpu() if self.keep_elements else None,
            found.gaps.cpu() if self.keep_elements and found.gaps is not None else None,
        )

    def _own(self, batch: Batch, found: Attribution, tile: int, advance: Callable[[int], None]) -> Tensor | None:
        """What the method measures besides the bound."""
        settings = self.settings
        if settings.method == "regret":
            return regret(self.model, batch, self.noise, tile, found.bound, settings.seed, advance)
        if settings.method == "complexity":
            return self._complexity(batch, found)
        if settings.method in IN_LATENT_SPACE:
            assert self.latent is not None
            odd = -self.latent.log_prob(posterior_place(self.model, batch))
            if settings.method == "latent":
                return odd
            return torch.stack([odd, *([self._complexity(batch, found)] if is_codable(self.schema) else [])], 1)
        return None

    @staticmethod
    def _complexity(batch: Batch, found: Attribution) -> Tensor:
        """The complexity-corrected ratio, (N,); -inf for images with missing pixels, of which no file can be made."""
        ratio = -found.bound.cpu().double() - coded_nats(batch.x)
        return ratio if batch.mask is None else ratio.masked_fill(~batch.mask.cpu().flatten(1).all(1), -torch.inf)


def measure(
    model: Model,
    possible: ScorableRows,
    settings: ScoreSettings,
    *,
    latent: LatentDensity | None = None,
    keep_elements: bool = False,
    batch_size: int | None = None,
    show_progress: bool = False,
) -> Measures:
    """Measures rows.

    Args:
        model: The model.
        possible: The rows, with their impossible cells apart.
        settings: What to measure, and how.
        latent: The density in latent space, for the methods that need it.
        keep_elements: Give the nats of each element.
        batch_size: Rows at a time; the default suits the size of a row.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If the rows or the model are none for the method, or a measure is not a number.
    """
    rows, impossible = possible
    if settings.method == "complexity":
        schema = rows.schema if model.recipe is None else model.recipe.schema
        require_codable(schema, rows.mask is not None and not rows.mask.all().all())
    meter = Meter(model, settings, latent, keep_elements)
    steps = STEPS if settings.method == "regret" else 1
    found = []
    reuse_freed_memory()
    with evaluating(model), progress("scoring", steps * len(rows), show_progress) as advance:
        for batch in rows.batches(batch_size or meter.batch_rows()):
            own = None if impossible is None else torch.from_numpy(impossible)[batch.rows]
            found.append(meter(batch.to(model.device), rows.schema, advance, own))
            if steps == 1:
                advance(batch.num_rows)
    joined = Measures._make(map(_joined, zip(*found, strict=True)))
    refuse_no_numbers(joined)
    return joined


def refuse_no_numbers(found: Measures) -> None:
    """Refuses what a model gives that has overflown; -inf is a number here: an impossible row has that bound.

    Raises:
        InputError: If there is such a row.
    """
    finite_rows(found.rate.numpy(), "the rate of the latents", TRAIN_AGAIN)
    finite_rows(torch.where(found.bound.isneginf(), 0, found.bound).numpy(), "the bound", TRAIN_AGAIN)
    if found.own is not None:
        finite_rows(torch.where(found.own.isinf(), 0, found.own).numpy(), "the scores", TRAIN_AGAIN)


def has_columns(model: Model) -> bool:
    """Whether a row has columns whose cells can be compared, not pixels; very wide rows have none."""
    return len(model.event_shape) == 1 and model.event_shape[0] <= MOST_COLUMNS


def unseen_cells(batch: Batch, columns: tuple[Column, ...]) -> Tensor | None:
    """Which cells have a category that was never seen, (N, columns); None where there are no categories."""
    if not any(column.kind == "categorical" for column in columns):
        return None
    most = [len(own.categories) if own.kind == "categorical" else math.inf for own in columns]
    found = batch.x >= torch.tensor(most, dtype=torch.float64, device=batch.x.device)
    return found if batch.mask is None else found & batch.mask


def _oddness(found: Attribution, mask: Tensor | None, is_unseen: Tensor | None) -> Tensor:
    """How odd each cell is; see `Measures`."""
    oddness = -(found.nats if found.gaps is None else found.nats + found.gaps)
    if mask is not None and found.gaps is None:
        oddness = oddness.masked_fill(~mask, torch.nan)
    if is_unseen is not None:
        oddness = oddness.masked_fill(is_unseen, torch.inf)
    return _double(oddness)


def _double(values: Tensor) -> Tensor:
    return values.double().cpu()


def _joined(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    """The parts of all batches one below the other; None where there are none."""
    known = [part for part in parts if part is not None]
    return torch.cat(known) if known else None


def default_method(schema: Schema | None, has_held_out: bool) -> ScoreMethod:
    """The method where none is named.

    "bound" fails for images, where a plain image is probable whatever it shows; `python -m benchmarks anomalies` has
    the measurements.

    Args:
        schema: What a row is, if that is known.
        has_held_out: Whether there are held-out rows to rank among.
    """
    return "combined" if has_held_out and is_codable(schema) else "bound"


def default_samples(method: ScoreMethod) -> int:
    """Draws per row of a method, where their number is not said."""
    return IMPORTANCE_SAMPLES if method == "importance" else DEFAULT_SAMPLES


def require_latent(settings: ScoreSettings, latent: LatentDensity | None) -> None:
    """Refuses a method that needs to know where other rows lie in latent space, or how probable they are.

    Raises:
        InputError: If that is not known.
    """
    if latent is None and settings.method in IN_LATENT_SPACE:
        expected = f"held-out rows, which method {settings.method!r} compares with"
        raise InputError("calibration", expected, "none", "give the splits that the model was trained on")
