"""All that one page says of a run: what is on record, and what is cheap to measure.

Each part is measured by itself, on a stated number of rows that does not depend on a clock. A part that cannot be
measured is left out, with the reason: data that are no longer there leave a page of what the run directory holds.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from variate.config.recipe import Recipe
from variate.data import Dataset, Splits
from variate.data.readers.builtin import BUILTIN
from variate.data.storage.base import evenly_spaced
from variate.errors import InputError, Sentence, VariateWarning
from variate.runs import Run
from variate.tasks.class_samples import ClassSamples, class_samples
from variate.tasks.drawn_columns import DrawnColumns, drawn_columns
from variate.tasks.extremes import Extremes, extremes
from variate.tasks.latent_map import LatentMap, latent_map
from variate.tasks.reconstruct import Reconstructions, reconstruct
from variate.tasks.sample import NewRows, sample
from variate.tasks.traverse import Traversed, move_latents

if TYPE_CHECKING:
    from variate.evaluation.diagnostics.calibration import Calibration
    from variate.evaluation.evaluate import Evaluation

T = TypeVar("T")

MAPPED_ROWS, SCORED_ROWS, DRAWN_ROWS, MOVED_ROWS = 3_000, 2_000, 5_000, 1_000
"""Most rows on the map, to look for odd ones among, to compare columns of, and to tell the rates of latents from."""
CALIBRATED_ROWS, CALIBRATED_NUMBERS = 200, 40_000
"""Most rows whose calibration is measured, and most elements of theirs."""
EVALUATED_NUMBERS = 2_000_000
"""Most elements of the rows that are evaluated where no evaluation is on record."""
SAMPLES, PAIRS, EXTREMES, LATENTS, STOPS = 48, 16, 9, 8, 7
"""New images, images with their reconstruction, rows of either end, and latents with the places of each."""
CLASSES, OF_A_CLASS = 10, 6
"""Contexts of a model with conditions, and rows of each."""
RELABELLED_ROWS = 20_000
"""Rows that are read once more for the sake of their labels, which were no part of the training."""


class LeftOut(NamedTuple):
    """A part that is not there.

    Attributes:
        what: The part, in words.
        why: Why it is not there.
    """

    what: str
    why: Sentence


class Overview(NamedTuple):
    """What is known of a run. A part that could not be had is None.

    Attributes:
        run: The run.
        splits: Its data, with labels where they have some.
        precision: The precision of the networks.
        record: The evaluation as JSON values, if there is one of this model; else `evaluation`.
        evaluation: The evaluation, if none was on record.
        samples: New rows; None for tables, which have `drawn` instead.
        pairs: Images of the test part with their reconstructions.
        extremes: The oddest and the likeliest rows of the test part.
        drawn: Real and drawn columns, of rows that are no images.
        classes: New rows of each context, of a model with conditions.
        map: Some rows on a plane.
        rates: How much each latent says about a row, in nats.
        latents: What the most informative ones do.
        calibration: Where the data lie in p(x|z).
        left_out: What could not be had, and why.
    """

    run: Run
    splits: Splits | None
    precision: str
    record: Mapping[str, Any] | None
    evaluation: "Evaluation | None"
    samples: NewRows | None
    pairs: Reconstructions | None
    extremes: Extremes | None
    drawn: DrawnColumns | None
    classes: ClassSamples | None
    map: LatentMap | None
    rates: tuple[float, ...] | None
    latents: Traversed | None
    calibration: "Calibration | None"
    left_out: tuple[LeftOut, ...]


def overview(run: Run, record: Mapping[str, Any] | None = None, seed: int = 0) -> Overview:
    """Measures what is cheap.

    Args:
        run: The run.
        record: An evaluation of its model that was just made, as JSON values; by default that of evaluation.json, if it
            is of this model.
        seed: Seed of all draws.

    Raises:
        InputError: If the model or a record cannot be read.
    """
    from variate.evaluation.evaluate import evaluate

    attempts = Attempts()
    precision, schema = run.use_precision(), run.recipe.schema
    record = record or record_of(run.evaluation, run.recipe)
    splits = attempts.have("the data", lambda: labelled(run))
    made: dict[str, Callable[[], Any]] = {
        "samples": lambda: sample(run, SAMPLES, seed=seed) if schema.is_image else None,
        "classes": lambda: class_samples(run, CLASSES, OF_A_CLASS, seed),
    }
    if splits is not None:
        made |= _of_data(run, splits, seed)
        if record is None:
            most = min(len(splits.test), max(1, EVALUATED_NUMBERS // schema.size))
            made["evaluation"] = lambda: evaluate(run.model, splits.test, num_rows=most, seed=seed)
    titles = {"samples": "new rows", "classes": "new rows of each condition", **OF_DATA}
    found = {name: attempts.have(titles[name], measure) for name, measure in made.items()}
    whole = dict.fromkeys(Overview._fields) | found
    return Overview(**whole | {"run": run, "splits": splits, "precision": precision, "record": record,
                               "left_out": tuple(attempts.left_out)})  # fmt: skip


OF_DATA = {
    "evaluation": "the evaluation",
    "pairs": "reconstructions",
    "extremes": "the oddest and the likeliest rows",
    "drawn": "real and drawn columns",
    "map": "the map of latent space",
    "rates": "the rate of each latent",
    "latents": "what each latent does",
    "calibration": "the calibration",
}
"""Parts that need the data, in words."""


def _of_data(run: Run, splits: Splits, seed: int) -> dict[str, Callable[[], Any]]:
    """How the parts are measured that need the data."""
    from variate.evaluation.diagnostics.calibration import calibration

    schema, test = run.recipe.schema, splits.test
    moved = test.select(evenly_spaced(len(test), MOVED_ROWS))
    start = test.select(np.arange(1)) if run.model.takes_context else None
    beside = splits.validation if schema.columns else None
    calibrated = max(1, min(CALIBRATED_ROWS, CALIBRATED_NUMBERS // schema.size, len(test)))
    made: dict[str, Callable[[], Any]] = {
        "extremes": lambda: extremes(run, test, beside, SCORED_ROWS, EXTREMES, seed),
        "map": lambda: latent_map(run, splits, MAPPED_ROWS),
        "rates": lambda: _rates(run, moved, seed),
        "latents": lambda: move_latents(run, moved, f"test part of {splits.name}", start, LATENTS, 3.0, STOPS, seed),
        "calibration": lambda: calibration(run.model, test, num_rows=calibrated, seed=seed),
    }
    if schema.is_image:
        return made | {"pairs": lambda: reconstruct(run, n=PAIRS)}
    return made | {"drawn": lambda: drawn_columns(run, splits, DRAWN_ROWS, seed)}


def _rates(run: Run, rows: Dataset, seed: int) -> tuple[float, ...]:
    """How much each latent says about a row, in nats."""
    from variate.evaluation.latent_space.positions import positions
    from variate.evaluation.latent_space.traverse import information

    checked = run.model.dataset(rows)
    return tuple(information(run.model, checked, positions(run.model, checked), seed).tolist())


class Attempts:
    """Has one part after the other, and remembers those that could not be had.

    Attributes:
        left_out: What could not be had, and why.
    """

    def __init__(self) -> None:
        self.left_out: list[LeftOut] = []

    def have(self, what: str, measure: Callable[[], T]) -> T | None:
        """What is measured; None if it cannot be.

        Args:
            what: The part, in words.
            measure: Measures it.
        """
        try:
            return measure()
        except InputError as error:
            self.left_out.append(LeftOut(what, error.sentence))
            return None


def labelled(run: Run) -> Splits:
    """The run's data; with labels that stand beside images and arrays where reading them again takes no time.

    Raises:
        InputError: If the data cannot be read, or have changed since.
    """
    splits, recipe = run.splits(), run.recipe
    total = len(splits.train) + len(splits.validation) + len(splits.test)
    is_quick = recipe.source in BUILTIN or (total <= RELABELLED_ROWS and splits.train.in_memory and recipe.source)
    if recipe.schema.columns or splits.test.labels is not None or recipe.schema.conditions or not is_quick:
        return splits
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VariateWarning)  # they were said when the rows were read first
        try:
            return run.splits("label")
        except InputError:  # there are no labels
            return splits


def record_of(record: Mapping[str, Any] | None, recipe: Recipe) -> Mapping[str, Any] | None:
    """A record of an evaluation, if it is of a model with this recipe and of its own data; else None."""
    if record is None or record.get("recipe") != recipe.digest:
        return None
    data = record.get("data")
    is_own = isinstance(data, Mapping) and data.get("fingerprint") == recipe.fingerprint
    return record if is_own else None
