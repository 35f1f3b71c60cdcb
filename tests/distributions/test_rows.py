"""Independent rows against torch's own distributions: sums, masks, supports, factors."""

import pytest
import torch
from torch import distributions

from variate.distributions.bernoulli import BernoulliElements
from variate.distributions.counts import PoissonElements
from variate.distributions.normal import NormalElements
from variate.distributions.rows import Independent


def bits(logits, event_dims=1):
    return Independent(BernoulliElements(logits), event_dims)


def normals(loc, event_dims=1):
    return Independent(NormalElements(loc, torch.full_like(loc, 2.0)), event_dims)


def rows():
    return torch.randint(0, 2, (5, 3)).double()


BOTH = [(bits, lambda t: distributions.Bernoulli(logits=t)), (normals, lambda t: distributions.Normal(t, 2.0))]


@pytest.mark.parametrize(("make", "bare"), BOTH)
def test_inside_the_support_it_is_torchs_own(make, bare):
    parameters = torch.randn(2, 5, 3)
    p, expected = make(parameters), distributions.Independent(bare(parameters), 1)
    x = rows()
    torch.testing.assert_close(p.log_prob(x), expected.log_prob(x))
    torch.testing.assert_close(p.mean, expected.mean)
    torch.testing.assert_close(p.variance, expected.variance)
    assert (p.batch_shape, p.event_shape, p.num_factors) == ((2, 5), (3,), 1)
    assert p.sample((7,)).shape == (7, 2, 5, 3)


@pytest.mark.parametrize(("make", "bare"), BOTH)
def test_elements_sum_to_the_row(make, bare):
    parameters, x = torch.randn(2, 5, 3), rows()
    elements = make(parameters).log_prob_elements(x)
    torch.testing.assert_close(elements, bare(parameters).log_prob(x).expand(2, 5, 3))
    torch.testing.assert_close(elements.sum(-1), make(parameters).log_prob(x))


@pytest.mark.parametrize(("make", "bare"), BOTH)
def test_a_mask_gives_the_marginal_of_the_observed_elements(make, bare):
    parameters, x = torch.randn(2, 5, 3), rows()
    mask = torch.rand(5, 3) < 0.5
    mask[0], mask[1] = False, True
    p = make(parameters)
    masked = p.log_prob(torch.where(mask, x, torch.nan), mask)
    for row in range(5):
        observed = mask[row]
        expected = bare(parameters[:, row, observed]).log_prob(x[row, observed]).sum(-1)
        torch.testing.assert_close(masked[:, row], expected)
    assert (masked[:, 0] == 0).all()
    assert torch.equal(p.log_prob(x, torch.ones_like(mask)), p.log_prob(x))
    trusted = p.log_prob(torch.where(mask, x, torch.nan), mask, check_support=False)
    assert torch.equal(trusted, masked)


@pytest.mark.parametrize("make", [bits, normals])
@pytest.mark.parametrize("check_support", [True, False])
def test_unobserved_values_reach_neither_value_nor_gradient(make, check_support):
    mask = torch.tensor([[True, False, True], [False, False, False]])
    found = []
    for hidden in (torch.nan, torch.inf, -7.5, 1.0):
        parameters = torch.linspace(-1, 1, 6).reshape(2, 3).requires_grad_()
        x = torch.where(mask, 1.0, hidden).requires_grad_()
        log_p = make(parameters).log_prob(x, mask, check_support=check_support)
        found.append((log_p.detach(), *torch.autograd.grad(log_p.sum(), (parameters, x))))
    for value, gradient, by_x in found:
        assert value.isfinite().all()
        assert torch.equal(value, found[0][0])
        assert torch.equal(gradient, found[0][1])
        assert torch.equal(gradient != 0, mask)
        assert torch.equal(by_x, found[0][2])
        assert (by_x[~mask] == 0).all()


@pytest.mark.parametrize(("make", "bad"), [(bits, 0.5), (bits, 2.0), (bits, float("nan")), (normals, float("nan"))])
def test_outside_the_support_is_minus_infinity_and_harms_no_other_row(make, bad):
    parameters = torch.randn(2, 3, requires_grad=True)
    x = torch.ones(2, 3)
    x[0, 1] = bad
    log_p = make(parameters).log_prob(x)
    assert log_p[0] == -torch.inf
    assert log_p[1].isfinite()
    assert torch.autograd.grad(log_p[1], parameters)[0].isfinite().all()
    elements = make(parameters).log_prob_elements(x)
    assert elements[0, 1] == -torch.inf
    assert elements.isfinite().sum() == 5
    mask = torch.ones(2, 3, dtype=torch.bool)
    mask[0, 1] = False
    assert make(parameters).log_prob(x, mask).isfinite().all(), "an unobserved value is not tested"


@pytest.mark.parametrize("x", [torch.tensor([0, 3, 2]), torch.tensor([0.0, 3.0, 2.0])])
def test_checked_rows_are_scored_the_same_without_the_test(x, monkeypatch):
    p = Independent(PoissonElements(torch.randn(3)), 1)
    expected = p.log_prob(x)

    def never(self, x):
        raise AssertionError("tested")

    monkeypatch.setattr(PoissonElements, "contains", never)
    assert torch.equal(p.log_prob(x, check_support=False), expected)


def test_densities_are_computed_in_the_parameters_dtype():
    p = bits(torch.randn(3, dtype=torch.float32))
    assert p.dtype == torch.float32
    assert p.log_prob(torch.tensor([1, 0, 1], dtype=torch.uint8)).dtype == torch.float32
    assert p.log_prob(torch.tensor([1.0, 0.0, 1.0])).dtype == torch.float32


def test_the_only_factor_has_the_elements():
    p, x = bits(torch.randn(5, 3)), rows()
    torch.testing.assert_close(p.factor(0).log_prob(x), p.log_prob_elements(x))
    with pytest.raises(IndexError):
        p.factor(1, x)


@pytest.mark.parametrize("event_dims", [0, 1, 2])
def test_events_of_any_number_of_axes(event_dims):
    p, x = normals(torch.randn(2, 5, 3), event_dims), torch.randn(2, 5, 3)
    assert p.event_shape == (2, 5, 3)[3 - event_dims :]
    elements = p.log_prob_elements(x)
    axes = tuple(range(-event_dims, 0))
    torch.testing.assert_close(p.log_prob(x), elements.sum(axes) if axes else elements)
    mask = torch.rand(2, 5, 3) < 0.5
    masked = torch.where(mask, elements, 0)
    torch.testing.assert_close(p.log_prob(x, mask), masked.sum(axes) if axes else masked)
