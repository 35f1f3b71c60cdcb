"""Variational autoencoders for images and tables, whose every number is a likelihood.

    import variate

    data = variate.split(variate.read("digits"))    training, validation and test parts
    vae = variate.build(data)                       a model for these data
    variate.fit(vae, data, epochs=20)               trains it
    variate.elbo(vae, data.test)                    nats per row
    variate.log_evidence(vae, data.test)            a tighter bound on log p(x)
    variate.diagnose(vae, data)                     why it is not better
    variate.report("runs/digits")                   all that is known of a run, as one page
    variate.impute(vae, rows)                       rows with their missing elements filled
    variate.classify(vae, rows)                     p(c|x) of a model with conditions, by Bayes' rule
    variate.score(vae, rows, calibration=data)      how odd each row is, and why
    variate.to_arrow(vae.sample(16), data.schema)   new rows of a table, for every library of data frames
    variate.grow(vae, data)                         a model with room for new categories, ranges and gaps
    vae.embed(data.test), vae.sample(16), vae.reconstruct(data.test)
    variate.connect(url, token)                     a model that `variate serve` serves, with the methods of a model
    vae.save("model.safetensors");  vae = variate.load("model.safetensors")

Importing variate loads no torch; the first use of a name does.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.schema import Column, Schema
from variate.errors import InputError, NonFiniteError, VariateWarning

if TYPE_CHECKING:
    from variate.client.remote import RemoteModel, connect
    from variate.client.transport import ServerError
    from variate.comparison.compare import Comparison, compare
    from variate.data.arrays import from_arrays
    from variate.data.arrow_rows import to_arrow
    from variate.data.batch import Batch
    from variate.data.dataset import Dataset, Splits
    from variate.data.readers.sources import read
    from variate.data.relations import obey
    from variate.data.split import split
    from variate.doctor import Diagnosis, Finding, diagnose
    from variate.evaluation.bounds.annealed import annealed_evidence
    from variate.evaluation.bounds.importance import Evidence, log_evidence
    from variate.evaluation.bounds.sandwich import evidence_sandwich
    from variate.evaluation.classify import Classified, classify
    from variate.evaluation.conditional.impute import Imputed, impute
    from variate.evaluation.evaluate import Evaluation, evaluate
    from variate.evaluation.gap_budget import GapBudget, gap_budget
    from variate.evaluation.latent_space.interpolate import Interpolation, interpolate
    from variate.evaluation.latent_space.neighbours import NearestNeighbours, neighbours
    from variate.evaluation.latent_space.shift import Shifted, shift
    from variate.evaluation.latent_space.traverse import Traversal, traverse
    from variate.evaluation.scores.drift import Drift, drift
    from variate.evaluation.scores.reference import ReferenceScores, reference_scores
    from variate.evaluation.scores.score import Scores, score
    from variate.models.base import Model
    from variate.models.build import build
    from variate.models.draws import Draws, Group
    from variate.models.growing import grow
    from variate.models.load import load
    from variate.models.vae import VAE, Decoder, Encoder
    from variate.objectives import Terms, elbo
    from variate.reports.report_files import report
    from variate.runs.run import Run
    from variate.statistics import Estimate
    from variate.training import History, fit
    from variate.training.latent_trials import choose_latent
    from variate.training.latents import LatentSearch

__version__ = "0.1.0"

_HOMES = {
    "RemoteModel": "variate.client.remote",
    "connect": "variate.client.remote",
    "ServerError": "variate.client.transport",
    "Comparison": "variate.comparison.compare",
    "compare": "variate.comparison.compare",
    "from_arrays": "variate.data.arrays",
    "to_arrow": "variate.data.arrow_rows",
    "Batch": "variate.data.batch",
    "Dataset": "variate.data.dataset",
    "Splits": "variate.data.dataset",
    "read": "variate.data.readers.sources",
    "obey": "variate.data.relations",
    "split": "variate.data.split",
    "Diagnosis": "variate.doctor",
    "Finding": "variate.doctor",
    "diagnose": "variate.doctor",
    "annealed_evidence": "variate.evaluation.bounds.annealed",
    "Evidence": "variate.evaluation.bounds.importance",
    "log_evidence": "variate.evaluation.bounds.importance",
    "evidence_sandwich": "variate.evaluation.bounds.sandwich",
    "Classified": "variate.evaluation.classify",
    "classify": "variate.evaluation.classify",
    "Imputed": "variate.evaluation.conditional.impute",
    "impute": "variate.evaluation.conditional.impute",
    "Evaluation": "variate.evaluation.evaluate",
    "evaluate": "variate.evaluation.evaluate",
    "GapBudget": "variate.evaluation.gap_budget",
    "gap_budget": "variate.evaluation.gap_budget",
    "Drift": "variate.evaluation.scores.drift",
    "drift": "variate.evaluation.scores.drift",
    "ReferenceScores": "variate.evaluation.scores.reference",
    "reference_scores": "variate.evaluation.scores.reference",
    "Scores": "variate.evaluation.scores.score",
    "score": "variate.evaluation.scores.score",
    "Interpolation": "variate.evaluation.latent_space.interpolate",
    "interpolate": "variate.evaluation.latent_space.interpolate",
    "NearestNeighbours": "variate.evaluation.latent_space.neighbours",
    "neighbours": "variate.evaluation.latent_space.neighbours",
    "Shifted": "variate.evaluation.latent_space.shift",
    "shift": "variate.evaluation.latent_space.shift",
    "Traversal": "variate.evaluation.latent_space.traverse",
    "traverse": "variate.evaluation.latent_space.traverse",
    "Draws": "variate.models.draws",
    "Group": "variate.models.draws",
    "Model": "variate.models.base",
    "build": "variate.models.build",
    "grow": "variate.models.growing",
    "load": "variate.models.load",
    "Decoder": "variate.models.vae",
    "Encoder": "variate.models.vae",
    "VAE": "variate.models.vae",
    "Terms": "variate.objectives",
    "elbo": "variate.objectives",
    "report": "variate.reports.report_files",
    "Run": "variate.runs.run",
    "Estimate": "variate.statistics",
    "History": "variate.training",
    "fit": "variate.training",
    "choose_latent": "variate.training.latent_trials",
    "LatentSearch": "variate.training.latents",
}

__all__ = [
    "VAE",
    "Batch",
    "Classified",
    "Column",
    "Comparison",
    "DataOptions",
    "Dataset",
    "Decoder",
    "Diagnosis",
    "Draws",
    "Drift",
    "Encoder",
    "Estimate",
    "Evaluation",
    "Evidence",
    "Finding",
    "GapBudget",
    "Group",
    "History",
    "Imputed",
    "InputError",
    "Interpolation",
    "LatentSearch",
    "Model",
    "ModelOptions",
    "NearestNeighbours",
    "NonFiniteError",
    "Recipe",
    "ReferenceScores",
    "RemoteModel",
    "Run",
    "Schema",
    "Scores",
    "ServerError",
    "Shifted",
    "Splits",
    "Terms",
    "TrainingOptions",
    "Traversal",
    "VariateWarning",
    "annealed_evidence",
    "build",
    "choose_latent",
    "classify",
    "compare",
    "connect",
    "diagnose",
    "drift",
    "elbo",
    "evaluate",
    "evidence_sandwich",
    "fit",
    "from_arrays",
    "gap_budget",
    "grow",
    "impute",
    "interpolate",
    "load",
    "log_evidence",
    "neighbours",
    "obey",
    "read",
    "reference_scores",
    "report",
    "score",
    "shift",
    "split",
    "to_arrow",
    "traverse",
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
