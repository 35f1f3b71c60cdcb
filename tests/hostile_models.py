"""Model files that are hostile in a known way: a good one whose recipe, header or tensors were changed, most with a
checksum that is right again. The campaign `models` has files that are spoiled at random.

    content = good.read_bytes()
    for name, hostile in KINDS.items():
        target.write_bytes(hostile(content))
"""

import json
import math
import struct
from collections.abc import Callable
from typing import Any

from campaign.model_file import file_of, parts_of, split_header


def recipe(**changes: Any) -> Callable[[bytes], bytes]:
    """A file whose recipe has other values: `model__width=40_000`."""

    def change(content: bytes) -> bytes:
        parts = parts_of(content)
        found = json.loads(parts.metadata["recipe"])
        for path, value in changes.items():
            *groups, last = path.split("__")
            inner = found
            for group in groups:
                inner = inner[group]
            inner[last] = value
        parts.metadata["recipe"] = json.dumps(found)
        return file_of(parts)

    return change


def strings(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """A file whose strings of variate are changed."""

    def changed(content: bytes) -> bytes:
        parts = parts_of(content)
        change(parts.metadata)
        return file_of(parts)

    return changed


def tensor(seal: bool = True, **changes: Any) -> Callable[[bytes], bytes]:
    """A file whose header says something else of its last tensor."""

    def changed(content: bytes) -> bytes:
        parts = parts_of(content)
        list(parts.entries.values())[-1].update(changes)
        return file_of(parts, seal)

    return changed


def number(value: float, *names: str) -> Callable[[bytes], bytes]:
    """A file with another number in the first float32 tensor whose name has all these in it."""

    def changed(content: bytes) -> bytes:
        parts = parts_of(content)
        name = next(name for name, entry in parts.entries.items() if _is_float(entry) and all(n in name for n in names))
        start, _ = parts.entries[name]["data_offsets"]
        return file_of(parts._replace(data=parts.data[:start] + struct.pack("<f", value) + parts.data[start + 4 :]))

    return changed


def _is_float(entry: dict[str, Any]) -> bool:
    return entry["dtype"] == "F32" and math.prod(entry["shape"]) > 0


def header(change: Callable[[str], str | bytes]) -> Callable[[bytes], bytes]:
    """A file whose header is another text."""

    def changed(content: bytes) -> bytes:
        text, data = split_header(content)
        changed_text = change(text.decode())
        new = changed_text if isinstance(changed_text, bytes) else changed_text.encode()
        return len(new).to_bytes(8, "little") + new + data

    return changed


def _columns(number: int, **more: Any) -> dict[str, Any]:
    columns = [{"name": f"c{i}", "kind": "real", "categories": [], **more} for i in range(number)]
    return {"kind": "table", "shape": [number], "levels": 0, "columns": columns}


TABLE = {"model__likelihood": "columns", "model__scale": "dimension", "model__mixtures": None}
CONV = {"model__network": "conv"}

RECIPES: dict[str, Callable[[bytes], bytes]] = {
    "width": recipe(model__width=40_000, model__depth=2),
    "widest": recipe(model__width=2**16, model__depth=1_000),
    "beyond every limit": recipe(model__width=10**30),
    "deep": recipe(model__depth=1_000),
    "deeper": recipe(model__depth=10**6),
    "deep and conv": recipe(**CONV, model__depth=1_000, schema__shape=[3, 20_000, 20_000]),
    "latents": recipe(model__latent=2**16),
    "latents, full": recipe(model__latent=2**16, model__posterior="full"),
    "all latents": recipe(model__latent=10**9),
    "mixture": recipe(model__prior="mixture", model__components=2**16),
    "pseudo-inputs": recipe(model__prior="vamp", model__components=2**16),
    "all pseudo-inputs": recipe(model__prior="vamp", model__components=10**8),
    "mixtures": recipe(model__mixtures=1_000),
    "levels": recipe(model__likelihood="categorical", model__scale="auto", model__mixtures=1, schema__levels=2**16),
    "all levels": recipe(schema__levels=10**15),
    "sides": recipe(schema__shape=[1, 40_000, 40_000]),
    "many axes": recipe(schema__shape=[1] * 1_000),
    "long axis": recipe(schema__shape=[2**31 - 1]),
    "negative side": recipe(schema__shape=[1, 8, -8]),
    "no side": recipe(schema__shape=[]),
    "empty side": recipe(schema__shape=[1, 0, 8]),
    "sides of 30 digits": recipe(schema__shape=[10**30, 8, 8]),
    "kind of number": recipe(schema__shape=[1, 8.5, 8]),
    "columns": recipe(**TABLE, schema=_columns(5_000)),
    "categories": recipe(**TABLE, schema=_columns(2, kind="categorical", categories=[str(i) for i in range(10_000)])),
    "no categories": recipe(**TABLE, schema=_columns(2, kind="categorical")),
    "columns of one name": recipe(**TABLE, schema=_columns(4, name="c")),
    "half a character": recipe(**TABLE, schema=_columns(1, name="\ud800")),
    "columns that are not": recipe(schema__columns=[[]] * 10_000),
    "sigma": recipe(model__scale="fixed", model__sigma=math.nan),
    "unknown field": recipe(model__wavelets=3),
    "many unknown fields": recipe(model={f"f{i}": i for i in range(5_000)}),
    "open option": recipe(model__width=None),
    "open network": recipe(model__network="auto"),
    "network of images": recipe(**CONV, schema__shape=[64]),
    "likelihood of tables": recipe(model__likelihood="columns"),
    "nested": strings(lambda found: found.update(recipe="[" * 100_000)),
    "nested and closed": strings(lambda found: found.update(recipe='{"a":' * 100_000 + "1" + "}" * 100_000)),
    "digits": strings(
        lambda found: found.update(recipe=found["recipe"].replace('"latent":', '"latent":' + "9" * 5000))
    ),
    "null": strings(lambda found: found.update(recipe="null")),
    "no JSON": strings(lambda found: found.update(recipe="{")),
    "format": strings(lambda found: found.update(format="9" * 5000)),
    "format of zeros": strings(lambda found: found.update(format="0" * 5000 + "7")),
    "Arabic format": strings(lambda found: found.update(format="\u0661")),
    "no format": strings(lambda found: found.pop("format")),
}
"""Kinds that a recipe, or the format, can be wrong."""

HEADERS: dict[str, Callable[[bytes], bytes]] = {
    "number among strings": strings(lambda found: found.update(more=1)),
    "list among strings": strings(lambda found: found.update(recipe=[])),
    "negative shape": tensor(shape=[-16, -8]),
    "bool in shape": tensor(shape=[True, 2]),
    "float in shape": tensor(shape=[16.0, 8]),
    "text as shape": tensor(seal=False, shape="16"),
    "shape of no elements": tensor(shape=[0]),
    "other shape": tensor(shape=[3, 3]),
    "overflowing shape": tensor(shape=[2**32, 2**32]),
    "overflowing shape of nothing": tensor(shape=[2**62, 2**62, 0], data_offsets=[0, 0]),
    "axes": tensor(shape=[1] * 1_000),
    "unknown type": tensor(dtype="F7"),
    "type that is no text": tensor(seal=False, dtype=["F32"]),
    "type of other size": tensor(dtype="F64"),
    "no offsets": tensor(seal=False, data_offsets=[]),
    "negative offsets": tensor(data_offsets=[-4, 0]),
    "overlapping offsets": tensor(data_offsets=[0, 4]),
    "far offsets": tensor(data_offsets=[2**62, 2**62 + 4]),
    "more to say": tensor(more=1),
    "list": header(lambda text: "[]"),
    "null": header(lambda text: "null"),
    "nothing": header(lambda text: ""),
    "nested": header(lambda text: "[" * 100_000),
    "nested in it": header(lambda text: text[:-1] + ',"x":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "digits": header(lambda text: text.replace('"shape":', '"shape":' + "9" * 5000 + ',"s":', 1)),
    "one name twice": header(lambda text: f"{text[:-1]},{text[1:]}"),
    "UTF-16": header(lambda text: text.encode("utf-16")),
    "no UTF-8": header(lambda text: text.encode().replace(b"decoder", b"dec\xffder")),
    "half a character": header(lambda text: text.replace("decoder", "\\ud800")),
    "cut": header(lambda text: text[: len(text) // 2]),
    "length of 4 GB": lambda content: (2**32).to_bytes(8, "little") + content[8:],
    "length of 2^63": lambda content: (2**63).to_bytes(8, "little") + content[8:],
    "length alone": lambda content: content[:8],
    "nothing at all": lambda content: b"",
    "no tensors": lambda content: content[: 8 + int.from_bytes(content[:8], "little")],
    "half": lambda content: content[: len(content) // 2],
    "more": lambda content: content + b"\0",
}
"""Kinds that the header, or the file, can be wrong."""

NUMBERS: dict[str, Callable[[bytes], bytes]] = {
    "NaN": number(math.nan, "decoder", "weight"),
    "infinite": number(-math.inf, "encoder", "bias"),
    "infinite scaling": number(math.inf, "encoder.inputs"),
}
"""Kinds that the weights can be wrong."""

KINDS = {
    f"{group}: {name}": hostile
    for group, kinds in (("recipe", RECIPES), ("header", HEADERS), ("weights", NUMBERS))
    for name, hostile in kinds.items()
}
"""All kinds, none of which is a model."""
