"""Small models of every likelihood, with the rows that they are built for."""

import numpy as np
import torch

from examples import rng, table
from variate import ModelOptions, build
from variate.data.dataset import Dataset

DATA = {
    "bernoulli": lambda: rng().integers(0, 2, (20, 4), dtype=np.uint8),
    "quantized-gaussian": lambda: rng().integers(0, 256, (20, 1, 6, 5), dtype=np.uint8),
    "discretized-logistic": lambda: rng().integers(0, 256, (20, 3, 6, 5), dtype=np.uint8),
    "categorical": lambda: rng().integers(0, 256, (20, 1, 6, 5), dtype=np.uint8),
    "gaussian": lambda: rng().normal(size=(20, 4)),
    "student-t": lambda: rng().normal(size=(20, 4)),
    "poisson": lambda: rng().poisson(4, (20, 4)),
    "negative-binomial": lambda: rng().poisson(4, (20, 4)),
    "quantile-logistic": table,
    "columns": table,
}


def make(likelihood="gaussian", **options):
    """A model with weights that do something, and the rows that it was built for."""
    data = DATA[likelihood]()
    options = {"latent": 2, "width": 8, "depth": 1, "components": 3, "likelihood": likelihood, **options}
    vae = build(data, ModelOptions(**options))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return vae, data.all().x if isinstance(data, Dataset) else torch.as_tensor(data)
