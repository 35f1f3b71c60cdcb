"""The search for the number of latents: on made-up bounds, and on rows that are known to have a few."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import variate
from refusals import refused
from variate import ModelOptions, TrainingOptions
from variate.config.defaults import choose
from variate.statistics import estimate
from variate.training.latents import DRAWS, TRAININGS, LatentSearch, Trials, choose_latent, compared, half, search

ENOUGH = 6


def bounds(latent, enough=ENOUGH, noise=0.01, trainings=TRAININGS, num_rows=200, seed=0):
    """Bounds that rise by 1 nat per latent until there are enough, with noise of rows and of seeds."""
    source = torch.Generator().manual_seed(seed)
    rows = noise * torch.randn(trainings, num_rows, generator=source, dtype=torch.float64)
    return rows + min(latent, enough) + noise * torch.randn(trainings, 1, generator=source, dtype=torch.float64)


@pytest.mark.parametrize(
    ("start", "limit", "tried", "found"),
    [
        (16, 64, {16, 8, 4}, 8),
        (2, 64, {2, 1, 4, 8, 16}, 8),
        (2, 5, {2, 1, 4, 5}, 5),
        (6, 6, {6, 3}, 6),
        (64, 64, {64, 32, 16, 8, 4}, 8),
        (1, 1, {1}, 1),
    ],
)
def test_the_search_goes_on_as_long_as_an_end_wins(start, limit, tried, found):
    asked = []
    made = search(lambda latent: asked.append(latent) or bounds(latent, noise=0), start, limit)
    assert set(made) == tried
    assert len(asked) == len(set(asked))
    assert LatentSearch(compared(made), 200, 1, TRAININGS).latent == found


def test_latents_that_are_not_needed_are_mostly_not_taken_although_noise_may_favour_them():
    chosen = []
    for repeat in range(100):
        made = search(lambda latent, repeat=repeat: bounds(latent, seed=100 * repeat + latent), 16, 64)
        chosen.append(LatentSearch(compared(made), 200, 1, TRAININGS).latent)
    assert min(chosen) == 8
    # Equal numbers are more than one standard error apart in a fifth of the cases; 0.6 is 5 standard errors off.
    assert np.mean([number == 8 for number in chosen]) > 0.6


def test_where_none_is_needed_one_is_left():
    found = search(lambda latent: bounds(latent, enough=0, noise=0), 16, 64)
    assert set(found) == {16, 8, 4, 2, 1}
    assert LatentSearch(compared(found), 200, 1, TRAININGS).latent == 1


def test_a_difference_has_the_noise_of_rows_and_of_seeds():
    found = {4: bounds(4, noise=0.3), 8: bounds(8, noise=0.3, seed=1)}
    low, high = compared(found)
    rows = {latent: made.mean(0) for latent, made in found.items()}
    by_rows = estimate(rows[8] - rows[4])
    seeds = sum((made.mean(1)[0] - made.mean(1)[1]).item() ** 2 / 2 for made in found.values()) / 2
    assert low.behind.value == pytest.approx(by_rows.value)
    assert low.behind.stderr == pytest.approx(math.sqrt(by_rows.stderr**2 + 2 * seeds / 2))
    assert (high.behind, high.is_as_good) == ((0, 0), True)
    assert high.bound == estimate(rows[8])


def test_the_stated_error_is_how_much_the_difference_varies():
    """Two equal numbers of latents, whose rows and seeds are drawn anew: z-scores have a spread of about 1."""

    def one(seed):
        source = torch.Generator().manual_seed(seed)
        normal = lambda *shape: torch.randn(*shape, generator=source, dtype=torch.float64)  # noqa: E731
        return {d: normal(1, 50) + 0.3 * normal(TRAININGS, 1) for d in (1, 2, 4, 8)}

    scores = []
    for seed in range(300):
        found = one(seed)
        behind = {trial.latent: trial.behind for trial in compared(found)}
        best = next(d for d, own in behind.items() if own == (0, 0))
        other = next(d for d in found if d != best)
        stderr = behind[other].stderr
        scores.append((found[1].mean() - found[2].mean()).item() / stderr)
    # The spread of 300 scores is known to 4 %; that of seeds has 4 degrees of freedom, which adds about 15 %.
    assert np.std(scores) == pytest.approx(1.1, abs=0.2)


def test_half_is_rounded_up_and_ends_at_one():
    assert [half(latent) for latent in (7, 4, 2, 1)] == [4, 2, 1, 1]


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
    monkeypatch.setattr("variate.training.latents.LEAST_STEPS", 200)
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
    assert trials.num_steps == pytest.approx(trials.run_steps / 3, rel=0.05)
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
