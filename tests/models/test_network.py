import pytest
import torch
from torch import nn

from oracles import LinearGaussian
from small_models import make
from variate.models.network import Network, evaluating


def test_bfloat16_runs_the_layers_in_bfloat16():
    vae, rows = make()
    vae = vae.float()
    seen = []
    layer = vae.encoder.network.inner.layers[0]
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    vae.set_precision(torch.bfloat16)
    vae.embed(rows)
    assert seen == [torch.bfloat16]


@pytest.mark.parametrize("precision", [None, torch.bfloat16])
def test_a_network_runs_in_its_precision_and_casts_back_only_outside(precision):
    network = Network(nn.Linear(3, 2)).float()
    network.precision = precision
    x = torch.randn(4, 3, dtype=torch.float32)
    found = network(x)
    assert found.dtype == (precision or torch.float32)
    torch.testing.assert_close(found.float(), network.inner(x), rtol=0.02, atol=0.02)


def test_modes_are_put_back_and_dropout_is_off():
    model = LinearGaussian(dim=5, latent=3, sigma=0.5)
    vae, x = model.vae("full"), model.draw(20)
    vae.encoder.network.inner = nn.Sequential(vae.encoder.network.inner, nn.Dropout(0.9))
    vae.train()
    first = vae.embed(x)
    assert vae.training
    assert vae.encoder.network.inner[1].training
    assert torch.equal(first.mean, vae.embed(x).mean)
    vae.eval()
    vae.embed(x)
    assert not vae.training
    vae.train()
    vae.encoder.network.inner[1].eval()  # as frozen parts are
    vae.embed(x)
    assert vae.training
    assert not vae.encoder.network.inner[1].training
    vae.train()

    def fail():
        with evaluating(vae):
            assert not vae.training
            assert not torch.is_grad_enabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert vae.training
    assert torch.is_grad_enabled()
