"""Rows of a model written as a picture, an array or a table."""

from pathlib import Path

import numpy as np

from variate.config.recipe import Recipe


def output_path(out: str | None, name: str, recipe: Recipe, overwrite: bool) -> Path:
    """Where to write rows of this kind."""
    from variate.data import writers as outputs

    endings = (".png", *outputs.TABLES) if recipe.schema.is_image else outputs.TABLES
    return outputs.new_path(out or f"{name}{endings[0] if recipe.schema.is_image else '.csv'}", endings, overwrite)


def levels(recipe: Recipe) -> int:
    """Grey levels of an image, for showing it; 0 where its range is its own."""
    if recipe.schema.kind == "binary":
        return 2
    return recipe.schema.levels


def write_rows(path: Path, rows: np.ndarray, recipe: Recipe) -> None:
    """Writes rows as a picture, an array or a table, by the file's ending."""
    from variate.data import writers as outputs
    from variate.reports import pictures

    if path.suffix.lower() == ".png":
        pictures.save(pictures.grid(pictures.to_uint8(rows, levels(recipe))), path)
    elif path.suffix.lower() == ".npy" and not recipe.schema.columns:
        outputs.write_array(path, rows)
    else:
        outputs.write_table(path, outputs.columns(rows, recipe.schema))


def write_pairs(path: Path, rows: np.ndarray, decoded: np.ndarray, recipe: Recipe) -> None:
    """Writes a picture of each image above its reconstruction."""
    from variate.reports import pictures

    above, below = (pictures.to_uint8(part, levels(recipe)) for part in (rows, decoded))
    pictures.save(pictures.side_by_side(above, below), path)
