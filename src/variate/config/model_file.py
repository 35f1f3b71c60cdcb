"""What the header of a model file says about the model: the version of the format, and the recipe. Needs no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from variate.config.recipe import FORMAT, Recipe
from variate.errors import InputError
from variate.runtime import strict_json
from variate.runtime.tensor_header import TensorHeader


def recipe_in(path: Path, header: TensorHeader) -> Recipe | None:
    """The recipe in a model file; None for a model with custom parts, which has none.

    Args:
        path: The file, for errors.
        header: Its header.

    Raises:
        InputError: If it holds no model, one of a newer version, or a recipe that cannot be one of its tensors.
    """
    version = header.strings.get("format", "")
    if not (version.isascii() and version.isdecimal()) or "recipe" not in header.strings:
        raise InputError(str(path), "a model of variate", "a file without a format and a recipe")
    digits = version.lstrip("0") or "0"
    if len(digits) > len(str(FORMAT)) or int(digits) > FORMAT:
        raise InputError(
            str(path), f"a format up to {FORMAT}", f"format {version}", "upgrade with `pip install -U variate`"
        )
    text = header.strings["recipe"]
    return parse_recipe(path, text, header.num_elements) if text else None


def parse_recipe(path: Path, text: str, num_elements: int) -> Recipe:
    """The recipe in a file.

    Args:
        path: The file, for errors.
        text: The recipe as JSON.
        num_elements: Number of elements of all tensors in the file. A model has more of them than columns and
            categories, so a longer list is refused before anything is made of it.

    Raises:
        InputError: If the text is not a recipe, or not one of such a file.
    """
    try:
        if _num_names(strict_json.parse(text)) > num_elements:
            raise ValueError(f"more columns and categories than the {num_elements:,} elements of its tensors")
        return Recipe.from_json(text)
    except InputError as error:
        raise of_file(path, error) from None
    except ValueError as error:
        raise InputError(f"{path}, the recipe", "JSON that fits the file", str(error)) from None


def of_file(path: Path, error: InputError) -> InputError:
    """An error about a part of a recipe, with the file that the recipe is from."""
    return InputError(f"{path}, {error.argument}", error.expected, error.got, error.remedy)


def _num_names(recipe: Any) -> int:  # noqa: ANN401  any JSON value
    """Number of columns and categories in what may be a recipe."""
    schema = recipe.get("schema") if isinstance(recipe, Mapping) else None
    columns = schema.get("columns") if isinstance(schema, Mapping) else None
    if not isinstance(columns, list):
        return 0
    categories = [column.get("categories") for column in columns if isinstance(column, Mapping)]
    return len(columns) + sum(len(found) for found in categories if isinstance(found, list))
