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

from variate.errors import InputError, VariateWarning
from variate.recipe import Column, DataOptions, ModelOptions, Recipe, Schema, TrainingOptions

if TYPE_CHECKING:
    from variate.budget import GapBudget, gap_budget
    from variate.compose import build, load
    from variate.data import read, split
    from variate.doctor import Diagnosis, Finding, diagnose
    from variate.estimates import Estimate
    from variate.evaluation import Evaluation, evaluate
    from variate.evidence.annealed import annealed_evidence
    from variate.evidence.importance import Evidence, log_evidence
    from variate.evidence.sandwich import evidence_sandwich
    from variate.objectives import Terms, elbo
    from variate.training import History, NonFiniteError, fit
    from variate.vae import VAE, Decoder, Encoder

__version__ = "0.1.0"

_HOMES = {
    "GapBudget": "variate.budget",
    "gap_budget": "variate.budget",
    "build": "variate.compose",
    "load": "variate.compose",
    "read": "variate.data",
    "split": "variate.data",
    "Diagnosis": "variate.doctor",
    "Finding": "variate.doctor",
    "diagnose": "variate.doctor",
    "Estimate": "variate.estimates",
    "Evaluation": "variate.evaluation",
    "evaluate": "variate.evaluation",
    "annealed_evidence": "variate.evidence.annealed",
    "Evidence": "variate.evidence.importance",
    "log_evidence": "variate.evidence.importance",
    "evidence_sandwich": "variate.evidence.sandwich",
    "Terms": "variate.objectives",
    "elbo": "variate.objectives",
    "History": "variate.training",
    "NonFiniteError": "variate.training",
    "fit": "variate.training",
    "Decoder": "variate.vae",
    "Encoder": "variate.vae",
    "VAE": "variate.vae",
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
