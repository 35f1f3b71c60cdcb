"""The vector of all weights against the model's own layers."""

import pytest
import torch
from torch import nn

from variate import Batch, ModelOptions, build
from variate.models.build import Ends
from variate.training.weights import BETAS, WeightVector


@pytest.fixture(autouse=True)
def single_precision(double_precision):
    torch.set_default_dtype(torch.float32)


def model(dtype=torch.float32, seed=0):
    torch.manual_seed(seed)
    rows = torch.randn(40, 6, dtype=dtype)
    vae = build(rows, ModelOptions(latent=2, width=8, depth=2), seed=seed)
    return (vae.double() if dtype == torch.float64 else vae), rows


def loss(vae, rows):
    batch = Batch(rows)
    return -vae.decode(vae.mean_path(batch)).log_prob(rows).mean()


def test_weights_are_parts_of_the_vector_and_compute_the_same():
    vae, rows = model()
    before, state = loss(vae, rows), {k: v.clone() for k, v in vae.state_dict().items()}
    weights = WeightVector(vae, 0.999)
    assert loss(vae, rows) == before
    assert all(torch.equal(v, state[k]) for k, v in weights.state_dict().items())
    weights.vector.zero_()
    assert all((p == 0).all() for p in vae.parameters())
    assert torch.equal(
        torch.cat([p.flatten() for p in weights.average.parameters()]).norm(), weights.average_vector.norm()
    )


def test_the_norm_is_that_of_all_gradients_together():
    vae, rows = model(torch.float64)
    expected = torch.autograd.grad(loss(vae, rows), list(vae.parameters()), allow_unused=True)
    weights = WeightVector(vae, 0.999)
    loss(vae, rows).backward()
    norm = weights.gather()
    total = sum(g.square().sum() for g in expected if g is not None).sqrt()
    torch.testing.assert_close(norm, total, rtol=1e-12, atol=0)
    for part, g in zip(weights.split(weights.gradient), expected, strict=True):
        assert (part == 0).all() if g is None else torch.equal(part, g)
    assert all(p.grad is None for p in vae.parameters())


def test_a_bfloat16_network_runs_with_copies_that_follow_the_vector():
    vae, rows = model()
    by_autocast = model()[0]
    for each in (vae, by_autocast):
        each.set_precision(torch.bfloat16)
    weights = WeightVector(vae, 0.999)
    lowered = [n for n, p in vae.named_parameters() if p.dtype == torch.bfloat16]
    assert lowered
    assert all(n.endswith("weight") for n in lowered)
    assert torch.equal(loss(vae, rows), loss(by_autocast, rows)), "a copy is what autocast would make of the weight"
    weights.vector.mul_(0.5)
    weights._publish()
    with torch.no_grad():
        for p in by_autocast.parameters():
            p.mul_(0.5)
    assert torch.equal(loss(vae, rows), loss(by_autocast, rows))


def test_small_steps_are_not_lost_to_bfloat16():
    vae, _ = model()
    vae.set_precision(torch.bfloat16)
    weights = WeightVector(vae, 0.999)
    before = weights.vector.clone()
    for _ in range(1000):
        weights.vector.add_(1e-5)  # a bfloat16 of order 0.1 has steps of 5e-4
        weights._publish()
    weights.release()
    after = torch.cat([p.detach().flatten() for p in vae.parameters()])
    torch.testing.assert_close(after - before, torch.full_like(before, 1e-2), rtol=1e-2, atol=0)
    assert {p.dtype for p in vae.parameters()} == {torch.float32}


def test_released_weights_have_memory_of_their_own():
    vae, _ = model()
    weights = WeightVector(vae, 0.999)
    weights.release()
    weights.vector.zero_()
    assert len({p.untyped_storage().data_ptr() for p in vae.parameters()}) == len(list(vae.parameters()))
    assert any((p != 0).any() for p in vae.parameters())


