"""Model files: absurd recipes, tensors that do not fit, spoiled bytes; half with the checksum made right again.

A case is a folder with the model and a few rows. The model is opened, evaluated on the rows, and sampled from.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np

import variate
from campaign.absurd import FLOATS, HUGE, INTEGERS, TEXTS, json_value
from campaign.base import Campaign, Case, End
from campaign.judge import require_finite
from campaign.model_file import DTYPES, Parts, file_of, packed, parts_of, split_header
from campaign.spoil import spoiled
from variate.runs import Run
from variate.runs.run import HeldOut
from variate.tasks.sample import sample

RESULTS = ("the ELBO", "the latent coordinates", "the samples")
"""What a sentence names whose cause is the weights: the numbers that a model gives."""
SAMPLED = 2
"""Rows to draw, and draws per row to evaluate with."""
NESTED = 200_000
FILES = {
    "png": b"\x89PNG\r\n\x1a\n" + bytes(50),
    "csv": b"a,b\n1,2\n",
    "empty": b"",
    "zip": b"PK\x03\x04" + bytes(60),
    "pickle": b"\x80\x04\x95" + bytes(40),
    "json": b'{"a": 1}',
    "text": b"version https://git-lfs.github.com\n",
}


class Good(NamedTuple):
    """A good model's file, and a file of rows for it: its name and its content."""

    model: bytes
    name: str
    rows: bytes


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, item in inner:
        found += places(item, (*path, key))
    return found


def similar(random: Random, value: Any) -> Any:
    """A value of the same type that is absurd, or of another."""
    if random.random() < 0.3:
        return json_value(random)
    if isinstance(value, bool) or value is None:
        return random.choice((True, False, None, 1, "on", *INTEGERS))
    if isinstance(value, int):
        return random.choice((*INTEGERS, *INTEGERS, *HUGE, value + 1, value - 1))
    if isinstance(value, float):
        return random.choice((*FLOATS, -value))
    if isinstance(value, str):
        names = ("mixture", "vamp", "full", "isotropic", "conv", "plain", "bernoulli", "gaussian", "columns", "optimal")
        return random.choice((*TEXTS, *names, *names))
    if isinstance(value, list):
        return random.choice(
            ([], value * 2, [*value, *value, 1], [-1] * len(value), [10**5] * 3, value[:-1], value * 10_000)
        )
    return {} if random.random() < 0.5 else {**value, "more": 1}


def changed_recipe(random: Random, parts: Parts) -> tuple[Parts, str]:
    """A value of the recipe changed, left out or added."""
    recipe = json.loads(parts.metadata["recipe"])
    what = []
    for _ in range(random.choice((1, 1, 1, 2))):
        *way, last = random.choice(places(recipe))
        holder = recipe
        for key in way:
            holder = holder[key]
        if random.random() < 0.1 and isinstance(holder, dict):
            del holder[last]
            what.append(f"recipe without {last}")
        else:
            holder[last] = similar(random, holder[last])
            what.append(f"recipe {'.'.join(map(str, (*way, last)))} = {str(holder[last])[:40]}")
    text = json.dumps(recipe)
    return parts._replace(metadata={**parts.metadata, "recipe": text}), ", ".join(what)


def odd_recipe(random: Random, parts: Parts) -> tuple[Parts, str]:
    """A recipe that is no object, that is nested deeply, or is text that was spoiled."""
    text = parts.metadata["recipe"]
    way = random.randrange(6)
    if way == 0:
        text, _ = spoiled(random, text.encode())
        text = text.decode("latin1")
    elif way == 1:
        text = "[" * NESTED + "]" * NESTED
    elif way == 2:
        text = text[:-1] + f', "source": {"9" * 10_000}' + "}"
    elif way == 3:
        text = json.dumps(json_value(random))
    elif way == 4:
        text = text.replace('"model":', '"model":{"model":' * NESTED, 1)
    else:
        text = text[: random.randrange(len(text))]
    return parts._replace(metadata={**parts.metadata, "recipe": text}), f"recipe is odd, way {way}"


def changed_metadata(random: Random, parts: Parts) -> tuple[Parts, str]:
    """Another format, or a text missing, added or of another type."""
    metadata = dict(parts.metadata)
    key = random.choice(list(metadata))
    way = random.randrange(4)
    if way == 0:
        metadata["format"] = random.choice(("0", "2", "-1", "x", "", "\u0661", "1.0", "9" * 4_400, 1, None, 10**400))
    elif way == 1:
        del metadata[key]
    elif way == 2:
        metadata[key] = json_value(random)
    else:
        metadata[random.choice(TEXTS)[:100]] = random.choice(TEXTS)
    return parts._replace(metadata=metadata), f"metadata {key}, way {way}"


