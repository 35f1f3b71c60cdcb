"""A table in memory as different libraries hold it."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

N = 60


def columns(gaps=True):
    """Cells of every type, None where they are missing."""
    rng = np.random.default_rng(0)
    start = datetime.datetime(2020, 1, 1)
    found = {
        "age": [int(age) for age in rng.negative_binomial(3, 0.1, N)],
        "paid": [Decimal(int(cents)) / 100 for cents in rng.integers(100, 10_000, N)],
        "weight": rng.normal(size=N).tolist(),
        "city": rng.choice(["Oslo", "Bern"], N).tolist(),
        "member": rng.choice([True, False], N).tolist(),
        "day": [start.date() + datetime.timedelta(days=int(days)) for days in rng.integers(0, 400, N)],
        "seen": [start + datetime.timedelta(seconds=int(seconds)) for seconds in rng.integers(0, 10**7, N)],
        "stay": [datetime.timedelta(minutes=int(minutes)) for minutes in rng.integers(1, 10_000, N)],
        "hour": [datetime.time(int(hour), 30) for hour in rng.integers(0, 24, N)],
    }
    if gaps:
        for cells in found.values():
            for place in rng.choice(N, 5, replace=False):
                cells[place] = None
    return found


def arrow(gaps=True):
    """The table as one of Arrow."""
    return pa.table(columns(gaps))


class OnlyStream:
    """A table that has nothing but Arrow's PyCapsule interface."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


class OnlyExchanged:
    """A table that has nothing but the dataframe protocol."""

    def __init__(self, table):
        self.table = table

    def __dataframe__(self, nan_as_null=False, allow_copy=True):
        return self.table.__dataframe__(nan_as_null, allow_copy)