def test_channels_last_tied_and_untrained_weights_keep_their_ways():
    def networks(ends: Ends):
        conv = nn.Conv2d(1, 3, 3, padding=1).to(memory_format=torch.channels_last)
        last = nn.Linear(3 * 36, ends.posterior)
        last.bias.requires_grad_(False)
        decoder = nn.Sequential(
            nn.Linear(ends.latent, 16), nn.Tanh(), nn.Linear(16, 36), nn.Unflatten(1, ends.likelihood)
        )
        return nn.Sequential(conv, conv_again(conv), nn.Flatten(), last), decoder

    class conv_again(nn.Module):  # noqa: N801  a layer that uses another's weight
        def __init__(self, conv):
            super().__init__()
            self.weight = conv.weight

        def forward(self, x):
            return x * self.weight.sum()

    vae = build((torch.rand(20, 1, 6, 6) > 0.5).to(torch.uint8), ModelOptions(latent=2), networks=networks)
    x = (torch.rand(5, 1, 6, 6) > 0.5).to(torch.uint8)
    before = loss(vae, x)
    weights = WeightVector(vae, 0.999)
    assert loss(vae, x) == before
    assert vae.encoder.network.inner[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert vae.encoder.network.inner[0].weight is vae.encoder.network.inner[1].weight
    saved = {k: v.clone() for k, v in weights.state_dict().items()}
    assert set(saved) == set(vae.state_dict())
    weights.vector.add_(1.0)
    assert loss(vae, x) != before
    weights.load_state_dict(saved)
    assert loss(vae, x) == before


@pytest.mark.parametrize("ema", [0.0, 0.9, 0.995])
def test_the_average_forgets_at_the_rate_asked_for(ema):
    vae, _ = model()
    weights = WeightVector(vae, ema)
    weights.vector.fill_(1.0)
    if ema:
        weights.average_vector.fill_(0.0)
    steps = 200
    for step in range(10_000, 10_000 + steps):  # beyond the start, where the average forgets faster
        weights.move(step, 1e-30)
    left = 1 - float(weights.average_vector[0])
    assert left == pytest.approx(ema**steps if ema else 0.0, abs=1e-6)


def test_a_run_of_a_few_steps_has_the_weights_it_trained():
    weights = WeightVector(model()[0], 0.999)
    for step in range(3):
        weights.gradient.fill_(1.0)
        weights.move(step, 0.01)
        assert torch.equal(weights.average_vector, weights.vector)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_move_is_a_step_of_plain_adam(dtype):
    weights = WeightVector(model(dtype)[0], 0.0)
    theirs = torch.nn.Parameter(weights.vector.clone())
    plain = torch.optim.Adam([theirs], betas=BETAS, foreach=False, fused=False)
    for number in range(5):
        gradient, lr = torch.randn(len(theirs), dtype=dtype), 0.01 * (number + 1)
        theirs.grad, plain.param_groups[0]["lr"] = gradient.clone(), lr
        plain.step()
        weights.gradient.copy_(gradient)
        weights.move(number, lr)
    torch.testing.assert_close(weights.vector, theirs.detach(), rtol=1e-5, atol=1e-6)
    assert weights.moments["steps"] == 5


def test_held_weights_do_not_move_whatever_the_gradient_is():
    weights = WeightVector(model()[0], 0.0)
    weights.gradient.fill_(1.0)
    weights.move(0, 0.1)
    before = weights.vector.clone()
    weights.gradient.fill_(torch.nan)
    weights.hold(torch.ones((), dtype=torch.bool))
    weights.move(1, 0.1)
    assert torch.equal(weights.vector, before)


def test_restored_moments_continue_the_same():
    one, other = WeightVector(model()[0], 0.0), WeightVector(model()[0], 0.0)
    gradients = [torch.randn(len(one.vector)) for _ in range(3)]

    def move(weights, number):
        weights.gradient.copy_(gradients[number])
        weights.move(number, 0.1)

    move(one, 0)
    other.vector.copy_(one.vector)
    for name, tensor in other.moments.items():
        tensor.copy_(one.moments[name])
    for number in (1, 2):
        move(one, number)
        move(other, number)
    assert torch.equal(one.vector, other.vector)
