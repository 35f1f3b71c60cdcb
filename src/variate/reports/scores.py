"""Scores of rows in a file, in words, and as a picture."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from variate.config.schema import Column, Schema
from variate.data.schema.naming import cell_called, name_called
from variate.data.schema.written import as_written
from variate.data.wording import plural
from variate.errors import Sentence, printable
from variate.evaluation.scores.drift import ColumnShift, Drift
from variate.evaluation.scores.score import false_alarms
from variate.limits import ScoreMethod
from variate.reports import pictures
from variate.reports.rows import grey_levels
from variate.tasks.score import OddRow, ScoredPiece, ScoreTally, Scoring

MEANINGS: dict[ScoreMethod, str] = {
    "bound": "how improbable the model finds a row",
    "importance": "how improbable the model finds a row, measured with many draws",
    "regret": "how much better the row could be described if the model looked at this row alone",
    "complexity": "how improbable the model finds an image, less what any image as busy would cost",
    "typicality": "how far a row is from being as probable as rows usually are",
    "latent": "how far a row lies from other rows in the model's hidden space",
    "combined": "how improbable the model finds a row, how far off it lies in the hidden space, and of images what any "
    "image as busy would cost, as one",
}
"""What each method looks at."""
FEW_CELLS, ODD_CELL = 3, 0.05
"""Cells of an odd row that are named, and the p-value up to which a cell is odd by itself."""
CLEAR = 0.01
"""Corrected p-value below which a change is called one."""
LISTED = 10
"""Columns of a drift that are listed."""
HEAT = np.array([[255, 255, 255], [255, 200, 80], [200, 30, 30], [60, 0, 40]])
"""Colours of a pixel, from expected to oddest."""


def score_columns(piece: ScoredPiece, schema: Schema, rate: float | None) -> Mapping[str, np.ndarray]:
    """The columns of the file for some rows.

    Args:
        piece: The rows.
        schema: What a row is.
        rate: The false-alarm rate at which rows are flagged; None adds no such column.
    """
    scores = piece.scores
    found = {"score": scores.score.numpy()}
    if scores.p_value is not None:
        found["p_value"] = scores.p_value.numpy()
        if rate is not None:
            found["odd"] = (scores.p_value <= rate).numpy()
    found |= {"bound": scores.bound.numpy(), "rate": scores.rate.numpy()}
    if any(column.kind != "real" for column in schema.columns):
        found["unseen"] = scores.unseen.numpy()
    if scores.nats is not None and len(schema.shape) == 1:
        found["remainder"] = scores.remainder.numpy()
        nats = scores.nats.double() if scores.gaps is None else scores.nats.double() + scores.gaps.double()
        found |= {f"nats {name}": own.numpy() for name, own in zip(names_of(schema), nats.unbind(1), strict=True)}
    return found


def names_of(schema: Schema) -> list[str]:
    """Names of the elements of rows that have one axis."""
    return [column.name for column in schema.columns] or [f"x{place}" for place in range(schema.shape[0])]


def what_was_scored(scoring: Scoring, name: str) -> Iterator[str]:
    """What was scored, and what it is ranked among.

    Args:
        scoring: The rows.
        name: What to call them.
    """
    reference, method = scoring.calibration.reference, scoring.settings.method
    rows = plural(scoring.num_rows, "row")
    yield f"scored {rows} of {name} by {method!r}: {MEANINGS[method]}; larger is odder"
    if reference is None:
        yield Sentence("no p-values, since the held-out rows are not there: ", scoring.calibration.reason or "")
    else:
        source = scoring.calibration.source
        yield f"ranked among {plural(reference.num_rows, 'row')} that the model was not fitted to ({source})"
    if scoring.is_own:
        yield "most of these rows were trained on: they look more ordinary to the model than new rows do"


def counts(tally: ScoreTally) -> Iterator[str]:
    """How many rows are flagged, and rows that are special."""
    scoring, reference = tally.scoring, tally.scoring.calibration.reference
    total = scoring.num_rows
    if tally.rate is not None and reference is not None:
        by_chance = f"of ordinary rows, at most {tally.rate:.2%} are flagged by chance"
        yield f"flagged {tally.flagged:,} of {plural(total, 'row')} ({tally.flagged / total:.2%}) as odd; {by_chance}"
        measured = false_alarms(reference, tally.rate)
        if measured is not None:
            expected = f"{measured.expected:.2%} ± {measured.stderr:.2%} expected"
            rows = plural(measured.num_rows, "row")
            yield f"of the {rows} of the test part, {measured.share:.2%} are flagged ({expected})"
        if tally.rate * (reference.num_rows + 1) < 1:
            needed = math.ceil(1 / tally.rate - 1e-9) - 1
            yield (
                f"at this rate no row can be flagged: that takes {needed:,} held-out rows, and there are only "
                f"{reference.num_rows:,}"
            )
    if tally.unseen:
        yield f"{plural(tally.unseen, 'row')} with a value that the column never had in training"
    if tally.empty:
        yield f"{plural(tally.empty, 'row')} without any known value: nothing in such a row can be odd"


def oddest_rows(tally: ScoreTally, schema: Schema) -> Iterator[str]:
    """The oddest rows, each with what made it odd."""
    if not tally.oddest:
        return
    number = len(tally.oddest)
    yield f"the oddest {'row' if number == 1 else plural(number, 'row')}, counting rows from 0:"
    for row in tally.oddest:
        where = f" ({printable(tally.scoring.names[row.number])})" if tally.scoring.names else ""
        yield f"  row {row.number:,}{where}, score {row.score:,.2f}{_rank(row, tally)}"
        if row.cell_p_value is not None:
            yield from (f"      {cell}" for cell in odd_cells(row, schema, tally))


def _rank(row: OddRow, tally: ScoreTally) -> str:
    """Where the row is among the held-out ones, in words."""
    reference = tally.scoring.calibration.reference
    if row.p_value is None or reference is None:
        return ""
    return f": {rank_in_words(row.p_value, reference.num_rows, 'held-out row')}"


def rank_in_words(p_value: float, number: int, noun: str) -> str:
    """How many of some rows or cells are at least as odd, from a p-value among them."""
    at_least = round(p_value * (number + 1)) - 1
    if not at_least:
        return f"odder than all {plural(number, noun)}"
    return f"{at_least:,} of {plural(number, noun)} {'is' if at_least == 1 else 'are'} at least as odd"


def odd_cells(row: OddRow, schema: Schema, tally: ScoreTally) -> Iterator[str]:
    """The cells that are odd by themselves, the oddest first."""
    reference = tally.scoring.calibration.reference
    assert row.cell_p_value is not None
    assert row.excess is not None
    assert row.is_unseen is not None
    assert reference is not None
    assert reference.oddness is not None
    known = (~reference.oddness.isnan()).sum(0).numpy()
    at_least = np.rint(row.cell_p_value * (known + 1)) - 1  # held-out cells of the column that are at least as odd
    order = np.lexsort((-row.excess, at_least / np.maximum(known, 1)))[:FEW_CELLS]
    odd = [int(place) for place in order if row.cell_p_value[place] <= ODD_CELL or row.is_unseen[place]]
    names = names_of(schema)
    for place in odd:
        said = rank_in_words(row.cell_p_value[place], int(known[place]), "held-out one")
        if row.is_unseen[place]:
            said = "a value that the column never had in training"
        yield f"{name_called(names[place])} is {cell_in_words(row, place, schema)}: {said}"
    if not odd:
        yield "no cell is odd by itself: it is how they come together"


def cell_in_words(row: OddRow, place: int, schema: Schema) -> str:
    """A cell as it stands in the table."""
    if not row.mask[place]:
        return "missing"
    column = schema.columns[place] if schema.columns else Column("", "real")
    if row.is_unseen is not None and row.is_unseen[place]:
        return "another value" if column.kind == "categorical" else f"{row.values[place]:.10g}"
    cell = as_written(np.array([row.values[place]], np.float64), column)[0]
    if isinstance(cell, str):
        return cell_called(cell)
    return f"{cell:.10g}" if isinstance(cell, float | int | np.number) else printable(str(cell))


def drift_in_words(found: Drift, schema: Schema) -> Iterator[str]:
    """Whether the data have changed, and what moved most."""
    pair = f"{found.num_new:,} new rows against {plural(found.num_held_out, 'held-out row')}"
    if found.p_value >= CLEAR:
        yield f"have the data changed? nothing that chance does not explain ({pair}; p = {found.p_value:.2g})"
    else:
        yield f"have the data changed? yes, beyond chance ({pair}; p = {found.p_value:.2g})"
    words = {
        "bound": "how probable the rows are",
        "rate": "how far they are from the middle of the hidden space",
        "regret": "how much the encoder is off",
        "complexity": "how probable they are for their busyness",
        "latent": "where they lie in the hidden space",
    }
    yield "how far each thing moved, from 0 (not at all) to 1 (no overlap), and the probability of that by chance:"
    for moved in found.rows:
        yield f"  {moved.distance:.3f}  p = {moved.corrected:<8.2g} rows as a whole: {words[str(moved.name)]}"
    names = names_of(schema) if found.columns else []
    for moved in found.columns[:LISTED]:
        yield f"  {moved.distance:.3f}  p = {moved.corrected:<8.2g} column {_column(moved, names)}"
    if len(found.columns) > LISTED:
        yield f"  and {plural(len(found.columns) - LISTED, 'column')} that moved less"


def _column(moved: ColumnShift, names: list[str]) -> str:
    assert isinstance(moved.name, int)
    return name_called(names[moved.name])


def odd_images(tally: ScoreTally, schema: Schema) -> Image.Image:
    """The oddest images, each above a map of its pixels: white is as expected, dark is odd."""
    originals = pictures.to_uint8(np.stack([row.values for row in tally.oddest]), grey_levels(schema))
    above = np.stack([np.moveaxis(pictures.opaque(image), -1, 0) for image in originals])
    costs = np.stack([-row.nats.sum(0) for row in tally.oddest if row.nats is not None])  # over the channels
    return pictures.paired_grid(above, heat(costs), columns=min(12, len(above)))


def heat(costs: np.ndarray) -> np.ndarray:
    """Costs of pixels, (N, H, W), in nats, as colours, (N, 3, H, W): from the least to the largest finite one."""
    finite = costs[np.isfinite(costs)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    place = np.clip((np.nan_to_num(costs, posinf=high) - low) / max(high - low, 1e-12), 0, 1) * (len(HEAT) - 1)
    return np.stack([np.interp(place, range(len(HEAT)), own) for own in HEAT.T], 1).astype(np.uint8)
