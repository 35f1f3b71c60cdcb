"""What is done with rows: the functions that the command line and Python use, a stretch of rows at a time.

Between two stretches the work ends if nobody waits for the result any more. A row's result depends on the row alone, so
rows of several requests are computed together where that saves time. Gaps are filled for one request at a time, since
each row takes a thousand draws by itself, and so are new rows drawn, since one generator draws them in their order.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from variate.config.schema import Schema
from variate.data import Dataset
from variate.data.arrow_rows import to_arrow
from variate.data.schema.origin import as_they_came
from variate.errors import InputError
from variate.limits import Checked, ScoreMethod
from variate.runs import Run
from variate.runtime.finite import finite_rows
from variate.serve.answers import ROWS, Answer
from variate.serve.asked import ReadRequest
from variate.serve.given import NAME
from variate.serve.limits import ServeLimits, too_large
from variate.serve.options import (
    EmbedOptions,
    ImputeOptions,
    ReconstructOptions,
    SampleOptions,
    ScoreOptions,
)
from variate.serve.worker import QueuedJob, require_wanted

if TYPE_CHECKING:
    from variate.runs.calibration import KeptScores

STRETCH, SLOW_STRETCH = 1024, 16
"""Rows of a stretch; of a method of scoring that fits each row by itself."""
NUMBER_BYTES = 4
"""Bytes of a number of a row that is drawn, at least."""
Arrays = Mapping[str, np.ndarray]


class Ranking(NamedTuple):
    """How rows are scored.

    Attributes:
        method: What is measured.
        held_out: The rows that they are ranked among, measured in the same way.
    """

    method: ScoreMethod
    held_out: "KeptScores"


Rank = Callable[[ScoreMethod | None], Ranking]
"""How rows are scored by a method; by default by that of the model."""

TAKES: dict[str, type[Checked]] = {
    "embed": EmbedOptions,
    "reconstruct": ReconstructOptions,
    "score": ScoreOptions,
    "impute": ImputeOptions,
    "sample": SampleOptions,
}
"""The actions, and what they take besides rows."""


def per_row(action: str, run: Run, rows: Dataset, options: Checked, rank: Rank, jobs: Sequence[QueuedJob]) -> Arrays:
    """What an action gives for each row: arrays with one item per row.

    Args:
        action: One of `TOGETHER`.
        run: The run.
        rows: The rows, in memory.
        options: What the action takes.
        rank: Says how rows are scored.
        jobs: Who waits for it.

    Raises:
        InputError: If the rows are none for the model, or it gives numbers that are not finite.
        AbandonedError: If nobody waits any more.
    """
    parts: list[Arrays] = []
    size = SLOW_STRETCH if isinstance(options, ScoreOptions) and options.method == "regret" else STRETCH
    for stretch in _stretches(rows, size):
        require_wanted(jobs)
        parts.append(TOGETHER[action](run, stretch, options, rank))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _stretches(rows: Dataset, size: int) -> Iterator[Dataset]:
    """The rows, some at a time."""
    if len(rows) <= size:
        yield rows
        return
    for index in rows.stretches(size):
        yield rows.select(index)


def _embed(run: Run, rows: Dataset, options: Any, _rank: Rank) -> Arrays:  # noqa: ANN401
    mean, std = (part.flatten(1).numpy() for part in run.model.embed(rows))
    found = {"mean": mean, "std": std} if options.std else {"mean": mean}
    return {name: finite_rows(own, "the latent coordinates") for name, own in found.items()}


def _reconstruct(run: Run, rows: Dataset, _options: Any, _rank: Rank) -> Arrays:  # noqa: ANN401
    return {ROWS: finite_rows(run.model.reconstruct(rows).numpy(), "the reconstructions")}


def _score(run: Run, rows: Dataset, options: Any, rank: Rank) -> Arrays:  # noqa: ANN401
    from variate.evaluation.scores.measures import ScoreSettings, default_samples
    from variate.reports.scores import score_columns
    from variate.tasks.score import scored_pieces

    schema = run.recipe.schema
    if options.attribution and len(schema.shape) > 1:
        raise InputError("attribution", "a model of tables, or of arrays of one axis", "one of images", "leave it out")
    method, held_out = rank(options.method)
    settings = ScoreSettings(method, default_samples(method), 0)
    if options.fpr is not None and held_out.reference is None:
        raise InputError("fpr", "held-out rows to compare with", "none on this server", "leave it out")
    pieces = scored_pieces(run, rows, settings, held_out, options.attribution)
    found = [score_columns(piece, schema, options.fpr) for piece in pieces]
    return {name: np.concatenate([piece[name] for piece in found]) for name in found[0]}


TOGETHER: dict[str, Callable[[Run, Dataset, Any, Rank], Arrays]] = {
    "embed": _embed,
    "reconstruct": _reconstruct,
    "score": _score,
}
"""The actions whose result is one item per row, each a function of its row."""


def answer_of(action: str, arrays: Arrays, schema: Schema, notes: Sequence[str], by_columns: bool) -> Answer:
    """The answer that the arrays of a request's rows are.

    Args:
        action: One of `TOGETHER`.
        arrays: What `per_row` gave for the rows.
        schema: What rows of the model are.
        notes: What was assumed when the rows were read.
        by_columns: Whether JSON gives a table by columns.
    """
    beside = {"notes": list(notes)} if notes else {}
    if action == "embed" or (action == "reconstruct" and not schema.columns):
        return Answer(arrays, beside=beside)
    if action == "reconstruct":
        return Answer(table=to_arrow(arrays[ROWS], schema), beside=beside, by_columns=by_columns)
    return Answer(table=pa.table(dict(arrays)), beside=beside, by_columns=by_columns)


def imputed_answer(run: Run, read: ReadRequest, limits: ServeLimits) -> Answer:
    """Rows with their gaps filled: `variate.impute`.

    Args:
        run: The run.
        read: The request.
        limits: What it may cost.

    Raises:
        InputError: If the rows or the options cannot be used, or the model gives values that are not finite.
        AbandonedError: If nobody waits any more.
    """
    from variate.evaluation.conditional.impute import impute

    options, given, schema = read.options, read.given, run.recipe.schema
    assert isinstance(options, ImputeOptions)
    assert read.rows is not None
    if given.table is None:
        for option in ("std", "draws"):
            if getattr(options, option):
                raise InputError(option, "a table to use it on", "rows of another kind", "leave it out")
    size = given.num_rows * schema.size * 8 * (1 + (options.draws or 0))
    if size > limits.bytes:
        raise too_large("draws" if options.draws else NAME, limits.bytes, "bytes of filled values", f"{size:,}")
    found = impute(
        run.model,
        read.rows if given.table is None else given.table,
        fill=options.fill,
        draws=options.draws,
        std=options.std,
        num_samples=options.num_samples,
        seed=options.seed,
        advance=lambda _: require_wanted([read.job]),
    )
    ess = [None if np.isnan(value) else value for value in found.ess.tolist()]
    beside = {"ess": ess} | ({"notes": list(read.rows.notes)} if read.rows.notes else {})
    if found.table is None:
        return Answer({ROWS: found.rows.numpy()}, beside=beside)
    return Answer(table=found.table, beside=beside, by_columns=given.by_columns)


def sampled_answer(run: Run, read: ReadRequest, limits: ServeLimits) -> Answer:
    """New rows: `variate sample`.

    Args:
        run: The run.
        read: The request.
        limits: What it may cost.

    Raises:
        InputError: If an option cannot be used, or the model gives rows that are not finite.
    """
    from variate.tasks.sample import sample, with_context

    options, schema = read.options, run.recipe.schema
    assert isinstance(options, SampleOptions)
    if read.given.num_rows:
        raise InputError(NAME, "none, since rows are drawn", "some", "leave them out, or use another route")
    most = min(limits.max_rows, limits.bytes // (NUMBER_BYTES * schema.size))
    if options.n > most:
        raise too_large("n", most, "rows at a time", f"{options.n:,}")
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    found = sample(
        run,
        options.n,
        temperature=options.temperature,
        noise=options.noise,
        given=options.given,
        num_samples=options.num_samples,
        seed=seed,
    )
    beside: dict[str, Any] = {"seed": seed}
    if found.conditioned is not None:
        beside |= {"log_prob": found.conditioned.log_prob, "ess": found.conditioned.ess}
    if schema.columns:
        return Answer(table=to_arrow(*with_context(found, schema)), beside=beside)
    if found.context is not None:
        own = zip(schema.conditions, found.context.T, strict=True)
        beside["condition"] = {column.name: as_they_came(values, column).tolist() for column, values in own}
    return Answer({ROWS: found.rows}, beside=beside)


ALONE: dict[str, Callable[[Run, ReadRequest, ServeLimits], Answer]] = {
    "impute": imputed_answer,
    "sample": sampled_answer,
}
"""The actions that are done for one request at a time."""
