"""Training: `fit`, and what it is made of."""

from variate.training.state import saved_recipe
from variate.training.trainer import History, fit

__all__ = ["History", "fit", "saved_recipe"]
