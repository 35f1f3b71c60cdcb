"""scikit-learn's own checks of estimators."""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from estimators import SMALL
from variate.sklearn import VariationalAutoencoder, VariationalImputer, VariationalOutlierDetector

pytestmark = pytest.mark.filterwarnings("ignore")  # some checks warn on purpose, others are warned of small data

ESTIMATORS = [
    VariationalAutoencoder(**SMALL),
    VariationalImputer(**SMALL, num_samples=20),
    VariationalOutlierDetector(**SMALL),
]

MINIBATCHES = """Repeated rows are other data for training by minibatches: there are more of them, so an epoch has more
steps, batches have other rows, each copy has noise of its own, and others are held out. Weights and copies have the
same expected loss; that is tested in tests/training/test_row_weights.py."""


def expected_failures(estimator):
    """The checks that cannot be passed, and why; an imputer leaves observed values as they are, whatever it learnt."""
    if isinstance(estimator, VariationalImputer):
        return {}
    return {"check_sample_weight_equivalence_on_dense_data": MINIBATCHES}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


OF_NAMES = ("check_dataframe_column_names_consistency",)
OF_TRANSFORMERS = (
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
)
"""Checks that scikit-learn has for its own estimators alone."""


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_checks_of_scikit_learns_own_estimators(estimator):
    for name in (*OF_NAMES, *(OF_TRANSFORMERS if hasattr(estimator, "transform") else ())):
        getattr(estimator_checks, name)(type(estimator).__name__, estimator)
