"""Missing values filled, as scikit-learn's imputers fill them."""

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from variate.config.parts import LikelihoodName
from variate.config.recipe import Device, ModelOptions, Size, TrainingOptions
from variate.config.schema import Kind
from variate.data.conversion import is_frame
from variate.data.dataset import Dataset
from variate.data.readers.frames import Arrow
from variate.data.schema.columns import aside_words
from variate.data.schema.naming import column_called
from variate.data.wording import plural
from variate.errors import InputError
from variate.evaluation.conditional.impute import Imputed, impute
from variate.limits import ChainSteps, Decay, Fill, Samples
from variate.sklearn.base import ColumnKinds, Given, RandomState, VariationalEstimator
from variate.sklearn.features import array_of, frame_of, library_of
from variate.sklearn.marked import filled_with, is_gap, missing_cells, without_marked

EMPTY = 0
"""What a feature without any value is filled with, where it is kept."""
INDICATOR = "missingindicator_"
"""What the names of indicators begin with, as in scikit-learn."""


class VariationalImputer(OneToOneFeatureMixin, TransformerMixin, VariationalEstimator):
    """Fills what is missing from p(x_missing | x_observed), row by row; what is observed stays as it is.

        VariationalImputer().fit_transform(X)

    An array gives an array of float64, and a data frame one of the same library, with the same types. A feature with
    one value is filled with that value. Parameters and attributes that are not listed here are those of
    `VariationalEstimator`.

    Args:
        missing_values: What stands for a missing value: NaN (or None), or a number or a text; a NaN or an empty cell is
            missing, too.
        fill: What stands for a missing value: the "median" of what it may be, its "mean", the "mode", which is the most
            probable value, or a "draw".
        num_samples: Importance draws per row that is filled.
        num_steps: Steps of a Markov chain for rows with a small effective sample size. They make draws better
            calibrated (`variate.impute` takes 200), change medians and means little, and take most of the time.
        add_indicator: Add a feature for each one that had gaps in `fit`: whether its value was missing.
        keep_empty_features: Keep features without any value in `fit`, filled with 0; else they are left out.
    """

    def __init__(
        self,
        *,
        missing_values: object = np.nan,
        fill: Fill = "median",
        latent: Size | None = None,
        kind: Kind = "table",
        columns: ColumnKinds | None = None,
        likelihood: LikelihoodName | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        num_samples: Samples = 1000,
        num_steps: ChainSteps = 0,
        add_indicator: bool = False,
        keep_empty_features: bool = False,
        validation_fraction: Decay = 0.1,
        model_options: ModelOptions | None = None,
        training_options: TrainingOptions | None = None,
        device: Device | None = None,
        random_state: RandomState = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            latent=latent, kind=kind, columns=columns, likelihood=likelihood, epochs=epochs, batch_size=batch_size,
            lr=lr, validation_fraction=validation_fraction, model_options=model_options,
            training_options=training_options, device=device, random_state=random_state, verbose=verbose,
        )  # fmt: skip
        self.missing_values, self.fill = missing_values, fill
        self.num_samples, self.num_steps = num_samples, num_steps
        self.add_indicator, self.keep_empty_features = add_indicator, keep_empty_features

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> "VariationalImputer":
        """Fits a model to the rows of X.

        Args:
            X: An array (n_samples, n_features), or a data frame.
            y: Not used.
            sample_weight: Weights of the rows, (n_samples,); a row of weight 2 counts as two copies, and one of weight
                0 is left out.

        Raises:
            InputError: If X, a weight or a parameter cannot be used.
        """
        self._fit(X, sample_weight)
        return self

    def transform(self, X: Any) -> Any:  # noqa: ANN401  an array or a data frame
        """X without gaps.

        The draws behind a filled value depend on the number of its row and on `random_state`, so the same X gives the
        same values.

        Raises:
            InputError: If X cannot be used, or there is a gap in a feature that the model set aside and which has no
                single value.
        """
        check_is_fitted(self)
        given = self._given(X, reset=False)
        missing, is_table = self._missing(given, self._rows(given)), is_frame(X)
        if not isinstance(given, Arrow):
            return self._with_indicators(self._filled_array(given, missing), missing)
        table = self._filled_table(given.table, missing)
        if not is_table:
            return self._with_indicators(array_of(table), missing)
        table = table.select(self._kept())
        for place in self._indicated():
            table = table.append_column(INDICATOR + self._features.names[place], pa.array(missing[:, place]))
        frame = frame_of(table, library_of(X))
        if given.of_pandas:
            frame.index = X.index
        return frame

    def _with_indicators(self, values: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """The features that are kept, and beside them whether values were missing."""
        return np.hstack([values[:, self._kept()], missing[:, self._indicated()].astype(np.float64)])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """The names of the features that `transform` gives, those of indicators last.

        Args:
            input_features: The names of the features of X; None takes those of `fit`.
        """
        check_is_fitted(self)
        names = super().get_feature_names_out(input_features)
        return np.array([*names[self._kept()], *(INDICATOR + names[self._indicated()])], dtype=object)

    # What is missing.

    def _given(self, X: object, *, reset: bool) -> Given:
        given = super()._given(X, reset=reset)
        if is_gap(self.missing_values):
            return given
        if isinstance(given, Arrow):
            return given._replace(table=without_marked(given.table, self.missing_values))
        return np.where(given == self.missing_values, np.nan, given)

    def _first_rows(self, given: Given) -> Dataset:
        """Reads the rows, and remembers which features have gaps, which are empty, and which have a single value."""
        rows = super()._first_rows(given)
        missing = self._missing(given, rows)
        self._gaps = np.asarray(missing.any(axis=0))
        self._empty = np.asarray(missing.all(axis=0))
        self._constants: dict[str, Any] = {}
        if isinstance(given, Arrow):
            names = [own.name for own in rows.schema.aside if own.kind == "constant"]
            for name in (*names, *(own.name for own in rows.schema.columns if own.blank)):
                known = ~missing[:, given.table.column_names.index(name)]
                self._constants[name] = given.table.column(name).filter(pa.array(known))[0].as_py()
        return rows

    @staticmethod
    def _missing(given: Given, rows: Dataset) -> np.ndarray:
        """Which values are missing, (N, features)."""
        if isinstance(given, Arrow):
            return missing_cells(given.table, rows)
        return np.isnan(given) if given.dtype.kind == "f" else np.zeros(given.shape, bool)

    def _kept(self) -> list[int]:
        """Places of the features that `transform` gives."""
        keeps_all = self.keep_empty_features
        return [place for place, is_empty in enumerate(self._empty) if keeps_all or not is_empty]

    def _indicated(self) -> list[int]:
        """Places of the features that have an indicator."""
        return [place for place in self._kept() if self._gaps[place]] if self.add_indicator else []

    # What it is filled with.

    def _imputed(self, given: np.ndarray | pa.Table) -> Imputed:
        """The rows with the gaps filled that the model knows."""
        asked = self._checked()
        settings = {name: asked[name] for name in ("fill", "num_samples", "num_steps")}
        return impute(self.model_, given, **settings, seed=self._next_seed)

    def _filled_array(self, given: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Features that are all alike with their gaps filled."""
        values = given.astype(np.float64)
        values[missing] = self._imputed(given).rows.numpy()[missing]
        values[missing & self._empty] = EMPTY
        return values

    def _filled_table(self, given: pa.Table, missing: np.ndarray) -> pa.Table:
        """A table with its gaps filled, also those that are none to the model: of features that are set aside or ticks.

        Raises:
            InputError: If there is no value to fill them with.
        """
        table = self._imputed(given).table
        assert table is not None
        known = {own.name for own in self._schema.columns if not own.blank}
        for place in self._kept():
            name, own = table.column_names[place], missing[:, place]
            if name in known or not own.any():
                continue
            if not self._empty[place] and name not in self._constants:
                raise self._set_aside(name, int(own.sum()))
            value = EMPTY if self._empty[place] else self._constants[name]
            table = table.set_column(place, name, filled_with(table.column(place), own, value))
        return table

    def _set_aside(self, name: str, gaps: int) -> InputError:
        """The error about gaps in a feature that the model does not know."""
        (aside,) = (own for own in self._schema.aside if own.name == name)
        expected = f"a value in every row, since the model set this feature aside ({aside_words(aside)})"
        kind = "categorical" if aside.format is None else "real"
        remedy = f"give its kind, as in columns={{{name!r}: {kind!r}}}, or leave it out"
        return InputError(f"{column_called(name)} of X", expected, plural(gaps, "gap"), remedy)
