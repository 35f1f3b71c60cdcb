"""What the estimators share: their parameters, how a model is fitted to X, and how a fitted estimator is saved."""

import dataclasses
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import validate_data

from variate.config.parts import LikelihoodName
from variate.config.recipe import DataOptions, Device, ModelOptions, Size, TrainingOptions
from variate.config.run_files import MODEL_FILE
from variate.config.schema import ColumnKind, Kind, Schema
from variate.data.arrays import PIXEL_LEVELS, from_arrays
from variate.data.conversion import is_frame
from variate.data.dataset import Dataset
from variate.data.readers.frames import Arrow, as_arrow, source_of_arrow
from variate.data.schema.fits import open_numbers
from variate.data.storage.in_memory import InMemory
from variate.errors import InputError
from variate.limits import Decay, argument_rules, checked
from variate.models.base import Model
from variate.models.build import build
from variate.models.load import load
from variate.sklearn.features import Features, library_of, row_weights, table_of
from variate.training import fit

LEAST_ROWS = 2
"""Rows below which `fit` refuses."""
ONE_PASS = {"epochs": 1, "schedule": "constant", "lr_warmup": 0.0, "ema": 0.0, "kl_warmup": 0.0, "patience": 0}
"""Training options of a call of `partial_fit`: one pass at the full learning rate."""
MOST_SEEDS = 2**31 - 1

ColumnKinds = Mapping[str, ColumnKind] | Iterable[tuple[str, ColumnKind]]
"""Kinds of columns, by name."""
RandomState = int | np.random.RandomState | None
"""What scikit-learn takes as a seed."""
Given = Arrow | np.ndarray
"""X once it was checked: a table, or an array where the features are all alike."""


