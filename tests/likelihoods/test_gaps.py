import csv

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate import DataOptions, ModelOptions
from variate.likelihoods.gaps import WithGaps

N = 1_500


@pytest.fixture
def table_file(tmp_path):
    """Incomes, of which those above 60 are mostly missing, and a word that says which are high."""
    rng = np.random.default_rng(0)
    income = np.round(rng.normal(50, 15, N))
    missing = rng.random(N) < np.where(income > 60, 0.8, 0.05)
    path = tmp_path / "incomes.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["income", "class"])
        for value, gap in zip(income, missing, strict=True):
            writer.writerow(["" if gap else int(value), "high" if value > 60 else "low"])
    return path


def test_samples_have_the_gaps_where_they_belong(table_file, tmp_path):
    data = variate.split(variate.read(table_file))
    model = variate.build(data, ModelOptions(gaps="model", latent=1, width=32, depth=1))
    assert isinstance(model.likelihood, WithGaps)
    variate.fit(model, data, epochs=25, lr=1e-2, compile="off")
    rows = model.sample(5_000, seed=0)
    gap, high = rows[:, 0].isnan(), rows[:, 1] == 0
    assert not rows[:, 1].isnan().any()
    assert gap[high].double().mean() > 0.5 > 0.2 > gap[~high].double().mean()  # in the data 0.8 and 0.05
    model.save(tmp_path / "model.safetensors")
    again = variate.load(tmp_path / "model.safetensors")
    torch.testing.assert_close(again.sample(50, seed=1), model.sample(50, seed=1), equal_nan=True)
    assert model.sample(10, mean=True).isfinite().all()


def test_nats_count_the_pattern(table_file):
    data = variate.split(variate.read(table_file))
    model = variate.build(data, ModelOptions(gaps="model", latent=1, width=32, depth=1))
    batch, outputs = data.test.all(), torch.randn(len(data.test), *model.likelihood.out_shape)
    log_p = model.likelihood.log_prob(outputs, batch.x, batch.mask)
    values = model.likelihood(outputs).without_gaps.log_prob(batch.x, batch.mask)
    assert (log_p < values).all()
    assert model.likelihood.is_mass


def test_data_without_gaps_have_none_to_model(tmp_path):
    path = tmp_path / "full.csv"
    path.write_text("a,b\n" + "".join(f"{i},{i * i % 7}\n" for i in range(2, 60)))
    data = variate.split(variate.read(path, DataOptions(columns=(("a", "real"),))))
    error = refused(variate.build, data, ModelOptions(gaps="model"))
    assert error.argument == "gaps"
