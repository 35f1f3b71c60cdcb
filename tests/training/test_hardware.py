import pytest
import torch

import variate
from variate import InputError, ModelOptions, TrainingOptions
from variate.training import hardware


@pytest.fixture
def vae():
    torch.set_default_dtype(torch.float32)
    return variate.build(torch.randn(20, 6), ModelOptions(latent=2, width=8, depth=1))


def settled(vae, steps=10, cost=100, **options):
    return hardware.settle(TrainingOptions(batch_size=10, **options), vae, steps, cost)


def test_small_models_run_plainly(vae):
    options = settled(vae)
    assert (options.precision, options.compile, options.threads) == ("float32", "off", 1)
    assert options.device in ("cpu", "cuda")


def test_large_runs_use_what_the_machine_has(vae, monkeypatch):
    monkeypatch.setattr(hardware, "fast_bfloat16", lambda device: True)
    monkeypatch.setattr(hardware, "can_compile", lambda device: True)
    large = {"cost": 10**7, "steps": 10**6}
    options = settled(vae, device="cpu", **large)
    assert (options.precision, options.compile) == ("bfloat16", "on")
    assert options.threads == torch.get_num_threads()
    assert settled(vae, bound="dreg", device="cpu", **large).compile == "off"  # its gradient hook is not compiled
    assert settled(vae.double(), **large).precision == "float32"  # which stands for the model's own
    monkeypatch.setattr(hardware, "fast_bfloat16", lambda device: False)
    monkeypatch.setattr(hardware, "can_compile", lambda device: False)
    options = settled(vae.float(), device="cpu", **large)
    assert (options.precision, options.compile) == ("float32", "off")
    with pytest.raises(InputError) as raised:
        settled(vae, compile="on", device="cpu")
    assert (raised.value.argument, raised.value.got) == ("compile", "none")


def test_what_was_asked_for_stays(vae):
    options = settled(vae, precision="bfloat16", compile="off", threads=1, device="cpu")
    assert settled(vae, precision="bfloat16", compile="off", threads=1, device="cpu") == options
    assert (options.precision, options.compile, options.threads, options.device) == ("bfloat16", "off", 1, "cpu")


def test_what_is_compiled_is_what_saves_most_after_compiling(monkeypatch):
    monkeypatch.setattr(hardware, "can_compile", lambda device: True)
    torch.set_default_dtype(torch.float32)
    pixels = torch.randint(0, 256, (20, 784)).to(torch.uint8)
    wide = variate.build(pixels, ModelOptions(latent=2, width=8, depth=1, mixtures=2))
    chosen = {steps: hardware.settle(TrainingOptions(batch_size=256), wide, steps, 100).compile for steps in SAVED}
    assert chosen == SAVED
    bits = variate.build(pixels % 2, ModelOptions(latent=2, width=8, depth=1))
    assert hardware.settle(TrainingOptions(batch_size=256), bits, 15_000, 100).compile == "off"  # is one pass already
    trained_scale = variate.build(torch.randn(20, 784), ModelOptions(latent=2, width=8, depth=1, scale="dimension"))
    assert hardware.settle(TrainingOptions(batch_size=256), trained_scale, 4_000, 100).compile == "off"
    with pytest.raises(InputError) as raised:
        hardware.settle(TrainingOptions(batch_size=256, compile="likelihood"), trained_scale, 10, 100)
    assert raised.value.argument == "compile"


SAVED = {100: "off", 4_000: "likelihood", 100_000: "on"}
"""Steps of a run on 784 pixels with a mixture of two, 256 rows per step."""
