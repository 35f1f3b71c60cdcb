import math

import pytest
import torch
from torch.autograd import gradcheck

from variate.errors import InputError
from variate.likelihoods.scale import (
    GRADIENT_SCALES,
    MAX_LOG_SCALE,
    SCALES,
    ConditionalScale,
    FixedScale,
    LearnedScale,
    OptimalScale,
    RescaledScale,
    make_scale,
    soft_floor,
)


def make(mode, sigma=None, **kwargs):
    return make_scale(mode, sigma, (2, 3), initial=1.5, floor=-3.0, **{"known": SCALES} | kwargs)


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
    assert scale.is_optimal
    assert not make("shared").is_optimal
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
    scale = LearnedScale((2,), 0.0, -3.0)
    with torch.no_grad():
        scale.raw.copy_(torch.tensor([-2.1, -1.5]))
    assert scale.floored().tolist() == [True, False]
    assert (scale(None) < -3 + math.log(4)).tolist() == [True, False]
    assert ConditionalScale(0.0, -3.0).floored() is None
    assert FixedScale(1.0, ()).floored() is None
    assert OptimalScale().floored() is None


@pytest.mark.parametrize(
    ("mode", "sigma", "argument", "expected", "got"),
    [
        ("fixed", None, "sigma", "scale='fixed'", "None"),
        ("shared", 2.0, "sigma", "no value for scale='shared'", "2.0"),
        ("fixed", 0.0, "sigma", "positive, finite", "0.0"),
        ("fixed", math.inf, "sigma", "positive, finite", "inf"),
        ("fixed", math.nan, "sigma", "positive, finite", "nan"),
        ("dimensions", None, "scale", "dimension", "'dimensions'"),
    ],
)
def test_what_does_not_go_together_is_rejected(mode, sigma, argument, expected, got):
    with pytest.raises(InputError) as error:
        make(mode, sigma)
    assert (error.value.argument, error.value.got) == (argument, got)
    assert expected in error.value.expected


def test_a_rejected_optimal_scale_names_shared():
    with pytest.raises(InputError) as error:
        make("optimal", known=GRADIENT_SCALES)
    assert (error.value.argument, error.value.got) == ("scale", "'optimal'")
    assert "optimal" not in error.value.expected
    assert "scale='shared'" in error.value.remedy


@pytest.mark.parametrize("mode", ["fixed", "shared", "dimension", "conditional"])
def test_a_rescaled_scale_is_the_scale_times_a_factor(mode):
    scale = make(mode, 4.0 if mode == "fixed" else None)
    raw = torch.randn(5, 2, 3) if scale.num_outputs else None
    for log_factor in (0.7, torch.tensor(0.7)):
        rescaled = RescaledScale(scale, log_factor)
        assert rescaled.num_outputs == scale.num_outputs
        torch.testing.assert_close(rescaled(raw), scale(raw) + 0.7)
