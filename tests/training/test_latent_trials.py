"""Trainings by which numbers of latents are compared, on rows that are known to have a few."""

import dataclasses

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate import ModelOptions, TrainingOptions
from variate.config.defaults import choose
from variate.data.storage.in_memory import InMemory
from variate.training.latent_trials import DRAWS, TRAININGS, Trials, choose_latent
from variate.training.latents import half


def rows_with_latents(num_latents, num_rows=1200, size=12):
    """Rows that are a linear function of a few latents, with little noise."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(num_rows, num_latents))
    return (z @ rng.normal(size=(num_latents, size)) + 0.1 * rng.normal(size=(num_rows, size))).astype(np.float32)


@pytest.fixture(scope="module")
def splits():
    torch.set_default_dtype(torch.float32)
    return variate.split(variate.from_arrays(rows_with_latents(2)))


SMALL = ModelOptions(width=32, depth=1)
SHORT = TrainingOptions(epochs=40, threads=1)


def test_rows_of_two_latents_get_two(splits, monkeypatch):
    monkeypatch.setattr("variate.training.latent_trials.LEAST_STEPS", 200)
    found = choose_latent(splits, dataclasses.replace(SMALL, latent=4), SHORT)
    assert found.latent == 2
    assert [trial.latent for trial in found.trials] == [1, 2, 4]
    one = found.trials[0]
    assert one.behind.value > 3 * one.behind.stderr
    assert (found.num_rows, found.num_trainings) == (len(splits.validation), TRAININGS)
    assert "latents 2: " in found.reason
    assert f"1 {one.behind.plus_minus()} nats behind" in found.reason


def test_the_same_options_give_the_same_numbers(splits):
    recipe = choose(splits.schema, len(splits.train), model=SMALL, training=TrainingOptions(epochs=1)).recipe
    once, again = (Trials(recipe, splits).score(3) for _ in range(2))
    assert torch.equal(once, again)
    assert not torch.equal(once[0], once[1])


def test_a_trial_is_a_shorter_run_of_whole_schedule(splits):
    recipe = choose(splits.schema, len(splits.train), model=SMALL, training=TrainingOptions(epochs=300)).recipe
    trials = Trials(recipe, splits)
    assert trials.run_steps == round(300 * len(splits.train) / recipe.training.batch_size)
    assert trials.num_steps == pytest.approx(trials.run_steps / 2, rel=0.05)
    few = Trials(dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, epochs=3)), splits)
    assert few.num_steps == few.run_steps
    warm = dataclasses.replace(recipe.training, kl_warmup=30.0)
    warm = Trials(dataclasses.replace(recipe, training=warm), splits).options
    assert warm.kl_warmup / warm.epochs == pytest.approx(30 / 300)
    assert (1 - warm.ema) * trials.num_steps == pytest.approx((1 - 0.999) * trials.run_steps, rel=0.05)


def test_the_cost_is_said_before(splits):
    recipe = choose(splits.schema, len(splits.train), model=SMALL, training=SHORT).recipe
    trials = Trials(recipe, splits)
    cost = trials.cost()
    assert cost.sizes == (trials.start, half(trials.start))
    assert cost.part_of_run == pytest.approx(TRAININGS * trials.num_steps / trials.run_steps)
    assert cost.seconds > 0
    assert f"{TRAININGS} x {trials.num_steps:,} steps each: {cost.part_of_run:.0%} of the run's steps" in cost.sentence


def test_an_importance_weighted_run_is_judged_by_its_own_bound(splits):
    short = dataclasses.replace(SHORT, epochs=1, bound="iwae", samples=20)
    recipe = choose(splits.schema, len(splits.train), model=dataclasses.replace(SMALL, latent=2), training=short).recipe
    trials = Trials(recipe, splits)
    weighted = trials.score(2)
    plain = Trials(dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, bound="elbo")), splits)
    model = trials._trained(2, trials.train, trials.options, splits.validation)
    assert weighted.shape == (TRAININGS, len(splits.validation))
    assert trials._bounds(model).mean() > plain._bounds(model).mean()
    mean = variate.elbo(model, splits.validation, DRAWS, seed=1).elbo.mean()
    assert plain._bounds(model).mean() == pytest.approx(mean.item(), abs=1.0)


def test_data_that_cannot_judge_are_refused(splits):
    assert refused(choose_latent, rows_with_latents(2)).argument == "data"
    empty = dataclasses.replace(splits, validation=splits.validation.select(np.arange(1)))
    assert refused(choose_latent, empty).argument == "data"
    assert refused(variate.build, splits, ModelOptions(latent="auto")).argument == "latent"


def test_held_out_rows_count_as_much_as_they_weigh(splits):
    recipe = choose(splits.schema, len(splits.train), model=SMALL, training=TrainingOptions(epochs=1)).recipe
    plain = Trials(recipe, splits).score(2)
    mean = plain.mean(0).numpy()
    weight = np.where(mean < np.median(mean), 5.0, 0.0)
    weighted = dataclasses.replace(splits, validation=splits.validation.replace(weight=InMemory(weight)))
    trials = Trials(recipe, weighted)
    expected = (plain.double().numpy() * weight).sum(1) / weight.sum()
    np.testing.assert_allclose(trials.score(2).mean(1).numpy(), expected, rtol=1e-5)
    assert (expected < plain.mean(1).numpy() - 1).all()
