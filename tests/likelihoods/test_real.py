import pytest
import torch
from scipy import stats

from variate.errors import InputError
from variate.likelihoods import Gaussian, StudentT

N = 50


def rows():
    return torch.tensor([3.0, -50.0, 1e4]) + torch.tensor([0.1, 20.0, 1.0]) * torch.randn(N, 3)


@pytest.mark.parametrize("mode", ["fixed", "shared", "dimension", "conditional"])
def test_gaussian_density_is_scipys_in_the_datas_units(mode):
    x = rows()
    likelihood = Gaussian((3,), mode, 2.5 if mode == "fixed" else None)
    likelihood.fit_scaling(x)
    outputs = torch.randn(N, *likelihood.out_shape)
    mean, std = x.mean(0), x.std(0, correction=0)
    learned = std * likelihood.scale(outputs[:, -1]).exp()
    sigma = torch.full((3,), 2.5) if mode == "fixed" else learned
    oracle = stats.norm((mean + std * outputs[:, 0]).numpy(), sigma.detach().numpy())
    p_x = likelihood(outputs)
    torch.testing.assert_close(p_x.log_prob(x), torch.from_numpy(oracle.logpdf(x.numpy()).sum(-1)))
    torch.testing.assert_close(p_x.mean, torch.from_numpy(oracle.mean()))
    torch.testing.assert_close(p_x.variance.sqrt(), torch.from_numpy(oracle.std()).expand(N, 3))


def test_student_t_density_is_scipys_in_the_datas_units():
    x = rows()
    likelihood = StudentT((3,))
    likelihood.fit_scaling(x)
    with torch.no_grad():
        likelihood.raw_df.copy_(torch.tensor([-1.0, 1.0, 40.0]))
    outputs = torch.randn(N, *likelihood.out_shape)
    mean, std = x.mean(0), x.std(0, correction=0)
    df = likelihood.df.detach().numpy()
    oracle = stats.t(df, (mean + std * outputs[:, 0]).numpy(), std.numpy())
    p_x = likelihood(outputs)
    torch.testing.assert_close(p_x.log_prob(x), torch.from_numpy(oracle.logpdf(x.numpy()).sum(-1)))
    torch.testing.assert_close(p_x.variance, torch.from_numpy(oracle.var()).expand(N, 3))
    assert (df > 2).all()


@pytest.mark.parametrize("make", [Gaussian, StudentT])
def test_changing_the_units_of_the_data_changes_the_density_by_the_jacobian(make):
    x, factor = rows(), torch.tensor([1e-3, 60.0, 2.54])
    original, rescaled = make((3,)), make((3,))
    original.fit_scaling(x)
    rescaled.fit_scaling(x * factor)
    outputs = torch.randn(N, *original.out_shape)
    expected = original(outputs).log_prob(x) - factor.log().sum()
    torch.testing.assert_close(rescaled(outputs).log_prob(x * factor), expected)


def test_constant_columns_keep_unit_one():
    x = torch.stack([torch.full((N,), 0.1), torch.zeros(N), torch.randn(N)], -1)
    likelihood = Gaussian((3,))
    likelihood.fit_scaling(x)
    assert likelihood.unit[:2].tolist() == [1, 1]
    torch.testing.assert_close(likelihood.offset[:2], torch.tensor([0.1, 0.0]))


def test_optimal_sigma_couples_rows_in_training_and_is_frozen_in_evaluation():
    x = rows()
    likelihood = Gaussian((3,), "optimal")
    likelihood.fit_scaling(x)
    assert likelihood.needs_freezing
    assert not Gaussian((3,)).needs_freezing
    outputs = torch.randn(N, *likelihood.out_shape)
    residual = (x - likelihood(outputs).mean) / likelihood.unit
    mean_squared = residual.square().mean()
    in_training = likelihood(outputs).log_prob(x)
    assert not torch.allclose(likelihood(outputs[:5]).log_prob(x[:5]), in_training[:5])
    likelihood.freeze(mean_squared)
    likelihood.eval()
    torch.testing.assert_close(likelihood(outputs).log_prob(x), in_training)
    torch.testing.assert_close(likelihood(outputs[:5]).log_prob(x[:5]), in_training[:5])
    torch.testing.assert_close(likelihood.squared_residuals(outputs, x).mean(), mean_squared)
    torch.testing.assert_close(likelihood.scale(None).exp(), mean_squared.sqrt())


def test_student_t_rejects_an_optimal_scale():
    with pytest.raises(InputError) as error:
        StudentT((3,), "optimal")
    assert (error.value.argument, error.value.got) == ("scale", "'optimal'")
    assert "scale='shared'" in error.value.remedy


def test_elements_at_the_floor_are_named():
    for mode, expected in (("dimension", [True, False, False]), ("shared", [True] * 3)):
        likelihood = Gaussian((3,), mode)
        with torch.no_grad():
            likelihood.scale.raw[0] = -8
        assert likelihood.floored().tolist() == expected
