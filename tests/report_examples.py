"""Results and reports made by hand."""

import math
from pathlib import Path

from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.schema import Schema
from variate.doctor import Finding
from variate.evaluation.evaluate import AnnealedBound, Errors, Evaluation, Importance
from variate.reports.report import COST, NATS, Findings, Picture, Quantities, Quantity, Remarks, Report, Table
from variate.runs import HeldOut, Run
from variate.statistics import Estimate

RECIPE = Recipe(Schema("pixels", (1, 2, 2), 4), "data.npy", "0123456789ab", DataOptions(), ModelOptions(latent=3))


class Model:
    """As much of a model as reports look at."""

    recipe = RECIPE

    class likelihood:  # noqa: N801
        is_mass = True


def run(training=None, is_mass=True):
    model = Model()
    model.recipe = Recipe(*[getattr(RECIPE, f) for f in ("schema", "source", "fingerprint", "data", "model")],
                          training or TrainingOptions())  # fmt: skip
    model.likelihood = type("Likelihood", (), {"is_mass": is_mass})
    return Run("runs/mine", model=model)


HELD_OUT = HeldOut(None, "test part of data.npy", "data.npy", "0123456789ab")


FLAGGED = tuple(range(3, 27, 2))
"""Numbers of 12 rows."""


def evaluation(**changes):
    bounds = {10: Estimate(-7.5, 0.25), 100: Estimate(-7.0, 0.25)}
    found = Evaluation(
        elbo=Estimate(-8.0, 0.5),
        distortion=Estimate(5.0, 0.5),
        rate=Estimate(3.0, 0.125),
        importance=Importance(bounds, None, 0.02, 42.0, 0.24, FLAGGED),
        annealed=AnnealedBound(Estimate(-6.5, 0.75), Estimate(0.5, 0.1), 20, Estimate(1.5, 0.2), 6),
        active_units=Estimate(2.0, 0.0),
        latent=3,
        reconstruction=Errors(Estimate(0.5, 0.01), None, Estimate(0.875, 0.01)),
        num_rows=50,
        of_rows=180,
        dimensions=4,
        is_mass=True,
    )
    return found._replace(**changes)


BITS = math.log(2)
EVALUATION_JSON = {
    "model": "runs/mine",
    "data": {"source": "data.npy", "part": "test part of data.npy", "fingerprint": "0123456789ab"},
    "rows": 50,
    "of_rows": 180,
    "dimensions": 4,
    "seed": 7,
    "precision": "float32",
    "is_mass": True,
    "quantities": [
        {"name": name, "kind": kind, "unit": unit, "value": value, "stderr": stderr}
        | ({} if unit != "nats" else {
            "bits_per_dim": (value if kind != "bound" else -value) / (4 * BITS),
            "bits_per_dim_stderr": stderr / (4 * BITS),
        })
        for name, kind, unit, value, stderr in (
            ("ELBO", "bound", "nats", -8.0, 0.5),
            ("IW-10", "bound", "nats", -7.5, 0.25),
            ("IW-100", "bound", "nats", -7.0, 0.25),
            ("AIS of 20 rows", "bound", "nats", -6.5, 0.75),
            ("distortion, -log p(x|z)", "part of ELBO", "nats", 5.0, 0.5),
            ("rate, KL(q || p)", "part of ELBO", "nats", 3.0, 0.125),
            ("active units of 3", "no likelihood", "latents", 2.0, 0.0),
            ("RMSE, data units", "no likelihood", "data units", 0.5, 0.01),
            ("SSIM", "no likelihood", "", 0.875, 0.01),
        )
    ],
    "importance": {
        "samples": 100,
        "noise": None,
        "noise_of_reliable_rows": 0.02,
        "effective_sample_size": 42.0,
        "unreliable_rows": 0.24,
        "num_flagged": 12,
        "flagged": list(FLAGGED),
    },
}  # fmt: skip
"""What evaluation.json holds of it, except for the version and the recipe's digest."""


def finding(name, cost=None, alarm=False):
    return Finding(name, f"{name} is wrong", cost, "it was seen", "change it", alarm)


def example():
    lines = tuple(Quantity(name, Estimate(value, 0.5), NATS, COST) for name, value in (("a", 3.0), ("b", 2.0)))
    return Report(
        "a model",
        (
            Findings((finding("one", Estimate(3.0, 0.5), alarm=True),), "1 alarm"),
            Findings((finding("two"), finding("three")), "smaller", 2),
            Quantities(lines, "measured"),
            Table(("name", "value"), (("x", 1.5), ("y", 2.0)), "a table"),
            Picture(Path("a.png"), "rows"),
            Remarks(("read it well",), "how to read it"),
        ),
        {"seed": 3},
        {"rates": [1.0]},
    )
