import numpy as np
import pytest
import torch
from scipy import stats

from refusals import refused
from variate.evaluation.scores.drift import distance, drift, holm
from variate.evaluation.scores.latent_density import LatentDensity
from variate.evaluation.scores.measures import ScoreSettings
from variate.evaluation.scores.reference import ReferenceScores


def scores(n, seed, shift=(0.0, 0.0, 0.0), missing=0.0):
    source = torch.Generator().manual_seed(seed)
    oddness = torch.randn(n, 3, generator=source) + torch.tensor(shift)
    oddness[torch.rand(n, generator=source) < missing, 1] = torch.nan
    bound, rate = torch.randn(2, n, generator=source)
    return ReferenceScores(ScoreSettings("bound", 16, 0), bound, rate, None, oddness)


@pytest.mark.parametrize("digits", [1, 8])
def test_the_distance_is_that_of_scipy(digits):
    x, y = torch.randn(70).round(decimals=digits), (torch.randn(50) + 0.3).round(decimals=digits)
    expected = stats.ks_2samp(x.numpy(), y.numpy(), method="asymp")
    found = distance(x, y)
    assert found[0] == pytest.approx(expected.statistic)
    assert found[1] == pytest.approx(stats.kstwobign.sf(expected.statistic * np.sqrt(70 * 50 / 120)))


def test_corrected_p_values_are_holm_s():
    # The example of Holm's procedure: the smallest is multiplied by 4, the next by 3, and none falls below one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_columns_that_moved_come_first_and_a_column_may_move_by_its_gaps():
    found = drift(scores(400, 1, shift=(0, 0, 1.0), missing=0.4), scores(300, 2))
    assert [moved.name for moved in found.rows] == ["bound", "rate"]
    assert [moved.name for moved in found.columns[:2]] in ([2, 1], [1, 2])
    assert all(moved.corrected < 1e-6 for moved in found.columns[:2])
    assert found.columns[2].corrected > 0.01
    assert found.p_value < 1e-6
    assert (found.num_new, found.num_held_out) == (400, 300)


def test_without_drift_few_tables_are_called_drifted():
    level, tables = 0.1, 200
    found = [drift(scores(60, 2 * i), scores(80, 2 * i + 1)).p_value <= level for i in range(tables)]
    assert np.mean(found) <= level + 4 * (level * (1 - level) / tables) ** 0.5


def test_equal_samples_have_no_distance():
    assert distance(torch.ones(5), torch.ones(7)) == (0.0, 1.0)


def test_scores_that_were_made_otherwise_are_not_compared():
    one, other = scores(20, 1), scores(20, 2)
    error = refused(drift, one._replace(settings=ScoreSettings("bound", 3, 0)), other)
    assert error.argument == "new"
    density = LatentDensity(torch.zeros(2), torch.eye(2))
    own = torch.randn(20)
    pair = [part._replace(settings=ScoreSettings("latent", 16, 0), own=own, latent=density) for part in (one, other)]
    assert [moved.name for moved in drift(*pair).rows] == ["bound", "rate", "latent"]
    pair[0] = pair[0]._replace(latent=LatentDensity(torch.ones(2), torch.eye(2)))
    assert [moved.name for moved in drift(*pair).rows] == ["bound", "rate"]
