"""`fit` with models that are written against the protocol alone, and with a context."""

import numpy as np
import pytest
import torch

import variate
from conditional_linear import ConditionalLinear
from ladder import Ladder
from variate import InputError, Splits, from_arrays
from variate.evaluation.bounds.annealed import annealed_evidence

OPTIONS = {"epochs": 60, "batch_size": 100, "lr": 1e-2, "compile": "off", "precision": "float32", "threads": 1}


def draws(model, n, seed):
    """Rows from a model of one's own, float64."""
    return model.sample(n, seed=seed)


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")
def test_a_ladder_is_trained_saved_loaded_and_scored_as_its_closed_form(tmp_path):
    truth = Ladder().double().make_exact()
    x = draws(truth, 1200, seed=1)
    model = Ladder().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    before = variate.elbo(model, x[1000:], num_samples=20).elbo.mean()
    history = variate.fit(model, x[:900], x[900:1000], run=tmp_path, **OPTIONS)
    after = variate.elbo(model, x[1000:], num_samples=20).elbo.mean()
    best = truth.log_evidence(x[1000:]).mean()
    assert history.stopped == "finished"
    assert before < best - 1
    assert best - 0.5 < after < best + 0.2
    loaded = variate.load(tmp_path, into=Ladder().double())
    assert all(torch.equal(v, loaded.state_dict()[k]) for k, v in model.state_dict().items())
    held_out = x[1000:1016]
    exact = loaded.log_evidence(held_out)
    found = variate.log_evidence(loaded, held_out, 1000, seed=0)
    assert ((found.log_evidence - exact).abs() < 0.05).all()
    for start, num_steps in (("prior", 150), ("posterior", 50)):
        annealed = annealed_evidence(loaded, held_out, num_steps=num_steps, num_chains=16, start=start, seed=0)
        short = exact - annealed.log_evidence  # at least 0 on average, and noise
        assert -4 * short.std() / 4 < short.mean() < 4 * short.std() / 4 + 0.1


def test_a_file_of_ones_own_model_asks_for_the_model(tmp_path):
    Ladder().save(tmp_path / "own.safetensors")
    with pytest.raises(InputError) as raised:
        variate.load(tmp_path / "own.safetensors")
    assert "into" in raised.value.remedy


@pytest.mark.filterwarnings("ignore::variate.VariateWarning")
def test_a_model_is_trained_on_a_context():
    truth = ConditionalLinear().double()
    rng = np.random.default_rng(0)
    contexts = rng.normal(size=(1200, truth.V.shape[1]))
    x = truth.sample(1200, context=torch.from_numpy(contexts), seed=1)
    data = from_arrays(x.numpy(), context=contexts)
    parts = [data.select(np.arange(start, stop)) for start, stop in ((0, 900), (900, 1000), (1000, 1200))]
    model = ConditionalLinear().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    variate.fit(model, Splits(*parts, fingerprint=""), **OPTIONS)
    test = parts[2].all()
    best = truth.log_evidence(test.x, test.context).mean()
    assert best - 0.5 < variate.elbo(model, parts[2], num_samples=20).elbo.mean() < best + 0.2
    exact = model.log_evidence(test.x, test.context)
    found = variate.log_evidence(model, parts[2], 500, num_rows=20, seed=0)
    assert ((found.log_evidence - exact[found.which]).abs() < 1e-9).all()  # its posterior is exact
    for rows in (x[:9].numpy(), from_arrays(x[:9].numpy())):
        with pytest.raises(InputError) as raised:
            variate.elbo(model, rows)
        assert "context" in raised.value.expected
