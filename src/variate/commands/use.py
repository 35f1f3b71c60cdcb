"""Sampling, reconstructing, embedding."""

from variate.commands.opening import all_rows, open_model, rows_for
from variate.commands.speech import say
from variate.commands.writing import output_path, write_pairs, write_rows
from variate.data import read
from variate.errors import InputError

SHOWN_ROWS = 48
"""Images in a picture of reconstructions."""


def sample(
    model: str, number: int, out: str | None, temperature: float, noise: bool, seed: int, overwrite: bool
) -> None:
    """Writes new rows."""
    vae, recipe = open_model(model)
    path = output_path(out, "samples", recipe, overwrite)
    mean = recipe.schema.is_image and not noise
    rows = vae.sample(number, temperature=temperature, mean=mean, seed=seed).numpy()
    write_rows(path, rows, recipe)
    say(f"wrote {number} samples to {path}{' (means of p(x|z); --noise draws pixels)' if mean else ''}")


def reconstruct(model: str, data: str | None, number: int | None, out: str | None, overwrite: bool) -> None:
    """Writes rows, encoded and decoded again."""
    vae, recipe = open_model(model)
    path = output_path(out, "reconstructions", recipe, overwrite)
    rows, part, *_ = rows_for(recipe, data)
    picture = path.suffix.lower() == ".png"
    if number is not None and number < 1:
        raise InputError(f"-n must be at least 1, got {number}")
    rows = rows[: number if number is not None else SHOWN_ROWS if picture else None]
    decoded = vae.reconstruct(rows).numpy()
    if picture:
        write_pairs(path, rows, decoded, recipe)
    else:
        write_rows(path, decoded, recipe)
    say(f"wrote {len(rows)} reconstructions of {part} to {path}")


def embed(model: str, data: str | None, out: str, std: bool, overwrite: bool) -> None:
    """Writes the posterior means, and on request standard deviations, of every row."""
    from variate import outputs

    path = outputs.new_path(out, outputs.TABLES, overwrite)
    vae, recipe = open_model(model)
    rows = all_rows(read(data if data is not None else recipe.source, recipe.data, schema=recipe.schema))
    found = vae.embed(rows)
    table = {f"z{i}": column for i, column in enumerate(found.mean.numpy().T)}
    if std:
        table |= {f"std{i}": column for i, column in enumerate(found.std.numpy().T)}
    outputs.write_table(path, table)
    say(f"wrote {len(rows):,} rows of {vae.latent} latents to {path}, in the order of the data")
