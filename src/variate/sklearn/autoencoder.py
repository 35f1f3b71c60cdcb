"""A variational autoencoder as scikit-learn's transformers and density estimators are."""

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, DensityMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from variate.config.parts import LikelihoodName
from variate.config.recipe import Device, ModelOptions, Size, TrainingOptions
from variate.config.schema import Kind
from variate.errors import InputError
from variate.limits import Decay, Samples
from variate.models.network import evaluating
from variate.sklearn.base import MOST_SEEDS, ColumnKinds, RandomState, VariationalEstimator
from variate.sklearn.bounds import bounds, in_float64
from variate.sklearn.features import as_given, row_weights

ROWS_AT_A_TIME = 1024


class VariationalAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, VariationalEstimator):
    """Embeds rows, generates new ones, and says how probable rows are.

        VariationalAutoencoder(latent=2).fit_transform(X)          means of q(z|x)
        cross_val_score(VariationalAutoencoder(), X)               bounds on log p(x), in nats per row

    Rows may have gaps (NaN, or missing cells of a data frame): the model is trained on what is observed. Parameters and
    attributes that are not listed here are those of `VariationalEstimator`.

    Args:
        num_samples: Posterior draws per row for `score_samples`: 1 gives the ELBO, more the importance-weighted bound,
            which is closer to log p(x).
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
        self.num_samples = num_samples

    def fit(self, X: object, y: object = None, sample_weight: object = None) -> "VariationalAutoencoder":
        """Fits a new model to the rows of X.

        Args:
            X: An array (n_samples, n_features), or a data frame.
            y: Not used.
            sample_weight: Weights of the rows, (n_samples,); a row of weight 2 counts as two copies, and one of weight
                0 is left out. The kinds and scalings of the features are told from the rows without their weights.

        Raises:
            InputError: If X, a weight or a parameter cannot be used.
        """
        self._fit(X, sample_weight)
        return self

    def partial_fit(self, X: object, y: object = None, sample_weight: object = None) -> "VariationalAutoencoder":
        """Goes on training for one pass over the rows of X; a first call makes the model.

        The kinds, categories and scalings of the features stay those of the first call, so it should have rows of all
        sorts. No row is held out, the learning rate is constant, and each call starts with a new state of Adam.

        Args:
            X: As for `fit`.
            y: Not used.
            sample_weight: As for `fit`; the weights of a call are relative to one another.

        Raises:
            InputError: If X, a weight or a parameter cannot be used.
        """
        self._partial_fit(X, sample_weight)
        return self

    def transform(self, X: object) -> np.ndarray:
        """The posterior mean E[z|x] of each row of X, (n_samples, latent): deterministic."""
        check_is_fitted(self)
        return in_float64(self.model_).embed(self._rows(self._given(X, reset=False))).mean.numpy()

    def inverse_transform(self, X: object) -> Any:  # noqa: ANN401  an array or a data frame
        """E[x|z] of latents, in the form of the X of `fit`: an array, or a data frame of the same library.

        Of a category, the most probable one stands for the mean.

        Args:
            X: Latents, (n_samples, latent).
        """
        check_is_fitted(self)
        latents = check_array(X, dtype=np.float64, input_name="X")
        if latents.shape[1] != self.model_.num_latents:
            expected = f"{self.model_.num_latents} latents per row, as `transform` gives"
            raise InputError("X", expected, f"{latents.shape[1]}")
        found = []
        with evaluating(self.model_):
            for rows in torch.from_numpy(latents).split(ROWS_AT_A_TIME):
                z = rows.to(self.model_.device, self.model_.dtype).reshape(1, len(rows), *self.model_.groups[0].shape)
                found.append(self.model_.decode((z,)).mean.squeeze(0).cpu())
        return self._as_given(torch.cat(found).numpy())

    def score_samples(self, X: object) -> np.ndarray:
        """A lower bound on log p(x) of each row of X, (n_samples,), in nats.

        The score of a row does not depend on the other rows. For discrete features p(x) is a probability, else a
        density in the units of X.
        """
        check_is_fitted(self)
        rows = self._rows(self._given(X, reset=False), any_numbers=True)
        return bounds(self.model_, rows, self._checked()["num_samples"])

    def score(self, X: object, y: object = None, sample_weight: object = None) -> float:
        """The mean of `score_samples`, in nats per row; weighted, if weights are given."""
        scores = self.score_samples(X)
        return float(np.average(scores, weights=row_weights(sample_weight, len(scores))))

    def sample(self, n_samples: int = 1, random_state: RandomState = None) -> Any:  # noqa: ANN401
        """New rows, in the form of the X of `fit`: z from the prior, then x given z.

        Args:
            n_samples: Number of rows.
            random_state: Seed of the draws; None takes NumPy's global generator.
        """
        check_is_fitted(self)
        seed = int(check_random_state(random_state).randint(MOST_SEEDS))
        return self._as_given(self.model_.sample(n_samples, seed=seed).numpy())

    def _as_given(self, rows: np.ndarray) -> Any:  # noqa: ANN401
        """Rows as the model has them, in the form of the X of `fit`."""
        assert self.model_.recipe is not None
        return as_given(rows, self._schema, self._features, self.model_.recipe.model.gaps == "model")

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` gives."""
        return self.model_.num_latents
