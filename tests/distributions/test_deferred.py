"""A deferred distribution against the one it stands for."""

import torch
from torch.distributions import Independent, Normal

from variate.distributions.deferred import Deferred


def test_it_is_the_distribution_and_made_only_when_needed():
    made = []

    def make():
        made.append(1)
        return Independent(Normal(torch.zeros(4, 3), 2.0), 1)

    own = make()
    made.clear()
    deferred = Deferred(make, lambda x: own.log_prob(x) + 1, (4,), (3,))
    x = torch.randn(4, 3)
    assert torch.equal(deferred.log_prob(x), own.log_prob(x) + 1), "its log-probabilities come the short way"
    assert not made
    assert (deferred.batch_shape, deferred.event_shape) == ((4,), (3,))
    assert torch.equal(deferred.mean, own.mean)
    assert torch.equal(deferred.variance, own.variance)
    assert deferred.has_rsample
    assert str(deferred.support) == str(own.support)
    for draw in ("sample", "rsample"):
        torch.manual_seed(0)
        expected = getattr(own, draw)((2,))
        torch.manual_seed(0)
        assert torch.equal(getattr(deferred, draw)((2,)), expected)
    assert deferred.expand((2, 4)).batch_shape == (2, 4)
    assert len(made) == 1
