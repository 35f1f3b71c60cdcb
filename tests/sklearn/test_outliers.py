import numpy as np
import pytest

from estimators import FRAMES, SMALL, numbers
from examples import rng
from refusals import refused
from variate.sklearn import VariationalOutlierDetector

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")


def fitted(x, **changes):
    return VariationalOutlierDetector(**{**SMALL, **changes}).fit(x)


def test_planted_outliers_are_found():
    x = rng().normal(size=(200, 3))
    x[:5] += 9
    found = fitted(x, contamination=5 / 200, epochs=20)
    assert (found.predict(x)[:5] == -1).all()
    assert (found.predict(x) == -1).sum() == 5
    np.testing.assert_array_equal(found.fit_predict(x), found.predict(x))


def test_auto_is_tukeys_fence():
    x = numbers(200)
    found = fitted(x)
    scores = found.score_samples(x)
    low, high = np.percentile(scores, [25, 75])
    assert found.offset_ == pytest.approx(low - 1.5 * (high - low))
    np.testing.assert_allclose(found.decision_function(x), scores - found.offset_)
    np.testing.assert_array_equal(found.predict(x), np.where(scores < found.offset_, -1, 1))


def test_rows_of_weight_0_do_not_move_the_line():
    x = rng().normal(size=(100, 2))
    x[:20] += 100
    weights = np.where(np.arange(100) < 20, 0, 1)
    found = fitted(x).fit(x, sample_weight=weights)
    assert found.offset_ == pytest.approx(fitted(x[20:]).offset_)


@pytest.mark.parametrize("library", FRAMES)
def test_data_frames_are_taken(library):
    x = FRAMES[library]()
    assert set(fitted(x, contamination=0.1).predict(x)) == {-1, 1}


@pytest.mark.parametrize("contamination", [0, 0.6, -0.1, "automatic", None, True, float("nan")])
def test_a_share_that_is_none_is_refused(contamination):
    assert refused(fitted, numbers(), contamination=contamination).argument == "contamination"
