"""Training: the loop and what it stands on."""

from variate.training.loop import History, fit, saved_recipe
from variate.training.nonfinite import NonFiniteError

__all__ = ["History", "NonFiniteError", "fit", "saved_recipe"]
