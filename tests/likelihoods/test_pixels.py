import math

import pytest
import torch
from scipy import stats

from variate.errors import InputError
from variate.likelihoods import DiscretizedLogistic, QuantizedGaussian


def masses(p_x, levels):
    return torch.stack([p_x.log_prob(torch.full(p_x.event_shape, k)) for k in range(levels)]).exp()


@pytest.mark.parametrize("make", [DiscretizedLogistic, QuantizedGaussian, lambda e, n: DiscretizedLogistic(e, n, 5)])
@pytest.mark.parametrize("levels", [2, 16, 256])
def test_masses_sum_to_one(make, levels):
    likelihood = make((1,), levels)
    p_x = likelihood(2 * torch.randn(50, *likelihood.out_shape))
    torch.testing.assert_close(masses(p_x, levels).sum(0), torch.ones(50), rtol=0, atol=1e-8)


def test_outputs_are_half_ranges_from_mid_grey():
    likelihood = QuantizedGaussian((1,), 256, "fixed", 3.0)
    p_x = likelihood(torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1))
    oracle = stats.norm(127.5, 3)
    expected = oracle.cdf(130.5) - oracle.cdf(129.5)
    torch.testing.assert_close(p_x.factor(0).loc.flatten(), torch.tensor([0.0, 127.5, 255.0]))
    assert p_x.log_prob(torch.tensor([130]))[1].exp().item() == pytest.approx(expected)


@pytest.mark.parametrize("make", [DiscretizedLogistic, QuantizedGaussian])
def test_a_fixed_sigma_is_the_standard_deviation_in_grey_levels(make):
    p_x = make((1,), 256, scale="fixed", sigma=9.0)(torch.zeros(1, 1))
    k = torch.arange(256.0)
    p = masses(p_x, 256).squeeze(-1)
    # rounding adds the variance of a uniform of width 1
    assert (p * (k - 127.5).square()).sum().item() == pytest.approx(81 + 1 / 12, rel=1e-4)


def test_outputs_are_weights_locations_and_scales_in_this_order():
    likelihood = DiscretizedLogistic((2,), 256, 3)
    assert likelihood.out_shape == (9, 2)
    outputs = torch.randn(5, 9, 2)
    p_x = likelihood(outputs).factor(0)
    torch.testing.assert_close(p_x.logits, outputs[:, :3])
    torch.testing.assert_close(p_x.loc, 127.5 * (1 + outputs[:, 3:6]))
    torch.testing.assert_close(p_x.log_scale, likelihood.scale(outputs[:, 6:]))
    assert DiscretizedLogistic((2,), 256, 3, "dimension").out_shape == (6, 2)
    assert DiscretizedLogistic((2,), 256, 1, "dimension").out_shape == (1, 2)


@pytest.mark.parametrize("levels", [2, 16, 256])
def test_scales_start_at_a_sixteenth_of_the_range_but_half_a_level_at_least(levels):
    scale = DiscretizedLogistic((1,), levels).scale(torch.zeros(()))
    assert scale.item() == pytest.approx(math.log(max(levels / 16, 0.5)))


def test_components_have_scales_of_their_own():
    for mode in ("shared", "dimension"):
        likelihood = DiscretizedLogistic((2,), 256, 3, mode)
        assert likelihood.scale(None).shape[0] == 3
        with torch.no_grad():
            likelihood.scale.raw[1, 0] = -9
        assert likelihood.floored().tolist() == ([True, True] if mode == "shared" else [True, False])


def test_what_cannot_be_is_rejected():
    for make in (DiscretizedLogistic, QuantizedGaussian):
        with pytest.raises(InputError) as error:
            make((1,), scale="optimal")
        assert (error.value.argument, error.value.got) == ("scale", "'optimal'")
        assert "scale='shared'" in error.value.remedy
        with pytest.raises(InputError) as error:
            make((1,), 1)
        assert (error.value.argument, error.value.got) == ("levels", "1")
    with pytest.raises(InputError) as error:
        DiscretizedLogistic((1,), mixtures=0)
    assert (error.value.argument, error.value.got) == ("mixtures", "0")
