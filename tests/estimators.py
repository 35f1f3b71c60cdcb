"""Small estimators for scikit-learn, and what they are fitted to."""

import numpy as np
import pandas as pd
import polars as pl

from examples import rng
from variate import ModelOptions, TrainingOptions

SMALL = {
    "latent": 2,
    "epochs": 2,
    "random_state": 0,
    "model_options": ModelOptions(width=8, depth=1),
    "training_options": TrainingOptions(compile="off", precision="float32"),
}
"""Parameters of an estimator that is fitted in a tenth of a second."""


def numbers(n=60, gaps=0.1):
    """Real, whole and binary features with gaps, (n, 4)."""
    source = rng()
    x = source.normal(size=(n, 4))
    x[:, 1] += x[:, 0]
    x[:, 2], x[:, 3] = source.poisson(4, n), x[:, 0] > 0
    x[source.random(x.shape) < gaps] = np.nan
    return x


def mixed(n=60):
    """A data frame with numbers, categories, dates, gaps, a constant and a column that numbers the rows."""
    source = rng()
    frame = pd.DataFrame(
        {
            "id": np.arange(n),
            "weight": source.normal(size=n),
            "city": pd.Categorical(source.choice(["Oslo", "Bern"], n), categories=["Oslo", "Bern", "Rome"]),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(source.integers(0, 400, n), unit="D"),
            "visits": source.poisson(4, n),
            "unit": "kg",
        },
        index=pd.Index(np.arange(n) + 100, name="row"),
    )
    frame.loc[source.random(n) < 0.2, "city"] = np.nan
    frame.loc[source.random(n) < 0.2, "weight"] = np.nan
    frame.loc[source.random(n) < 0.2, "day"] = pd.NaT
    return frame


FRAMES = {"pandas": mixed, "polars": lambda: pl.from_pandas(mixed())}
"""The same table in several libraries."""


def numbers_as(library):
    """`numbers` as an array or as a data frame."""
    x = numbers()
    names = ["a", "b", "c", "d"]
    return {"numpy": x, "pandas": pd.DataFrame(x, columns=names), "polars": pl.DataFrame(x, names)}[library]
