"""What the header of a model file says about the model: the version of the format, and the recipe. Needs no torch."""

from pathlib import Path

from variate.config.recipe import AS_SAVED, FORMAT, Recipe
from variate.errors import InputError, printable
from variate.runtime.tensor_header import TensorHeader

PARTS_BESIDE = 1_000
"""Objects and lists that any recipe may have, besides those of columns."""


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
            str(path),
            f"a format up to {FORMAT}",
            f"format {printable(version, 20)}",
            "upgrade with `pip install -U variate`",
        )
    text = header.strings["recipe"]
    return parse_recipe(path, text, header.size) if text else None


def parse_recipe(path: Path, text: str, size: int) -> Recipe:
    """The recipe in a file.

    Args:
        path: The file, for errors.
        text: The recipe as JSON.
        size: Bytes of all tensors in the file. A model has several numbers for each column, of which the recipe has an
            object and a list, so more of these are refused before anything is made of them.

    Raises:
        InputError: If the text is not a recipe, or not one of such a file.
    """
    parts, most = text.count("{") + text.count("["), PARTS_BESIDE + size // 4
    if parts > most:
        expected = f"at most {most:,} objects and lists, for such a file"
        raise InputError(f"{path}, the recipe", expected, f"{parts:,}", AS_SAVED)
    try:
        return Recipe.from_json(text)
    except InputError as error:
        raise of_file(path, error) from None


def of_file(path: Path, error: InputError) -> InputError:
    """An error about a part of a recipe, with the file that the recipe is from."""
    return InputError(f"{path}, {error.argument}", error.expected, error.got, error.remedy)