class VariationalEstimator(BaseEstimator):
    """A model of the rows of X, which `fit` makes.

    Parameters are checked by `fit` and not before, as scikit-learn asks.

    Args:
        latent: Number of latent dimensions; None chooses it from the number of features.
        kind: What X holds. "table": each feature is of a kind of its own, told from its values. "real", "counts",
            "binary" or "pixels": all features are alike, as in spectra or flattened images; X then holds numbers alone.
        columns: Kinds of features of a table, as {name: kind}, where they are not what the values look like. The
            features of an array are called x0, x1, ...
        likelihood: p(x|z); None chooses the one that suits the data.
        epochs: Passes over the training rows; None takes as many as take a few minutes on two cores.
        batch_size: Rows per step, or all training rows if there are fewer.
        lr: Peak learning rate of Adam.
        validation_fraction: Fraction of the rows that are not trained on, but choose the best weights; with 0, or too
            few rows for one of them, the last weights are kept.
        model_options: Further options of the model; the parameters above that are not None are put over them.
        training_options: Further options of the training, likewise.
        device: "cpu", "cuda" or "auto".
        random_state: Seed of the weights, of the choice of validation rows, and of training.
        verbose: Show progress on standard error.

    Attributes:
        model_: The model, a `variate.VAE`.
        history_: How its training went, a `variate.training.History`.
        notes_: What was assumed about the features, one sentence each.
        n_features_in_: Number of features.
        feature_names_in_: Their names, if they are texts.
    """

    def __init__(
        self,
        *,
        latent: Size | None = None,
        kind: Kind = "table",
        columns: ColumnKinds | None = None,
        likelihood: LikelihoodName | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        validation_fraction: Decay = 0.1,
        model_options: ModelOptions | None = None,
        training_options: TrainingOptions | None = None,
        device: Device | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        self.latent, self.kind, self.columns, self.likelihood = latent, kind, columns, likelihood
        self.epochs, self.batch_size, self.lr = epochs, batch_size, lr
        self.validation_fraction = validation_fraction
        self.model_options, self.training_options = model_options, training_options
        self.device, self.random_state, self.verbose = device, random_state, verbose

    # From X to rows.

    def _given(self, X: object, *, reset: bool) -> Given:
        """X as a table, or as an array where the features are all alike.

        Args:
            X: An array or a data frame.
            reset: Whether it is the X of a first call, which decides the number of features and their names.
        """
        is_table = (self.kind if reset else self._schema.kind) == "table"
        if is_table and is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            found = as_arrow(X)
            if reset:
                self._features = Features(tuple(found.table.column_names), library_of(X))
            return found._replace(table=found.table.rename_columns(list(self._features.names)))
        values = validate_data(self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan")
        if reset:
            self._features = Features(tuple(f"x{place}" for place in range(values.shape[1])), "numpy")
        return Arrow(table_of(values, self._features.names), False) if is_table else values

    def _first_rows(self, given: Given) -> Dataset:
        """The rows of a first call, from whose values it is told what a row is."""
        if isinstance(given, Arrow):
            return source_of_arrow(given, DataOptions(columns=self._column_kinds()), None).dataset
        levels = PIXEL_LEVELS if self.kind == "pixels" else 0
        return from_arrays(given, schema=Schema(self.kind, given.shape[1:], levels=levels), name="X")

    def _rows(self, given: Given, *, any_numbers: bool = False) -> Dataset:
        """The rows of a later call, read as what the model takes.

        Args:
            given: X.
            any_numbers: Whether bits and counts may be any numbers, as for scores.
        """
        if isinstance(given, Arrow):
            schema = open_numbers(self._schema) if any_numbers else self._schema
            return source_of_arrow(given, DataOptions(), schema).dataset.replace(schema=self._schema)
        return from_arrays(given, schema=self._schema, name="X")

    def _column_kinds(self) -> tuple[tuple[str, ColumnKind], ...]:
        """The kinds of columns that were given."""
        try:
            return tuple(dict(self.columns or {}).items())
        except (TypeError, ValueError):
            raise InputError("columns", "a dict such as {'age': 'counts'}", repr(self.columns)) from None

    @property
    def _schema(self) -> Schema:
        """What a row of the fitted model is."""
        assert self.model_.recipe is not None
        return self.model_.recipe.schema

    # From rows to a model.

    def _checked(self) -> dict[str, Any]:
        """The parameters whose values their annotations state.

        Raises:
            InputError: For the first that cannot be used.
        """
        rules = argument_rules(type(self).__init__)
        return {name: checked(name, getattr(self, name), rule) for name, rule in rules.items()}

    def _seed(self) -> int:
        """The seed that `random_state` stands for."""
        if isinstance(self.random_state, int | np.integer) and self.random_state >= 0:
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(MOST_SEEDS))

    def _fit(self, X: object, sample_weight: object) -> Dataset:
        """Fits a new model to X; returns its rows, without those of weight 0."""
        fraction, seed = self._checked()["validation_fraction"], self._seed()
        self.__dict__.pop("model_", None)  # a fit that fails leaves nothing that seems to be fitted
        rows = self._weighted_rows(X, sample_weight, reset=True)
        held_out = round(len(rows) * fraction)
        order = np.random.default_rng(seed).permutation(len(rows))
        train, validation = (rows.select(np.sort(part)) for part in np.split(order, [len(rows) - held_out]))
        self._train(self._built(train, seed), train, validation if held_out else None)
        return rows

    def _partial_fit(self, X: object, sample_weight: object) -> None:
        """Goes on with the model for one pass over X; the first call makes it."""
        self._checked()
        is_first = not hasattr(self, "model_")
        rows = self._weighted_rows(X, sample_weight, reset=is_first)
        self._train(self._built(rows, self._seed()) if is_first else self.model_, rows, None, **ONE_PASS)

    def _weighted_rows(self, X: object, sample_weight: object, *, reset: bool) -> Dataset:
        """The rows of X with their weights; those of weight 0 are left out."""
        given = self._given(X, reset=reset)
        count = given.table.num_rows if isinstance(given, Arrow) else len(given)
        weights = row_weights(sample_weight, count)
        if weights is not None:
            given, count = _some(given, weights > 0), int((weights > 0).sum())
        if reset and count < LEAST_ROWS:
            got = f"{count} sample{'s' * (count != 1)}"
            raise InputError("X", f"at least {LEAST_ROWS} samples (rows)", got, "give more rows")
        rows = self._first_rows(given) if reset else self._rows(given)
        return rows if weights is None else rows.replace(weight=InMemory(weights[weights > 0]))

    def _built(self, train: Dataset, seed: int) -> Model:
        """A new model, untrained."""
        options = _over(self.model_options or ModelOptions(), latent=self.latent, likelihood=self.likelihood)
        self._next_seed, self.notes_ = seed, train.notes
        return build(train, options, seed=seed)

    def _train(self, model: Model, train: Dataset, validation: Dataset | None, **fixed: Any) -> None:  # noqa: ANN401
        """Trains a model, which then is the estimator's.

        Raises:
            KeyboardInterrupt: If the user ended the training.
        """
        options = _over(self.training_options or TrainingOptions(), epochs=self.epochs, lr=self.lr, device=self.device)
        options = _over(options, seed=self._next_seed, batch_size=self.batch_size, **fixed)
        if options.batch_size is not None:
            options = _over(options, batch_size=min(options.batch_size, len(train)))
        self.history_ = fit(model, train, validation, options, show_progress=self.verbose)
        if self.history_.stopped == "interrupted":  # `fit` ends well at Ctrl-C, but a search must not go on
            raise KeyboardInterrupt
        self.model_, self._next_seed = model, self._next_seed + 1

    # What scikit-learn asks of every estimator.

    def __sklearn_tags__(self) -> Tags:
        """What the estimator can do: X may have gaps. The tag of categories is for those that take nothing else."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a model."""
        return hasattr(self, "model_")

    def __getstate__(self) -> dict[str, Any]:
        """The parameters and what was learnt, the model as the bytes of its own file."""
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _file_of(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restores what `__getstate__` gave; the model is on the CPU."""
        if "model_" in state:
            state = {**state, "model_": _model_of(state["model_"])}
        super().__setstate__(state)


def _some(given: Given, which: np.ndarray) -> Given:
    """Some of the rows.

    Args:
        given: The rows.
        which: True for those that are kept, (N,).
    """
    if isinstance(given, Arrow):
        return given._replace(table=given.table.filter(pa.array(which)))
    return given[which]


def _over(options: Any, **given: Any) -> Any:  # noqa: ANN401  options of one class, with values of any types
    """The options with the parameters that were given put over them."""
    return dataclasses.replace(options, **{name: value for name, value in given.items() if value is not None})


def _file_of(model: Model) -> bytes:
    """The bytes of a model's file."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder) / MODEL_FILE)
        return path.read_bytes()


def _model_of(file: bytes) -> Model:
    """The model in the bytes of a file; no code of it is run."""
    with tempfile.TemporaryDirectory() as folder:
        (path := Path(folder) / MODEL_FILE).write_bytes(file)
        return load(path)
