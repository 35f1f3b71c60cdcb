"""Loads models from files. No code from a file is run."""

from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from variate.config.recipe import FORMAT, Recipe
from variate.config.run_files import MODEL_FILE
from variate.errors import InputError
from variate.models.base import Model
from variate.models.build import from_recipe
from variate.models.vae import VAE
from variate.runtime import tensor_files
from variate.runtime.random import seeded

M = TypeVar("M", bound=Model)


def load(path: str | Path, into: M | None = None) -> M | VAE:
    """The model in a file that `Model.save` wrote.

    Args:
        path: The model file, or a run directory with one.
        into: A model that takes the weights, for files of models with custom parts. By default the model is built from
            the recipe in the file.

    Returns:
        The model, in evaluation mode: `into`, or a new one on the CPU.

    Raises:
        InputError: If the file is absent, damaged or of a newer version, or does not fit the model.
    """
    path = Path(path)
    if path.is_dir():
        path = path / MODEL_FILE
    tensors, metadata = tensor_files.read_tensors(path)
    check_format(path, metadata)
    if into is None and not metadata["recipe"]:
        raise InputError(
            str(path),
            "a model with a recipe",
            "one with custom parts",
            "build it and pass it as load(path, into=model)",
        )
    with seeded(0):  # for initial weights, which the file's replace; the user's generators keep their state
        model = into if into is not None else from_recipe(Recipe.from_json(metadata["recipe"]))
    if any(tensors[name].dtype == torch.float64 for name, _ in model.named_parameters() if name in tensors):
        model.double()
    try:
        model.load_state_dict(renamed(tensors, model.state_dict()))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(str(path), "weights that fit the model", reason) from None
    return model.eval()


def renamed(tensors: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that the model expects.

    Earlier versions saved a prior that is a module from elsewhere (a flow) as `latent_prior.NAME`, without a wrapper.

    Args:
        tensors: Tensors of the file, by name.
        expected: Tensors of the model, by name.
    """
    moved = {name.replace("latent_prior.", "latent_prior.distribution.", 1): name for name in tensors}
    return {new if new in expected and old not in expected else old: tensors[old] for new, old in moved.items()}


def check_format(path: Path, metadata: dict[str, str]) -> None:
    """Checks that a file holds a model of a version that is known.

    Args:
        path: The file.
        metadata: The strings in its header.

    Raises:
        InputError: If it holds no model, or one of a newer version.
    """
    version = metadata.get("format", "")
    if not version.isdecimal() or "recipe" not in metadata:
        raise InputError(str(path), "a model of variate", "a file without a format and a recipe")
    if int(version) > FORMAT:
        raise InputError(
            str(path), f"a format up to {FORMAT}", f"format {version}", "upgrade with `pip install -U variate`"
        )
