import pytest
import torch

import variate
from refusals import refused
from small_models import make
from variate.limits import argument_rules
from variate.models.entry import of_a_model, require_model


@of_a_model
def gradient(model, factor=1):
    """Whether gradients are recorded."""
    return factor * torch.is_grad_enabled()


def test_a_model_may_be_given_by_name_and_by_place():
    vae, _ = make()
    with torch.inference_mode():
        assert gradient(vae) == gradient(model=vae) == gradient(vae, factor=1) == 1
    assert (gradient.__name__, gradient.__doc__) == ("gradient", "Whether gradients are recorded.")


@pytest.mark.parametrize("model", [None, variate.VAE, torch.nn.Linear(2, 2), torch.zeros(3)])
def test_anything_else_is_refused(model):
    error = refused(require_model, model)
    assert error.argument == "model"
    assert error.remedy
    assert refused(gradient, model=model).argument == "model"


def test_limits_are_read_through_it():
    assert "num_samples" in argument_rules(variate.elbo)
