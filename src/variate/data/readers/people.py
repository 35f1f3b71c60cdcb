"""`people`: a mixed table in the box, made up by a seeded script: customers of a shop that never was.

It has what real tables have: an identifier, a date, categories, whole numbers that start at a bound, a long tail on a
grid, an amount that is mostly zero, and gaps, of which some are missing by chance and others because of the value. What
depends on what is written below, so that what a model has learned can be checked.
"""

from typing import TYPE_CHECKING

import numpy as np

from variate.config.recipe import DataOptions
from variate.config.schema import Schema
from variate.data.source import Source

if TYPE_CHECKING:
    import pyarrow

ROWS = 2_000
CITIES = {"Berlin": 0.35, "Hamburg": 0.25, "Munich": 0.2, "Cologne": 0.12, "Leipzig": 0.08}
PLANS = ("basic", "family", "plus")


def read_people(options: DataOptions, schema: Schema | None) -> Source:
    """2,000 customers of a shop that never was, with gaps."""
    from variate.data.readers.tables import table_source

    return table_source(people(), "people", options, schema)


def people() -> "pyarrow.Table":
    """The table, the same at every call."""
    import pyarrow as pa

    random = np.random.RandomState(0)  # the one generator of NumPy whose numbers never change
    city = random.choice(len(CITIES), ROWS, p=list(CITIES.values()))
    age = np.clip(18 + random.gamma(1.6, 16, ROWS), 18, 90).astype(int)
    # Income has a long tail, rises until 50, and is higher in Munich.
    log_income = 7.6 + 0.35 * np.sin(np.clip(age - 18, 0, 45) / 45 * np.pi) + 0.25 * (city == 2)
    income = 50 * np.rint(np.exp(log_income + 0.35 * random.standard_normal(ROWS)) / 50)
    # The plan follows age and income: families in the middle of life, plus where there is money.
    family = 1.5 - ((age - 40) / 10.0) ** 2
    score = np.stack([np.zeros(ROWS), family, (income - 3_000) / 800], 1) + random.gumbel(size=(ROWS, 3))
    plan = score.argmax(1)
    joined = 18_262 + random.randint(0, 1_826, ROWS)  # days of the years 2020 to 2024
    visits = random.negative_binomial(1.5, 1.5 / (1.5 + np.array([2.0, 5.0, 9.0])[plan]))
    # Most spend nothing; others about 12 a visit.
    buys = random.random_sample(ROWS) < 1 - np.exp(-0.12 * visits)
    spent = np.where(buys, np.rint(100 * 12 * np.maximum(visits, 1) * random.gamma(4, 0.25, ROWS)) / 100, 0.0)
    newsletter = random.random_sample(ROWS) < np.array([0.2, 0.4, 0.7])[plan]
    # Incomes are missing more often the higher they are, ages by chance.
    no_income = random.random_sample(ROWS) < np.clip((income - 2_000) / 8_000, 0.03, 0.6)
    no_age, no_city = random.random_sample((2, ROWS)) < np.array([[0.05], [0.02]])
    return pa.table(
        {
            "customer": [f"C-{number}" for number in 10_000 + random.permutation(ROWS)],
            "joined": pa.array(joined.astype("datetime64[D]")),
            "city": pa.array(np.array(list(CITIES), dtype=object)[city], mask=no_city),
            "age": pa.array(age, mask=no_age),
            "income": pa.array(income.astype(int), mask=no_income),
            "plan": np.array(PLANS, dtype=object)[plan],
            "visits": visits,
            "spent": spent,
            "newsletter": np.where(newsletter, "yes", "no").astype(object),
        }
    )
