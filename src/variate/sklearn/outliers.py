"""Rows that the model finds improbable, as scikit-learn's outlier detectors find them."""

import numbers
from typing import Literal

import numpy as np
from sklearn.base import OutlierMixin
from sklearn.utils.validation import check_is_fitted

from variate.config.parts import LikelihoodName
from variate.config.recipe import Device, ModelOptions, Size, TrainingOptions
from variate.config.schema import Kind
from variate.data.dataset import Dataset
from variate.errors import InputError
from variate.limits import Decay, Samples
from variate.sklearn.base import ColumnKinds, RandomState, VariationalEstimator
from variate.sklearn.bounds import bounds

MOST_CONTAMINATION = 0.5
FENCE = 1.5
"""Interquartile ranges below the lower quartile at which "auto" draws the line."""


class VariationalOutlierDetector(OutlierMixin, VariationalEstimator):
    """Finds the rows whose probability under the model is lowest.

        VariationalOutlierDetector(contamination=0.01).fit_predict(X)    -1 for outliers, 1 for the others

    Parameters and attributes that are not listed here are those of `VariationalEstimator`.

    Args:
        contamination: Share of outliers in X, above 0 and at most 0.5; or "auto", which takes rows for outliers whose
            score is below the lower quartile by more than 1.5 interquartile ranges (Tukey's fence).
        num_samples: Posterior draws per row for the scores: 1 gives the ELBO, more the importance-weighted bound.

    Attributes:
        offset_: The score below which a row is an outlier, in nats.

    References:
        Exploratory data analysis (Tukey, 1977)
    """

    def __init__(
        self,
        *,
        contamination: float | Literal["auto"] = "auto",
        latent: Size | None = None,
        kind: Kind = "table",
        columns: ColumnKinds | None = None,
        likelihood: LikelihoodName | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        num_samples: Samples = 10,
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
        self.contamination, self.num_samples = contamination, num_samples

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> "VariationalOutlierDetector":
        """Fits a model to the rows of X, outliers among them, and draws the line.

        Args:
            X: An array (n_samples, n_features), or a data frame.
            y: Not used.
            sample_weight: Weights of the rows in training, (n_samples,). Rows of weight 0 are left out, also where the
                line is drawn; there, all others count the same.

        Raises:
            InputError: If X, a weight or a parameter cannot be used.
        """
        share = self._share()
        scores = self._scores(self._fit(X, sample_weight))
        if share is None:
            low, high = np.quantile(scores, [0.25, 0.75])
            self.offset_ = float(low - FENCE * (high - low))
        else:
            self.offset_ = float(np.quantile(scores, share))
        return self

    def score_samples(self, X: object) -> np.ndarray:
        """How normal each row of X is, (n_samples,): a bound on its log-probability, in nats."""
        check_is_fitted(self)
        return self._scores(self._rows(self._given(X, reset=False), any_numbers=True))

    def decision_function(self, X: object) -> np.ndarray:
        """The score of each row above the line, (n_samples,), in nats; negative for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: object) -> np.ndarray:
        """-1 for outliers and 1 for the other rows, (n_samples,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _scores(self, rows: Dataset) -> np.ndarray:
        """The scores of rows, (N,): the higher, the more normal."""
        return bounds(self.model_, rows, self._checked()["num_samples"])

    def _share(self) -> float | None:
        """The share of outliers that was asked for; None for "auto"."""
        share = self.contamination
        if isinstance(share, str) and share == "auto":
            return None
        if not isinstance(share, numbers.Real) or isinstance(share, bool) or not 0 < share <= MOST_CONTAMINATION:
            expected = f"'auto', or a number above 0 and at most {MOST_CONTAMINATION}"
            raise InputError("contamination", expected, repr(share))
        return float(share)
