import math

import torch

from conditional_linear import ConditionalLinear
from ladder import Ladder
from oracles import LinearGaussian
from variate.evaluation.simulation import simulate
from variate.models.network import evaluating


def standard_normal(columns):
    """Whether the columns, (N, k), have mean 0 and variance 1 within 4 standard errors."""
    n, squares = len(columns), columns.square()
    centred = (columns.mean(0).abs() <= 4 * columns.std(0) / math.sqrt(n)).all()
    return centred and ((squares.mean(0) - 1).abs() <= 4 * squares.std(0) / math.sqrt(n)).all()


def test_simulated_rows_have_the_models_moments_and_go_with_their_latents():
    # x - W z - mu is the noise, independent of z.
    model = LinearGaussian(dim=4, latent=2, sigma=0.5)
    with evaluating(vae := model.vae("full")):
        z, batch = simulate(vae, range(1000), 7)
    noise = (batch.x - z @ model.W.T - model.mu) / model.sigma
    assert all(standard_normal(columns) for columns in (z, noise, z[:, :1] * noise))


def test_latents_of_two_groups_are_drawn_from_the_top_down():
    with evaluating(model := Ladder().double()):
        z, batch = simulate(model, range(1000), 7)
    z1, z2 = z.split([2, 3], 1)
    below = (z2 - z1 @ model.A.T) / model.s2
    noise = (batch.x - z2 @ model.B.T - z1 @ model.C.T) / model.sigma
    assert all(standard_normal(columns.detach()) for columns in (z1, below, z1[:, :1] * below, noise))


def test_rows_are_drawn_given_their_own_contexts():
    context = 3 * torch.randn(1000, 2)
    with evaluating(model := ConditionalLinear().double()):
        z, batch = simulate(model, range(1000), 7, context)
        _, some = simulate(model, [5, 3], 7, context)
    assert standard_normal((z - context @ model.U.T).detach())
    assert standard_normal(((batch.x - z @ model.W.T - context @ model.V.T) / model.sigma).detach())
    torch.testing.assert_close(some.x, batch.x[[5, 3]])
    assert torch.equal(some.context, context[[5, 3]])


def test_a_row_is_the_same_whichever_are_beside_it_and_generators_are_left_alone():
    vae = LinearGaussian(dim=6, latent=3, sigma=0.7).vae("full")
    before = torch.get_rng_state()
    with evaluating(vae):
        together, alone, other = simulate(vae, range(6), 1), simulate(vae, [4, 2], 1), simulate(vae, [4, 2], 2)
    assert torch.equal(together.z[[4, 2]], alone.z)
    assert torch.equal(together.batch.x[[4, 2]], alone.batch.x)
    assert (alone.z - other.z).abs().min() > 0
    assert torch.equal(torch.get_rng_state(), before)
