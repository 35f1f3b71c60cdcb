import numpy as np
import pytest
import torch

import variate
from examples import rng
from refusals import refused
from variate import ModelOptions, NonFiniteError, Splits, from_arrays
from variate.training.setup import require_trainable, validation_dataset

pytestmark = pytest.mark.filterwarnings("ignore::variate.VariateWarning")

X = rng().normal(size=(60, 4))
SHORT = {"epochs": 2, "batch_size": 20, "ema": 0.0, "compile": "off", "precision": "float32"}


def model(**options):
    return variate.build(X, ModelOptions(latent=2, width=8, depth=1, **options))


def weights(vae):
    return {name: tensor.clone() for name, tensor in vae.named_parameters()}


def test_frozen_weights_stay_and_the_others_are_trained():
    vae = model()
    vae.encoder.requires_grad_(False)
    before = weights(vae)
    variate.fit(vae, X, **SHORT)
    for name, tensor in vae.named_parameters():
        assert torch.equal(tensor, before[name]) == name.startswith("encoder"), name
        assert tensor.requires_grad != name.startswith("encoder")


def test_a_model_without_a_weight_to_train_is_refused():
    error = refused(variate.fit, model().requires_grad_(False), X, **SHORT)
    assert error.argument == "model"
    assert "requires_grad_" in error.remedy


def test_weights_made_for_inference_only_are_refused():
    vae = model()
    with torch.inference_mode():
        vae.encoder.network.inner.layers[0] = torch.nn.Linear(4, 8)
    assert "inference" in refused(require_trainable, vae).got


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)])
def test_training_is_the_same_inside_modes_of_torch(around):
    plain, other = model(), model()
    histories = [variate.fit(plain, X, **SHORT)]
    with around():
        histories.append(variate.fit(other, X, **SHORT))
    assert histories[0].records == histories[1].records
    assert all(torch.equal(a, b) for a, b in zip(weights(plain).values(), weights(other).values(), strict=True))


def test_labels_are_no_validation_rows():
    error = refused(variate.fit, model(), X, np.arange(60) % 3, **SHORT)
    assert error.argument == "validation"
    assert "labels" in error.remedy


def test_validation_rows_of_splits_are_their_validation_part():
    parts = variate.split(from_arrays(X))
    found = validation_dataset(model(), X, parts)
    assert np.array_equal(found.x.all(), parts.validation.x.all())
    assert np.array_equal(validation_dataset(model(), parts, None).x.all(), parts.validation.x.all())


def test_no_validation_rows_are_refused_where_they_are_given_and_fine_as_a_part():
    assert refused(variate.fit, model(), X, X[:0], **SHORT).argument == "validation"
    data = from_arrays(X)
    none = data.select(np.arange(0))
    history = variate.fit(model(), Splits(data, none, none, fingerprint=""), **SHORT)
    assert not any(key.startswith("validation") for record in history.records for key in record)


def as_after_training(vae):
    """Whether a model is in evaluation mode and full precision, and each weight has memory of its own."""
    memory = {p.untyped_storage().data_ptr() for p in vae.parameters()}
    precisions = {module.precision for module in vae.modules() if hasattr(module, "precision")}
    assert precisions == {None}
    return not any(m.training for m in vae.modules()) and len(memory) == len(list(vae.parameters()))


def test_a_run_that_fails_leaves_a_model_that_can_be_used():
    vae = model(posterior="full").float()
    before = weights(vae)
    options = SHORT | {"precision": "bfloat16"}
    assert refused(variate.fit, vae, X, free_bits=0.5, **options).argument == "free_bits"
    assert as_after_training(vae)
    vae.decoder.register_forward_hook(lambda module, inputs, output: output * torch.nan if module.training else output)
    with pytest.raises(NonFiniteError):
        variate.fit(vae, X, **options)
    assert as_after_training(vae)
    assert all(torch.equal(tensor, before[name]) for name, tensor in vae.named_parameters())


def test_half_precision_is_refused_for_a_model_in_float64():
    vae = model()
    assert refused(variate.fit, vae, X, **SHORT | {"precision": "bfloat16"}).argument == "precision"
    assert refused(vae.set_precision, torch.bfloat16).argument == "precision"
    vae.set_precision(None)


def test_gaps_are_trained_around():
    # One element is a copy of another with gaps: what is learned of it must not depend on what is written in them.
    gaps = rng().random(X.shape) < 0.4
    histories = [
        variate.fit(model(scale=s), np.ma.array(np.where(gaps, hole, X), mask=gaps), **SHORT)
        for s in ("shared", "optimal")
        for hole in (np.nan, 1e6)
    ]
    assert histories[0] == histories[1]
    assert histories[2] == histories[3]
