"""Sampling, reconstructing, embedding."""

from collections.abc import Iterator

import numpy as np

from variate.cli.speech import say
from variate.cli.writing import output_path, write_pairs, write_rows
from variate.data import Rows, Streamed
from variate.data.storage.stream import SAMPLE_BYTES
from variate.errors import InputError
from variate.runs.opening import all_rows, open_model, read_for, rows_for

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
    from variate.data import writers as outputs

    path = outputs.new_path(out, outputs.TABLES, overwrite)
    vae, recipe = open_model(model)
    found = read_for(recipe, data if data is not None else recipe.source)

    def table(rows: np.ndarray) -> dict[str, np.ndarray]:
        mean, deviation = vae.embed(rows)
        named = {f"z{i}": column for i, column in enumerate(mean.numpy().T)}
        return named | ({f"std{i}": column for i, column in enumerate(deviation.numpy().T)} if std else {})

    count = len(found.rows) if isinstance(found, Streamed) else len(all_rows(found))
    outputs.write_pieces(path, map(table, pieces(found)), count)
    say(f"wrote {count:,} rows of {vae.latent} latents to {path}, in the order of the data")


def pieces(data: Rows | Streamed) -> Iterator[np.ndarray]:
    """All rows in order: at once, or of a stream some at a time.

    Raises:
        InputError: If the model is of bits that were never drawn for a stream.
    """
    if isinstance(data, Rows):
        yield all_rows(data)
        return
    if data.grey:
        raise InputError(
            f"the model is of bits, which are drawn once for rows in memory, and {data.name} is streamed; give bits, "
            "or fewer rows"
        )
    step = data.rows.limit(SAMPLE_BYTES)
    for start in range(0, len(data.rows), step):
        yield data.rows.take(np.arange(start, min(start + step, len(data.rows))))
