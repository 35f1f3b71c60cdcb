import math

import pytest
import torch

from oracles import LinearGaussian
from variate import elbo
from variate.distributions import DiagonalGaussian, StandardNormal
from variate.distributions.conditional import Conditional


class Logistic(Conditional):
    """Independent logistic variables: what someone else may write, with nothing but what is abstract."""

    def from_noise(self, noise):
        u = torch.special.ndtr(noise)
        return u.log() - (-u).log1p()

    def log_prob(self, z, noise=None):
        return (-z - 2 * torch.nn.functional.softplus(-z)).sum(-1)

    def detached(self):
        return self

    def tempered(self, temperature):
        assert temperature == 1
        return self


def test_what_is_not_abstract_says_that_nothing_more_is_known():
    conditional = Logistic()
    assert not conditional.is_standard
    assert not conditional.is_discrete
    for other in (conditional, StandardNormal(2)):
        assert conditional.kl(other) is None
        assert conditional.kl_elements(other) is None
        assert conditional.marginal_kl(other) is None
    assert DiagonalGaussian(torch.zeros(2), torch.zeros(2)).kl(conditional) is None


@pytest.mark.parametrize("method", ["from_noise", "log_prob", "detached", "tempered"])
def test_each_abstract_method_is_needed(method):
    rest = {name: value for name, value in vars(Logistic).items() if name != method and not name.startswith("__")}
    with pytest.raises(TypeError, match=method):
        type("Partial", (Conditional,), rest)()


def test_a_conditional_of_ones_own_is_a_prior():
    model = LinearGaussian(dim=4, latent=2, sigma=0.6)
    x, vae = model.draw(5), model.vae("full", Logistic())
    found, standard = elbo(vae, x, 3, rate="drawn", seed=1), elbo(model.vae("full"), x, 3, rate="drawn", seed=1)
    torch.testing.assert_close(found.distortion, standard.distortion)
    torch.testing.assert_close(elbo(vae, x, 3, seed=1), found)  # there is no closed form to take
    n = 20_000
    x = vae.sample(n, mean=True, seed=2)
    covariance = math.pi**2 / 3 * model.W @ model.W.T  # the variance of a logistic variable is pi^2 / 3
    residual = x - model.mu
    products = residual.unsqueeze(-1) * residual.unsqueeze(-2)
    assert ((products.mean(0) - covariance).abs() <= 4 * products.std(0) / n**0.5).all()
