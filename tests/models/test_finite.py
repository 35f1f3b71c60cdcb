import math

import pytest
import torch
from torch import nn

from refusals import refused
from small_models import make
from variate.models.finite import require_finite_weights


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64])
def test_weights_are_finite(bad, dtype):
    tensors = {"fine": torch.zeros(2), "odd": torch.tensor([0.0, bad]).to(dtype)}
    error = refused(require_finite_weights, nn.Linear(1, 1), tensors, "a.safetensors", "do")
    assert (error.argument, error.remedy, "'odd'" in error.got) == ("a.safetensors", "do", True)
    require_finite_weights(nn.Linear(1, 1), {"a": torch.zeros(0), "b": torch.ones(2).to(dtype)}, "a.safetensors")


def test_numbers_of_8_bits_are_looked_at():
    bad = torch.tensor([math.nan]).to(torch.float8_e4m3fn)
    assert refused(require_finite_weights, nn.Linear(1, 1), {"w": bad}, "a").argument == "a"
    require_finite_weights(nn.Linear(1, 1), {"w": torch.ones(2).to(torch.float8_e5m2), "n": torch.tensor([1, 2])}, "a")


class Masked(nn.Module):
    def __init__(self, **more):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("mask", torch.tensor([0.0, -math.inf]))
        self.__dict__.update(more)


def test_masks_of_ones_own_may_be_infinite_but_not_nan():
    own = Masked(recipe=None)
    require_finite_weights(own, own.state_dict(), "model")
    assert refused(require_finite_weights, Masked(recipe="ours"), own.state_dict(), "model").argument == "model"
    assert refused(require_finite_weights, own, {"mask": torch.tensor([math.nan])}, "model").argument == "model"
    assert refused(require_finite_weights, own, {"weight": torch.tensor([math.inf])}, "model").argument == "model"


def test_a_model_is_not_saved_with_numbers_that_no_one_could_load(tmp_path):
    vae, _ = make()
    with torch.no_grad():
        next(vae.parameters()).view(-1)[0] = math.nan
    assert refused(vae.save, tmp_path / "model.safetensors").argument == "model"
    assert list(tmp_path.iterdir()) == []
