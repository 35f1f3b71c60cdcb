"""The fused step against torch's plain Adam."""

import pytest
import torch

from variate.training.adam import BETAS, Adam


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_adam(dtype):
    start = torch.randn(50, dtype=dtype)
    ours, theirs = start.clone(), torch.nn.Parameter(start.clone())
    adam, plain = Adam(ours), torch.optim.Adam([theirs], betas=BETAS, foreach=False, fused=False)
    for number in range(5):
        gradient, lr = torch.randn(50, dtype=dtype), 0.01 * (number + 1)
        theirs.grad, plain.param_groups[0]["lr"] = gradient.clone(), lr
        plain.step()
        adam.step(gradient * 4, lr, torch.tensor(4.0, dtype=torch.float32))
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-5, atol=1e-6)
    assert adam.moments["steps"] == 5


def test_what_is_held_stays_and_goes_on_as_if_nothing_had_been():
    one, other = torch.ones(3), torch.ones(3)
    held, free = Adam(one), Adam(other)
    flag = torch.ones((), dtype=torch.float32)
    held.step(torch.full((3,), torch.nan), 0.1, held=flag)
    assert torch.equal(one, torch.ones(3))
    assert held.moments["steps"] == 0
    for adam in (held, free):
        adam.step(torch.tensor([1.0, 2.0, 3.0]), 0.1, held=0 * flag)
    assert torch.equal(one, other)
    assert not torch.equal(one, torch.ones(3))


def test_moments_put_back_go_on_the_same():
    gradients = [torch.randn(4) for _ in range(3)]
    one, other = torch.ones(4), torch.ones(4)
    first, second = Adam(one), Adam(other)
    first.step(gradients[0].clone(), 0.1)
    other.copy_(one)
    second.load({name: tensor.clone() for name, tensor in first.moments.items()})
    for adam in (first, second):
        for gradient in gradients[1:]:
            adam.step(gradient.clone(), 0.1)
    assert torch.equal(one, other)
