import pytest
import torch

import variate
from variate import ModelOptions
from variate.training.cost import multiplications


def test_an_mlp_costs_its_weights():
    rows = torch.randn(20, 6)
    vae = variate.build(rows, ModelOptions(latent=2, width=8, depth=2))
    encoder, decoder = 6 * 8 + 8 * 8 + 8 * 4, 2 * 8 + 8 * 8 + 8 * 6
    assert multiplications(vae, vae.dataset(rows[:1])) == encoder + decoder


def test_a_convolution_costs_its_weights_at_every_place():
    images = torch.randint(0, 256, (20, 3, 12, 10), dtype=torch.uint8)
    vae = variate.build(images, ModelOptions(latent=2, network="conv", width=4, depth=1, mixtures=1))
    # A stage of 4 channels at 6x5, one of 8 at 3x3; a block has two 3x3 convolutions.
    encoder = 3 * 4 * 9 * 30 + 2 * 4 * 4 * 9 * 30 + 4 * 8 * 9 * 9 + 2 * 8 * 8 * 9 * 9 + 8 * 9 * 4
    decoder = 2 * 8 * 9 + 2 * 8 * 8 * 9 * 9 + 8 * 4 * 9 * 9 + 2 * 4 * 4 * 9 * 30 + 4 * (4 * 2 * 3) * 9 * 30
    assert multiplications(vae, vae.dataset(images[:1])) == encoder + decoder


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_model_as_it_was(training):
    rows = torch.randn(20, 6)
    vae = variate.build(rows, ModelOptions(latent=2, width=8, depth=2)).train(training)
    before, draws = {k: v.clone() for k, v in vae.state_dict().items()}, torch.get_rng_state()
    multiplications(vae, vae.dataset(rows[:1]))
    assert vae.training is training
    assert torch.equal(torch.get_rng_state(), draws)
    assert all(torch.equal(v, vae.state_dict()[k]) for k, v in before.items())
    assert not any(module._forward_hooks for module in vae.modules())
