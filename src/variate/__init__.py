"""Variational autoencoders for images and tables, whose every number is a likelihood.

    import variate

    vae = variate.build(rows)                       a model for this data
    variate.fit(vae, rows, epochs=20)               trains it
    variate.elbo(vae, rows)                         nats a row
    variate.log_evidence(vae, rows)                 a tighter bound on log p(x)
    variate.diagnose(vae, held_out, rows)           why it is not better
    vae.embed(rows), vae.sample(16), vae.reconstruct(rows)
    vae.save("model.safetensors");  vae = variate.load("model.safetensors")

Importing variate loads no torch; the first use of a name does.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from variate.config.recipe import Column, DataOptions, ModelOptions, Recipe, Schema, TrainingOptions
from variate.errors import InputError, VariateWarning

if TYPE_CHECKING:
    from variate.data import read, split
    from variate.doctor import Diagnosis, Finding, diagnose
    from variate.evaluation.bounds.annealed import annealed_evidence
    from variate.evaluation.bounds.importance import Evidence, log_evidence
    from variate.evaluation.bounds.sandwich import evidence_sandwich
    from variate.evaluation.evaluate import Evaluation, evaluate
    from variate.evaluation.gap_budget import GapBudget, gap_budget
    from variate.models.build import build, load
    from variate.models.vae import VAE, Decoder, Encoder
    from variate.objectives import Terms, elbo
    from variate.statistics import Estimate
    from variate.training import History, NonFiniteError, fit

__version__ = "0.1.0"

_HOMES = {
    "GapBudget": "variate.evaluation.gap_budget",
    "gap_budget": "variate.evaluation.gap_budget",
    "build": "variate.models.build",
    "load": "variate.models.build",
    "read": "variate.data",
    "split": "variate.data",
    "Diagnosis": "variate.doctor",
    "Finding": "variate.doctor",
    "diagnose": "variate.doctor",
    "Estimate": "variate.statistics",
    "Evaluation": "variate.evaluation.evaluate",
    "evaluate": "variate.evaluation.evaluate",
    "annealed_evidence": "variate.evaluation.bounds.annealed",
    "Evidence": "variate.evaluation.bounds.importance",
    "log_evidence": "variate.evaluation.bounds.importance",
    "evidence_sandwich": "variate.evaluation.bounds.sandwich",
    "Terms": "variate.objectives",
    "elbo": "variate.objectives",
    "History": "variate.training",
    "NonFiniteError": "variate.training",
    "fit": "variate.training",
    "Decoder": "variate.models.vae",
    "Encoder": "variate.models.vae",
    "VAE": "variate.models.vae",
}

__all__ = [
    "VAE",
    "Column",
    "DataOptions",
    "Decoder",
    "Diagnosis",
    "Encoder",
    "Estimate",
    "Evaluation",
    "Evidence",
    "Finding",
    "GapBudget",
    "History",
    "InputError",
    "ModelOptions",
    "NonFiniteError",
    "Recipe",
    "Schema",
    "Terms",
    "TrainingOptions",
    "VariateWarning",
    "annealed_evidence",
    "build",
    "diagnose",
    "elbo",
    "evaluate",
    "evidence_sandwich",
    "fit",
    "gap_budget",
    "load",
    "log_evidence",
    "read",
    "split",
]


def __getattr__(name: str) -> object:
    """Loads a public name on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'variate' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
