"""New rows of a table whose columns follow from one another: every row obeys what was found in the data."""

import numpy as np
import pytest

from small_runs import SMALL, orders
from variate.config.recipe import ModelOptions
from variate.models.load import load
from variate.runs import Run
from variate.runs.training import plan, train
from variate.tasks.sample import sample

NET, TAX, TWICE, LEVEL, LETTER, GROSS, FOUR = range(7)


@pytest.fixture(scope="module")
def gaps_run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("gaps")
    (folder / "orders.csv").write_text("\n".join(orders(with_gaps=True)))
    model = ModelOptions(width=16, depth=1, latent=3, gaps="model")
    train(plan(str(folder / "orders.csv"), str(folder / "run"), **{**SMALL, "model": model}))
    return Run(folder / "run")


def cents(values):
    return np.round(values, 2)


def obeyed(rows):
    """The share of rows that obey each relation; a gap equals a gap."""
    pairs = {
        "letter": (rows[:, LETTER], rows[:, LEVEL]),
        "twice": (rows[:, TWICE], cents(2 * rows[:, NET])),
        "four": (rows[:, FOUR], cents(4 * rows[:, NET])),
        "gross": (rows[:, GROSS], cents(rows[:, NET] + rows[:, TAX])),
    }
    alike = {name: (one == other) | (np.isnan(one) & np.isnan(other)) for name, (one, other) in pairs.items()}
    return {name: float(rows.mean()) for name, rows in alike.items()}


ALL = {"letter": 1.0, "twice": 1.0, "four": 1.0, "gross": 1.0}


def test_every_row_obeys_what_was_found(orders_run):
    raw = orders_run.model.sample(500, seed=0).numpy()
    assert max(obeyed(raw).values()) < 1  # the draws themselves do not
    rows = sample(orders_run, 500).rows
    assert obeyed(rows) == ALL
    assert np.array_equal(rows[:, [NET, TAX, LEVEL]], raw[:, [NET, TAX, LEVEL]])


def test_relations_are_in_the_model_file(orders_run):
    schema = load(orders_run.model_file).recipe.schema
    assert {relation.place for relation in schema.relations} == {TWICE, FOUR, LETTER, GROSS}
    assert schema.relations == orders_run.splits().train.schema.relations


@pytest.mark.parametrize(
    ("given", "place", "low", "high"),
    [
        ("level=2", LETTER, 1, 1),
        ("letter=b", LEVEL, 1, 1),
        ("twice=40..60", NET, 20, 30),
        ("net=20..30", TWICE, 40, 60),
    ],
)
def test_a_condition_on_either_side_decides_the_other(orders_run, given, place, low, high):
    found = sample(orders_run, 100, given=(given,))
    assert obeyed(found.rows) == ALL
    assert ((found.rows[:, place] >= low) & (found.rows[:, place] <= high)).all()
    assert found.conditioned.as_drawn == ()


def test_a_sum_that_is_given_stays_as_drawn_and_is_named(orders_run):
    found = sample(orders_run, 100, given=("gross=30..50",))
    assert found.conditioned.as_drawn == ("gross",)
    assert ((found.rows[:, GROSS] >= 30) & (found.rows[:, GROSS] <= 50)).all()
    assert {**obeyed(found.rows), "gross": 1.0} == ALL


def test_gaps_obey_too(gaps_run):
    """Level and letter are missing together; a sum is missing in some rows in which its parts are not."""
    rows = sample(gaps_run, 500).rows
    gaps = np.isnan(rows)
    assert gaps[:, [LEVEL, LETTER, GROSS]].any(0).all()
    whole = rows[~gaps[:, [GROSS, FOUR]].any(1)]
    assert len(whole) > 50
    assert obeyed(whole) == ALL
    assert np.array_equal(gaps[:, LEVEL], gaps[:, LETTER])
    assert obeyed(rows)["letter"] == 1
