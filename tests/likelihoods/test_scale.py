import math

import pytest
import torch
from torch.autograd import gradcheck

from variate.errors import InputError
from variate.likelihoods.scale import MAX_LOG_SCALE, Conditional, Fixed, Learned, Optimal, make_scale, soft_floor


def make(mode, sigma=None, **kwargs):
    return make_scale(mode, sigma, (2, 3), initial=1.5, floor=-3.0, **kwargs)


@pytest.mark.parametrize(("mode", "shape"), [("shared", (1, 1)), ("dimension", (2, 3))])
def test_learned_scales_start_where_told(mode, shape):
    scale = make(mode)
    assert scale.num_outputs == 0
    assert scale(None).shape == shape
    torch.testing.assert_close(scale(None), torch.full(shape, 1.5))
    assert make(mode, components=4)(None).shape == (4, *shape)


def test_conditional_scale_starts_where_told_and_is_bounded():
    scale = make("conditional")
    assert scale.num_outputs == 1
    torch.testing.assert_close(scale(torch.zeros(5, 2, 3)), torch.full((5, 2, 3), 1.5))
    assert scale(torch.tensor(1e9)) == MAX_LOG_SCALE
    assert scale(torch.tensor(-1e9)) == -3


def test_fixed_scale_stays_what_it_is_in_the_datas_units():
    scale = make("fixed", 4.0)
    torch.testing.assert_close(scale(None).exp(), torch.full((2, 3), 4.0))
    unit = torch.rand(2, 3) + 0.5
    scale.set_unit(unit)
    scale.set_unit(unit)  # setting it anew starts from sigma, not from the last unit
    torch.testing.assert_close(scale(None).exp() * unit, torch.full((2, 3), 4.0))
    assert not list(scale.parameters())


def test_optimal_scale_is_frozen_at_the_root_mean_squared_residual():
    scale = make("optimal")
    assert scale.couples_rows
    scale.freeze(torch.tensor(9.0), -7.0)
    torch.testing.assert_close(scale(None).exp(), torch.tensor(3.0))
    scale.freeze(torch.tensor(0.0), -7.0)
    assert scale(None) == -7


def test_soft_floor_is_the_identity_above_and_its_gradient_survives_below():
    raw = torch.tensor([-13.0, -3.0, 30.0], requires_grad=True)
    value = soft_floor(raw, -3.0)
    torch.testing.assert_close(value, torch.tensor([-3 + math.log1p(math.exp(-10)), -3 + math.log(2), 30.0]))
    assert (torch.autograd.grad(value.sum(), raw)[0] > 1e-5).all()
    assert gradcheck(lambda r: soft_floor(r, -3.0), (raw,))


def test_a_scale_within_a_factor_of_four_of_the_floor_is_reported():
    scale = Learned((2,), 0.0, -3.0)
    with torch.no_grad():
        scale.raw.copy_(torch.tensor([-2.1, -1.5]))
    assert scale.floored().tolist() == [True, False]
    assert (scale(None) < -3 + math.log(4)).tolist() == [True, False]
    assert Conditional(0.0, -3.0).floored() is None
    assert Fixed(1.0, ()).floored() is None
    assert Optimal().floored() is None


@pytest.mark.parametrize(
    ("mode", "sigma", "message"),
    [
        ("fixed", None, "scale 'fixed' and none"),
        ("shared", 2.0, "goes with no other: got scale 'shared' and sigma 2.0"),
        ("fixed", 0.0, "positive and finite"),
        ("fixed", math.inf, "positive and finite"),
        ("fixed", math.nan, "positive and finite"),
        ("dimensions", None, "did you mean 'dimension'"),
    ],
)
def test_what_does_not_go_together_is_refused(mode, sigma, message):
    with pytest.raises(InputError, match=message):
        make(mode, sigma)


def test_a_refused_optimal_scale_names_shared():
    with pytest.raises(InputError, match="no closed form for x: use 'shared'"):
        make("optimal", refused="has no closed form for x")
