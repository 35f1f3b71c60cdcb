r"""Missing elements of rows, filled from p(x_missing | x_observed).

    p(x_m | x_o) = int p(x_m | z) p(z | x_o) dz

The latents are drawn given what is observed (`variate.evaluation.conditional`), and each missing element is filled with
what suits its loss: the mean, the median, the most probable value, or a draw. A draw has the spread of the data; the
others are smoother than any data.

References:
    MIWAE: Deep generative modelling and imputation of incomplete data sets (Mattei & Frellsen, 2019)
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.data.conversion import Frame, is_frame
from variate.data.dataset import Dataset, Splits
from variate.data.fillings import Fillings
from variate.data.readers.sources import read_original
from variate.errors import InputError, Option, Sentence
from variate.evaluation.conditional.chain import NUM_STEPS
from variate.evaluation.conditional.known import Known, draw_unknown, elements_of
from variate.evaluation.conditional.latents import Effort, draw_latents
from variate.evaluation.conditional.summaries import SPREAD, Unknown
from variate.limits import ChainSteps, Copies, Fill, Rows, Samples, Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data, table_reading
from variate.models.entry import of_a_model
from variate.models.network import evaluating
from variate.runtime import memory
from variate.runtime.device import reuse_freed_memory, rows_at_once
from variate.runtime.finite import TRAIN_AGAIN, finite_rows
from variate.runtime.progress import progress
from variate.runtime.random import RowStreams

if TYPE_CHECKING:
    import pyarrow

    from variate.data.readers.originals import Piece

STATES = 100
"""Draws of the latents from which a mean, a median, a mode and a standard deviation are computed."""

NOT_FINITE = (
    f"nothing was filled: {TRAIN_AGAIN}",
    Sentence("use ", Option("fill", "median"), ", since there may be no mean, or train the model again"),
)
"""What to do where a filled value is not finite; the second one for means."""


class Imputed(NamedTuple):
    """Rows whose missing elements are filled.

    Attributes:
        rows: The rows, (N, *event): what was observed as it was, the rest filled. Of the type of the data; means of
            whole numbers are float64.
        missing: Whether an element was missing and is filled, (N, *event).
        std: Standard deviation of each filled quantity given the observed elements of its row, and of a filled name the
            probability that another one than the most probable is right; 0 where observed. (N, *event), float64; None
            unless it was asked for.
        draws: Completed copies of the rows, each with draws of its own, (copies, N, *event); None unless asked for.
        ess: Effective sample size of the importance weights of each row, (N,); NaN where nothing was missing.
        is_chained: Whether the draws of a row were refined by a Markov chain, since even many draws did not do, (N,).
        acceptance: Share of the chain's proposals that were accepted, (N,); NaN where there was no chain.
        is_empty: Whether nothing of a row was observed, so that it is filled from the prior, (N,).
        table: Of a table in memory, the same table with its gaps filled and all else as it was; with `draws`, the
            completed copies below one another, and with `std`, a column for each that is filled. None for other data.
    """

    rows: Tensor
    missing: Tensor
    std: Tensor | None
    draws: Tensor | None
    ess: Tensor
    is_chained: Tensor
    acceptance: Tensor
    is_empty: Tensor
    table: "pyarrow.Table | None" = None


class Settings(NamedTuple):
    """How gaps are filled.

    Attributes:
        fill: What stands for a missing element.
        copies: Number of completed copies with draws of their own; 0 for none.
        std: Whether standard deviations are computed.
        effort: How much is computed.
        seed: Seed of all draws.
    """

    fill: Fill
    copies: int
    std: bool
    effort: Effort
    seed: int


@checked_arguments
@of_a_model
def impute(
    model: Model,
    data: Data,
    *,
    fill: Fill | None = None,
    draws: Copies | None = None,
    std: bool = False,
    num_samples: Samples = 1000,
    num_steps: ChainSteps = NUM_STEPS,
    batch_size: Rows | None = None,
    seed: Seed = 0,
    show_progress: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Imputed:
    """Fills the missing elements of rows.

    The random numbers of a row depend on the seed and on its number, so its values do not depend on the other rows.

    Args:
        model: The model.
        data: Rows, (N, *event): an array in which NaN, or what a masked array masks, is missing; a table in memory,
            such as a data frame; a data set with a mask; or splits, whose test part is taken.
        fill: "mean" has the least squared error, "median" the least absolute error, "mode" is the most probable value,
            and "draw" is a possible value, drawn with its probability. A name has no mean and no median; its most
            probable one stands for them. By default the median, which is a value that the element can have; with
            `draws`, draws.
        draws: Number of completed copies, each with draws of its own, for analyses that are repeated on all of them.
        std: Add the standard deviation of each filled element.
        num_samples: Importance draws per row, K; up to 16 K for rows with an effective sample size below 100.
        num_steps: Steps of the Markov chain for rows where that is not enough; 0 for none, and for exactly K draws.
        batch_size: Decoder passes at a time, which sets the memory; the default suits the size of a row.
        seed: Seed of all draws; the same seed gives the same values.
        show_progress: Show a progress bar on standard error, on a terminal.
        advance: Called with the number of rows that are done since the last call, instead of a progress bar; what it
            raises ends the work.

    Returns:
        The rows, and how well each could be filled.

    Raises:
        InputError: If a number is out of range, `draws` are to be filled with anything but draws, the rows are not what
            the model takes or do not fit in memory, or the model gives values that are not finite.

    References:
        MIWAE: Deep generative modelling and imputation of incomplete data sets (Mattei & Frellsen, 2019)
        Leveraging the exact likelihood of deep latent variable models (Mattei & Frellsen, 2018)
    """
    settings = settings_of(
        model, fill, draws, std=std, num_samples=num_samples, num_steps=num_steps, batch_size=batch_size, seed=seed
    )
    piece = _piece(model, data) if is_frame(data) else None
    rows = _with_gaps(model, data) if piece is None else model.dataset(piece.rows)
    with progress("filling gaps", len(rows), show_progress and advance is None) as on_bar:
        found = fill_gaps(model, rows, settings, advance or on_bar)
    return found if piece is None else found._replace(table=_filled_table(piece, found, settings.copies))


def _piece(model: Model, table: Frame) -> "Piece":
    """A table in memory as it came, beside its rows as the model takes them.

    Raises:
        InputError: If it is not what the model takes.
    """
    options, schema = table_reading(model, "x")
    (piece,) = read_original(table, options, schema).pieces()
    return piece


def _filled_table(piece: "Piece", found: Imputed, copies: int) -> "pyarrow.Table":
    """A table with its gaps filled."""
    import pyarrow

    from variate.data.filled_tables import filled_tables

    places = tuple(found.missing.any(0).nonzero().flatten().tolist())
    return pyarrow.concat_tables(filled_tables(piece, fillings(found, places, copies)))


def fillings(found: Imputed, places: tuple[int, ...], copies: int) -> Fillings:
    """What the gaps of rows of a table are filled with.

    Args:
        found: The filled rows.
        places: Which columns have gaps, in these or in other rows of the table.
        copies: Number of completed copies; 0 for the rows alone.
    """
    values = found.rows.unsqueeze(0) if found.draws is None else found.draws
    std = None if found.std is None else found.std.numpy()
    return Fillings(values.double().numpy(), found.missing.numpy(), places, std, tuple(range(1, copies + 1)))


def settings_of(
    model: Model,
    fill: Fill | None,
    draws: int | None,
    *,
    std: bool,
    num_samples: int,
    num_steps: int,
    seed: int,
    batch_size: int | None = None,
) -> Settings:
    """The settings that options of `impute` stand for.

    Raises:
        InputError: If `draws` are to be filled with anything but draws.
    """
    if draws is not None and fill not in (None, "draw"):
        remedy = Sentence("leave out ", Option("draws"), f", since all copies would be the same with {fill!r}")
        raise InputError("fill", Sentence("'draw', with ", Option("draws")), repr(fill), remedy)
    chosen: Fill = fill or ("median" if draws is None else "draw")
    copies = draws or 0
    states = max(STATES, copies) if std or chosen != "draw" else max(1, copies)
    at_once = batch_size or rows_at_once(math.prod(model.event_shape), model.device)
    return Settings(chosen, copies, std, Effort(num_samples, states, num_steps, at_once), seed)


def fill_gaps(
    model: Model, rows: Dataset, settings: Settings, advance: Callable[[int], None], first: int = 0
) -> Imputed:
    """Fills the missing elements of rows that were checked.

    Args:
        model: The model.
        rows: The rows, in memory.
        settings: How.
        advance: Called with the number of rows that are done.
        first: Number of the first row.

    Raises:
        InputError: If the result does not fit in memory, or the model gives values that are not finite.
    """
    whole = rows.all()
    size = (4 + settings.copies) * whole.x.numel() * 8
    argument = "draws" if settings.copies else "data"
    memory.require(size, argument, "filled rows that fit", "give fewer rows, or fewer copies, at a time")
    mask = torch.ones_like(whole.x, dtype=torch.bool) if whole.mask is None else whole.mask
    found = _start(whole.x, mask, settings)
    has_gaps = (~mask).flatten(1).any(1)
    advance(int((~has_gaps).sum()))
    which = has_gaps.nonzero().flatten()
    reuse_freed_memory()
    with evaluating(model):
        for block in which.split(max(1, settings.effort.batch_size // settings.effort.num_draws)):
            if len(block):
                _fill_block(model, rows.take(block.numpy()), first, found, settings)
                advance(len(block))
    return found


def _with_gaps(model: Model, data: Data) -> Dataset:
    """The rows as a checked data set in memory, with a mask where something is missing.

    Raises:
        InputError: If they are not what the model takes, or do not fit in memory.
    """
    data = data.test if isinstance(data, Splits) else data
    if not isinstance(data, Dataset):
        return model.dataset(data)
    if not data.in_memory:  # of which the model would take a sample
        memory.require(len(data) * math.prod(data.shape) * data.x.dtype.itemsize, data.name or "data")
        data = data.select(np.arange(len(data)))
    return model.dataset(data)


def _start(x: Tensor, mask: Tensor, settings: Settings) -> Imputed:
    """The result before anything is filled."""
    rows = x.double() if settings.fill == "mean" and not x.is_floating_point() else x.clone()
    nan = torch.full((len(x),), math.nan, dtype=torch.float64)
    return Imputed(
        rows=rows,
        missing=~mask,
        std=torch.zeros(x.shape, dtype=torch.float64) if settings.std else None,
        draws=rows.expand(settings.copies, *rows.shape).clone() if settings.copies else None,
        ess=nan,
        is_chained=torch.zeros(len(x), dtype=torch.bool),
        acceptance=nan.clone(),
        is_empty=~mask.flatten(1).any(1),
    )


def _fill_block(model: Model, batch: Batch, first: int, found: Imputed, settings: Settings) -> None:
    """Fills some rows of the result.

    Raises:
        InputError: If the model gives values that are not finite.
    """
    assert batch.rows is not None
    place, batch = batch.rows, batch.to(model.device)
    numbers, known = place + first, Known(batch, has_gaps=True)
    drawn = draw_latents(model, known, settings.seed, settings.effort, rows=numbers)
    streams = RowStreams(settings.seed, numbers.tolist(), "imputed")
    outputs = model.outputs_at(drawn.latents, batch.context)
    per_state = SPREAD if settings.std or settings.fill == "median" else 1
    draws = draw_unknown(model.likelihood, outputs, known, streams, per_state)
    is_quantity = model.likelihood.is_quantity().to(batch.x.device)
    unknown = Unknown(elements_of(model.likelihood, outputs), known, draws, is_quantity)
    summary = unknown.summary(settings.fill, settings.std)
    finite_rows(summary.value.cpu().numpy(), "the filled values", NOT_FINITE[settings.fill == "mean"], numbers.numpy())
    found.rows[place] = summary.value.to(found.rows)
    if found.std is not None and summary.std is not None:
        found.std[place] = summary.std.cpu()
    if found.draws is not None:
        found.draws[:, place] = draws[0, : len(found.draws)].to(found.draws)
    found.ess[place], found.is_chained[place] = drawn.ess.cpu(), drawn.is_chained.cpu()
    found.acceptance[place] = drawn.acceptance.cpu()
