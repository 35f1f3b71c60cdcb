"""Training: `fit`, and what it is made of."""

from variate.training.state import saved_recipe
from variate.training.trainer import History, fit, run_training

__all__ = ["History", "fit", "run_training", "saved_recipe"]
