import itertools
import math

import pytest

from variate.training import schedule


def test_learning_rate_rises_to_its_peak_and_falls_to_zero():
    rates = [schedule.learning_rate(step, 1000, 2e-3, 0.1) for step in range(1001)]
    assert rates[0] == pytest.approx(2e-5)
    assert max(rates) == rates[99] == rates[100] == 2e-3
    assert rates[550] == pytest.approx(1e-3)  # half way down the half cosine
    assert rates[1000] == pytest.approx(0, abs=1e-18)
    assert all(a <= b for a, b in itertools.pairwise(rates[:100]))
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))


def test_rate_weight_rises_linearly_to_beta():
    assert [schedule.rate_weight(step, 4, 2.0) for step in (0, 1, 2, 4, 9)] == [0.0, 0.5, 1.0, 2.0, 2.0]
    assert schedule.rate_weight(0, 0, 0.7) == 0.7


def test_average_decay_forgets_the_start():
    # The weight left on the first weights after n steps is the product of the decays.
    left = math.prod(schedule.average_decay(step, 0.999) for step in range(200))
    assert left < 1e-9
    assert schedule.average_decay(10**6, 0.999) == 0.999
    assert schedule.average_decay(5, 0.0) == 0.0
