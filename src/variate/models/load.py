"""Loads models from files. No code from a file is run.

A file is judged by its header before anything is made of it: the model that the recipe describes is built on the meta
device, where it takes no memory, and its names, shapes and types are compared with those of the tensors in the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from variate.config.model_file import of_file, recipe_in
from variate.config.recipe import Recipe
from variate.config.run_files import MODEL_FILE
from variate.data.wording import list_names, type_name
from variate.errors import InputError
from variate.models.base import Model
from variate.models.build import composed, outline
from variate.models.finite import require_finite_weights
from variate.models.vae import VAE
from variate.runtime import files, memory, tensor_files
from variate.runtime.modes import own_modes
from variate.runtime.random import seeded
from variate.runtime.tensor_header import TensorEntry, TensorHeader

M = TypeVar("M", bound=Model)
T = TypeVar("T")

CALLS = 100
"""Building a model takes at most this many calls of torch's functions per tensor, and as many besides."""
SMALL = 4096
"""Elements of a tensor that building a model may make on its way, however few there are in the file."""


@own_modes()
def load(path: str | Path, into: M | None = None) -> M | VAE:
    """The model in a file that `Model.save` wrote.

    Args:
        path: The model file, or a run directory with one.
        into: A model that takes the weights, for files of models with custom parts. By default the model is built from
            the recipe in the file.

    Returns:
        The model, in evaluation mode: `into`, or a new one on the CPU.

    Raises:
        InputError: If the file is absent, damaged or of a newer version, does not fit the model or in memory, or holds
            weights that are not finite. `into` is then as it was.
    """
    path = files.as_path(path, "path", "the path of a model file or a run directory")
    if path.is_dir():
        path = path / MODEL_FILE
    with (
        tensor_files.open_tensors(path) as file,
        memory.refusing_shortage(str(path), "a model that fits", "use a machine with more memory"),
    ):
        try:
            recipe = recipe_in(path, file.header)
            expected = into if into is not None else expected_model(path, recipe, file.header)
            state = expected.state_dict()
            entries = renamed(file.header.entries, state)
            check_fit(path, entries, state)
        except InputError:
            file.check()  # damage is called damage, whatever it looks like
            raise
        tensors = renamed(file.read(), state)
        require_finite_weights(expected, tensors, str(path), "train it again")
        model = into if into is not None else built(recipe)
        if any(entries[name].dtype == "float64" for name, _ in model.named_parameters()):
            model.double()
        model.load_state_dict(tensors)
    return model.eval()


def expected_model(path: Path, recipe: Recipe | None, header: TensorHeader) -> VAE:
    """The model that a recipe describes, without values; building it takes no more than the file can hold.

    Args:
        path: The file, for errors.
        recipe: The recipe in it.
        header: Its header.

    Raises:
        InputError: If there is no recipe, or no model of this recipe is in such a file.
    """
    if recipe is None:
        remedy = "build it and pass it as load(path, into=model)"
        raise InputError(str(path), "a model with a recipe", "one with custom parts", remedy)
    try:
        return outline(recipe, max(SMALL, header.num_elements), CALLS * (len(header.entries) + 1))
    except InputError as error:
        raise of_file(path, error) from None


def built(recipe: Recipe | None) -> VAE:
    """A model of a recipe, whose weights are about to be replaced; the user's generators keep their state."""
    if recipe is None:
        raise AssertionError("a model without a recipe is not built")
    with seeded(0):
        return composed(recipe)


def check_fit(path: Path, entries: Mapping[str, TensorEntry], expected: Mapping[str, Tensor]) -> None:
    """Compares what a file holds with what a model is made of.

    Args:
        path: The file, for errors.
        entries: The tensors in the file.
        expected: The tensors of the model. Floating-point numbers may be of another width.

    Raises:
        InputError: If they differ in a name, a shape or the kind of their numbers.
    """
    fitting = "weights that fit the model"
    missing, surplus = sorted(expected.keys() - entries.keys()), sorted(entries.keys() - expected.keys())
    if missing or surplus:
        got = [f"{word} {list_names(names)}" for word, names in (("none for", missing), ("some for", surplus)) if names]
        raise InputError(str(path), fitting, " and ".join(got))
    for name, tensor in expected.items():
        dtype, shape = getattr(torch, entries[name].dtype), entries[name].shape
        if shape != tuple(tensor.shape) or (dtype != tensor.dtype and _kind(dtype) != _kind(tensor.dtype)):
            described = f"{name} of shape {tuple(tensor.shape)} and {type_name(tensor.dtype)}"
            raise InputError(str(path), f"{fitting} ({described})", f"shape {shape} and {entries[name].dtype}")


def _kind(dtype: torch.dtype) -> str:
    """What numbers of one kind can be converted to each other without a loss of their meaning."""
    return "real" if dtype.is_floating_point else "complex" if dtype.is_complex else type_name(dtype)


def renamed(found: Mapping[str, T], expected: Mapping[str, Tensor]) -> dict[str, T]:
    """What a file holds, under the names that the model expects.

    Earlier versions saved a prior that is a module from elsewhere (a flow) as `latent_prior.NAME`, without a wrapper.

    Args:
        found: By the names in the file.
        expected: Tensors of the model, by name.
    """
    moved = {name.replace("latent_prior.", "latent_prior.distribution.", 1): name for name in found}
    return {new if new in expected and old not in expected else old: found[old] for new, old in moved.items()}