def changed_tensor(random: Random, parts: Parts) -> tuple[Parts, str]:
    """One tensor under another name, of another shape or type, in another place, twice or not at all."""
    entries = copy.deepcopy(parts.entries)
    name, other = random.choice(list(entries)), random.choice(list(entries))
    entry = entries[name]
    way = random.choice(("rename", "remove", "swap", "shape", "reshape", "type", "place", "add", "twice"))
    if way == "rename":
        entries[random.choice((name + "x", "", "x" * 10_000, "\x1b[31m", name.upper(), "__class__"))] = entries.pop(
            name
        )
    elif way == "remove":
        del entries[name]
    elif way == "swap":
        entries[name], entries[other] = entries[other], entries[name]
    elif way == "shape":
        entry["shape"] = random.choice(
            ([], [0], [-1], [2**63], [2**32, 2**32], [1] * 100, [1.5], ["3"], None, [10**30])
        )
    elif way == "reshape":
        size = int(np.prod(entry["shape"], dtype=np.int64))
        entry["shape"] = random.choice(([size], [1, *entry["shape"]], [*entry["shape"], 1], entry["shape"][::-1]))
    elif way == "type":
        entry["dtype"] = random.choice((*DTYPES, "I16", "U16", "F4", "X", "", None, 3))
    elif way == "place":
        start, end = entry["data_offsets"]
        odd = random.choice((-1, 0, 1, 2**31, 2**63, len(parts.data), 1.5, start - 4, end + 4))
        entry["data_offsets"] = random.choice(
            ([odd, end], [start, odd], [end, start], [], [start], [start, end, end], None)
        )
    else:
        size = 4 * random.choice((1, 2, 100))
        place = [len(parts.data), len(parts.data) + size] if way == "add" else entry["data_offsets"]
        entries["more"] = {"dtype": "F32", "shape": [size // 4], "data_offsets": place}
        parts = parts._replace(data=parts.data + bytes(size if way == "add" else 0))
    return parts._replace(entries=entries), f"tensor {name}: {way}"


def changed_weights(random: Random, parts: Parts) -> tuple[Parts, str]:
    """Numbers of one tensor, or of all, that are not finite or that are too large."""
    names = [random.choice(list(parts.entries))] if random.random() < 0.6 else list(parts.entries)
    value = random.choice((np.nan, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, 1e10, -1.0))
    data = bytearray(parts.data)
    for name in names:
        entry = parts.entries[name]
        start, end = entry["data_offsets"]
        kind = {"F32": "<f4", "F64": "<f8"}.get(entry["dtype"])
        if kind is None or start == end:
            continue
        numbers = np.frombuffer(bytes(data[start:end]), kind).copy()
        with np.errstate(over="ignore"):
            if random.random() < 0.5:
                numbers[:] = value
            else:
                numbers[random.randrange(len(numbers))] = value
        data[start:end] = numbers.tobytes()
    return parts._replace(data=bytes(data)), f"weights of {names[0] if len(names) == 1 else 'all'}: {value}"


CHANGES: tuple[Callable[[Random, Parts], tuple[Parts, str]], ...] = (
    changed_recipe, changed_recipe, changed_recipe, changed_recipe, odd_recipe, changed_metadata, changed_tensor,
    changed_tensor, changed_weights, changed_weights,
)  # fmt: skip
"""What keeps the file's structure, so that its checksum can be made right again."""


def changed_parts(random: Random, parts: Parts) -> tuple[Parts, str]:
    """The parts after one change, or after two where the first leaves enough to change."""
    changes = []
    for _ in range(random.choice((1, 1, 1, 2))):
        try:
            parts, what = random.choice(CHANGES)(random, parts)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            break
        changes.append(what)
    return parts, ", ".join(changes)


def header_changed(random: Random, content: bytes) -> tuple[bytes, str]:
    """The header's length or text spoiled, or the data of another length."""
    header, data = split_header(content)
    length, way = len(header), random.randrange(5)
    if way == 0:
        said = random.choice((0, 1, 7, length - 1, length + 1, len(content), 2**31, 2**63, 2**64 - 1, 100_000_001))
        return said.to_bytes(8, "little") + header + data, f"header of {said} bytes"
    if way == 1:
        header, how = spoiled(random, header)
    elif way == 2:
        header, how = b"[" * NESTED, "nested header"
    elif way == 3:
        header, how = b'{"a":1,' + header[1:], "another entry"
    else:
        data, how = random.choice((data[:-1], data + b"\0", b"", data[: len(data) // 2])), "data of another length"
    return len(header).to_bytes(8, "little") + header + data, f"header or data: {how}"


def spoiled_model(random: Random, content: bytes) -> tuple[bytes, str]:
    """A model file that is changed; every other time with its checksum made right."""
    sealed = random.random() < 0.5
    if not sealed and random.random() > 0.3:
        return (header_changed if random.random() < 0.3 else spoiled)(random, content)
    parts, what = changed_parts(random, parts_of(content))
    try:
        content = file_of(parts, sealed)
    except (TypeError, ValueError):  # a tensor has no place that could be summed
        content = file_of(parts, sealed=False)
    return content, f"{what}{', sealed' if sealed else ''}"


class Models(Campaign):
    """Model files."""

    name, long, short = "models", 10_000, 200

    def prepare(self, folder: Path) -> None:
        """Makes a model of each kind, and uses each once, sealed here: the checksum must be the library's."""
        self.good = {name: good_model(folder, name, *how) for name, how in KINDS.items()}
        for name, good in self.good.items():
            case = self.case(folder / name, file_of(parts_of(good.model), sealed=True), good, name)
            self.attempt(case)

    def make(self, random: Random, folder: Path) -> Case:
        """A model file that is changed; every other time with its checksum made right."""
        name = random.choice(list(self.good))
        good = self.good[name]
        content, what = (self.of_another if random.random() < 0.1 else spoiled_model)(random, good.model)
        return self.case(folder / "run", content, good, f"{name}: {what}")

    def of_another(self, random: Random, content: bytes) -> tuple[bytes, str]:
        """A file of another type, or one that is made of two models."""
        if random.random() < 0.5:
            kind = random.choice(list(FILES))
            return FILES[kind], f"a file of type {kind}"
        header, _ = split_header(random.choice(list(self.good.values())).model)
        return packed(header, split_header(content)[1]), "another model's header"

    def case(self, run: Path, content: bytes, good: Good, what: str) -> Case:
        """A run directory with this model, and beside it the rows to evaluate it on."""
        run.mkdir()
        (run / "model.safetensors").write_bytes(content)
        rows = run / good.name
        rows.write_bytes(good.rows)
        again = f"python -m variate evaluate {run} {rows} --samples 2"
        return Case(what, run, ("model.safetensors", str(run), good.name, *RESULTS), again, rows)

    def attempt(self, case: Case) -> End:
        """Evaluates the model, and samples from it; each may be refused, and a number must be finite."""
        assert case.target
        run = Run(case.target)
        held_out: HeldOut = run.held_out(str(case.own))
        found = variate.evaluate(run.model, held_out.data, SAMPLED, num_rows=3)
        numbers = [*found.elbo, *found.distortion, *found.rate, *found.active_units]
        require_finite(np.array(numbers), "the evaluation")
        require_finite(sample(run, SAMPLED).rows, "a sample")
        return "result"


def rows_of(kind: str) -> np.ndarray:
    """A few rows of a kind."""
    rng = np.random.default_rng(3)
    return {
        "bits": rng.integers(0, 2, (30, 9), dtype=np.uint8),
        "grey": rng.integers(0, 256, (30, 1, 6, 5), dtype=np.uint8),
        "colour": rng.integers(0, 256, (30, 3, 8, 8), dtype=np.uint8),
        "real": rng.normal(size=(30, 5)),
        "counts": rng.poisson(4, (30, 5)),
    }[kind]


TABLE = b"height,member,visits,city\n" + b"".join(
    f"{170 + i % 7}.5,{i % 2},{i % 5},{('Bern', 'Oslo', 'Rome')[i % 3]}\n".encode() for i in range(30)
)
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bits": ("bits", {}),
    "grey": ("grey", {"posterior": "full"}),
    "gaussian-pixels": ("grey", {"likelihood": "quantized-gaussian", "prior": "mixture", "components": 3}),
    "levels": ("grey", {"likelihood": "categorical", "network": "plain", "activation": "tanh"}),
    "colour": ("colour", {"network": "conv", "mixtures": 2}),
    "real": ("real", {"prior": "vamp", "components": 3}),
    "tails": ("real", {"likelihood": "student-t", "posterior": "isotropic", "scale": "shared"}),
    "counts": ("counts", {}),
    "table": ("table", {"prior": "mixture", "components": 2}),
}
"""The good models: their rows, and options of the model."""


def good_model(folder: Path, name: str, kind: str, options: dict[str, Any]) -> Good:
    """A small untrained model, and rows for it."""
    rows = folder / (f"{name}.csv" if kind == "table" else f"{name}.npy")
    if kind == "table":
        rows.write_bytes(TABLE)
    else:
        np.save(rows, rows_of(kind))
    sizes = {"latent": 3, "width": 8, "depth": 1}
    vae = variate.build(variate.read(str(rows)), variate.ModelOptions(**{**sizes, **options}))
    path = folder / f"{name}.safetensors"
    vae.save(path)
    return Good(path.read_bytes(), f"rows{rows.suffix}", rows.read_bytes())
