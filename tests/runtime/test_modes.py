import pytest
import torch

from variate.runtime.modes import own_modes


def modes():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.zeros(1).device.type,
    )


@pytest.mark.parametrize(
    "around",
    [
        torch.no_grad,
        torch.inference_mode,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.device("meta"),
    ],
    ids=["no_grad", "inference_mode", "autocast", "device"],
)
def test_inside_torch_is_as_it_starts_and_afterwards_as_it_was(around):
    usual = modes()
    with around():
        outside = modes()
        assert outside != usual
        with own_modes():
            assert modes() == usual
            weight = torch.ones(2, requires_grad=True)
            (weight**2).sum().backward()
            assert weight.grad.tolist() == [2, 2]
        assert modes() == outside
        with pytest.raises(ZeroDivisionError), own_modes():
            _ = 1 / 0
        assert modes() == outside


def test_functions_are_decorated():
    @own_modes()
    def doubled(x, *, times=2):
        """Docs."""
        return times * x, torch.is_grad_enabled()

    with torch.no_grad():
        assert doubled(3) == doubled(x=3, times=2) == (6, True)
    assert doubled.__doc__ == "Docs."
