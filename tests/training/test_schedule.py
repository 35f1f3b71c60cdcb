import itertools
import math
from typing import get_args

import pytest
import torch

from variate import InputError, ModelOptions, TrainingOptions, build
from variate.config.recipe import ScheduleName
from variate.runtime.distributed import Processes
from variate.training import schedule
from variate.training.setup import prepare
from variate.training.trainer import Trainer

PASSES, BOUNDARIES = 3280, (1, 4, 13, 40, 121, 364, 1093)
"""Epochs of the paper's runs, and those after which its learning rate falls."""


def test_every_name_of_the_recipe_has_its_function():
    assert schedule.SCHEDULES.keys() == set(get_args(ScheduleName))
    with pytest.raises(InputError) as raised:
        schedule.learning_rate(0, 10, 1e-3, 0.0, "cosin")
    assert (raised.value.argument, raised.value.got) == ("schedule", "'cosin'")
    assert "'cosine'" in raised.value.remedy


def test_learning_rate_rises_to_its_peak_and_falls_to_zero():
    rates = [schedule.learning_rate(step, 1000, 2e-3, 0.1) for step in range(1001)]
    assert rates[0] == pytest.approx(2e-5)
    assert max(rates) == rates[99] == rates[100] == 2e-3
    assert rates[550] == pytest.approx(1e-3)  # half way down the half cosine
    assert rates[1000] == pytest.approx(0, abs=1e-18)
    assert all(a <= b for a, b in itertools.pairwise(rates[:100]))
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))


@pytest.mark.parametrize("steps", [1, 2, 3, 24, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.02, 0.5, 0.99])
def test_a_cosine_is_what_it_was_before_there_were_others(steps, warmup):
    rise = max(1, round(warmup * steps))
    for step in range(steps):
        fall = 2e-3 * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))
        expected = 2e-3 * (step + 1) / rise if step < rise else fall
        assert schedule.learning_rate(step, steps, 2e-3, warmup) == expected


@pytest.mark.parametrize("name", get_args(ScheduleName))
@pytest.mark.parametrize("warmup", [0.0, 0.02, 0.5])
def test_every_schedule_starts_at_the_peak_after_the_same_rise(name, warmup):
    rates = [schedule.learning_rate(step, 200, 2e-3, warmup, name) for step in range(200)]
    rise = round(200 * warmup)
    assert rates[:rise] == pytest.approx([2e-3 * (step + 1) / rise for step in range(rise)])
    assert rates[rise] == 2e-3
    assert all(a >= b >= 0 for a, b in itertools.pairwise(rates[rise:]))


def test_constant_stays():
    assert {schedule.learning_rate(step, 100, 0.7, 0.0, "constant") for step in range(100)} == {0.7}


@pytest.mark.parametrize("steps_an_epoch", [1, 7, 2980])
def test_the_pieces_of_burda_begin_at_the_very_step(steps_an_epoch):
    def rate(step):
        return schedule.learning_rate(step, PASSES * steps_an_epoch, 1e-3, 0.0, "burda")

    assert sum(3**i for i in range(8)) == PASSES
    starts = (0, *BOUNDARIES)
    assert starts == tuple(itertools.accumulate((3**i for i in range(7)), initial=0))
    for i, (start, end) in enumerate(itertools.pairwise((*starts, PASSES))):
        expected = 1e-3 * 10 ** (-i / 7)
        assert rate(start * steps_an_epoch) == pytest.approx(expected, rel=1e-14)
        assert rate(end * steps_an_epoch - 1) == pytest.approx(expected, rel=1e-14)
    assert rate(0) == 1e-3
    assert rate(PASSES * steps_an_epoch - 1) == pytest.approx(1e-4, rel=1e-14)


@pytest.mark.parametrize("steps", [1, 5, 100, 3279, 3281, 119_200])
def test_burda_is_the_same_compressed(steps):
    for step in range(0, steps, max(1, steps // 500)):
        piece = math.floor(math.log(2 * PASSES * step / steps + 1, 3) + 1e-12)
        found = schedule.learning_rate(step, steps, 1.0, 0.0, "burda")
        assert found == pytest.approx(10 ** (-piece / 7), rel=1e-14)


def test_the_pieces_of_burda_share_what_the_rise_leaves():
    whole = [schedule.learning_rate(step, PASSES, 1.0, 0.0, "burda") for step in range(PASSES)]
    risen = [schedule.learning_rate(step, 2 * PASSES, 1.0, 0.5, "burda") for step in range(2 * PASSES)]
    assert risen[PASSES:] == whole


@pytest.mark.parametrize("name", get_args(ScheduleName))
def test_the_option_is_what_the_optimiser_gets(name):
    rows = torch.randn(80, 3)
    options = TrainingOptions(epochs=1, batch_size=4, lr=3e-3, lr_warmup=0.25, schedule=name, clip=0.0)
    model = build(rows, ModelOptions(latent=1, network="plain", width=2, depth=1))
    job = prepare(model, rows, None, options, {}, Processes())
    trainer, used = Trainer(model, job, Processes()), []
    move = trainer.state.weights.move
    trainer.state.weights.move = lambda step, lr: (used.append(lr), move(step, lr))
    for _ in range(20):
        trainer.step()
    assert used == [schedule.learning_rate(number, 20, 3e-3, 0.25, name) for number in range(20)]
    assert len(set(used[5:])) == {"cosine": 15, "constant": 1, "burda": 4}[name]  # of 15 steps, pieces 1 to 4 hold none


def test_rate_weight_rises_linearly_to_beta():
    assert [schedule.rate_weight(step, 4, 2.0) for step in (0, 1, 2, 4, 9)] == [0.0, 0.5, 1.0, 2.0, 2.0]
    assert schedule.rate_weight(0, 0, 0.7) == 0.7


def test_average_decay_forgets_the_start():
    # The weight left on the first weights after n steps is the product of the decays.
    left = math.prod(schedule.average_decay(step, 0.999) for step in range(200))
    assert left < 1e-9
    assert schedule.average_decay(10**6, 0.999) == 0.999
    assert schedule.average_decay(5, 0.0) == 0.0
