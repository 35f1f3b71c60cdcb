"""Run directories: a trained model with its data, its history and what was measured of it.

`variate.runs.run.Run` opens one; `variate.runs.training` starts and resumes them. torch is loaded when a model is used,
so that data are read, and refused where they cannot be used, before that.
"""

from variate.runs.run import Examined, HeldOut, Run

__all__ = ["Examined", "HeldOut", "Run"]
