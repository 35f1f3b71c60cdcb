"""Model files that are hostile or damaged: a good one whose recipe, header or tensors were changed, most of them with a
checksum that is right again. Needs neither torch nor variate.

    content = good.read_bytes()
    for name, hostile in KINDS.items():
        target.write_bytes(hostile(content))
    target.write_bytes(mutated(content, random.Random(seed)))
"""

import copy
import hashlib
import json
import math
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "U64": "uint64",
}  # fmt: skip
"""Torch's names of types, which the checksum has."""


@dataclass
class Unpacked:
    """A model file in its parts.

    Attributes:
        tensors: What the header says of each tensor.
        strings: The strings of variate in the header.
        data: The bytes of the tensors.
        more: Further entries of the header's metadata.
    """

    tensors: dict[str, Any]
    strings: dict[str, Any]
    data: bytearray
    more: dict[str, Any]

    @classmethod
    def of(cls, content: bytes) -> "Unpacked":
        end = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(content[8:end])
        more = header.pop("__metadata__")
        return cls(header, json.loads(more.pop("variate")), bytearray(content[end:]), more)

    def pack(self, *, seal: bool = True) -> bytes:
        """The file, with a right checksum if it is sealed."""
        if seal:
            self.strings["sha256"] = self.checksum()
        metadata = {"variate": json.dumps(self.strings, sort_keys=True), **self.more}
        return packed(json.dumps({"__metadata__": metadata, **self.tensors}), self.data)

    def checksum(self) -> str:
        strings = {key: value for key, value in self.strings.items() if key != "sha256"}
        digest = hashlib.sha256(json.dumps(strings, sort_keys=True).encode())
        for name in sorted(self.tensors):
            said = self.tensors[name]
            dtype = NAMES.get(said["dtype"], said["dtype"])
            digest.update(f"{name} torch.{dtype} {tuple(said['shape'])}".encode(errors="replace"))
            digest.update(self.data[slice(*said["data_offsets"])])
        return digest.hexdigest()

    def floats(self) -> list[str]:
        """Names of the float32 tensors with elements."""
        return [name for name, said in self.tensors.items() if said["dtype"] == "F32" and math.prod(said["shape"])]

    def fill(self, name: str, value: float, element: int = 0) -> None:
        """Sets an element of a float32 tensor."""
        struct.pack_into("<f", self.data, self.tensors[name]["data_offsets"][0] + 4 * element, value)


def packed(header: str | bytes, data: bytes) -> bytes:
    """A file of this header and these bytes of tensors."""
    text = header if isinstance(header, bytes) else header.encode()
    return len(text).to_bytes(8, "little") + text + bytes(data)


def recipe(**changes: Any) -> Callable[[bytes], bytes]:
    """A file whose recipe has other values: `model__width=40_000`."""

    def change(content: bytes) -> bytes:
        file = Unpacked.of(content)
        found = json.loads(file.strings["recipe"])
        for path, value in changes.items():
            *groups, last = path.split("__")
            inner = found
            for group in groups:
                inner = inner[group]
            inner[last] = value
        file.strings["recipe"] = json.dumps(found)
        return file.pack()

    return change


def strings(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """A file whose strings of variate are changed."""

    def changed(content: bytes) -> bytes:
        file = Unpacked.of(content)
        change(file.strings)
        return file.pack()

    return changed


def tensor(seal: bool = True, **changes: Any) -> Callable[[bytes], bytes]:
    """A file whose header says something else of its last tensor."""

    def changed(content: bytes) -> bytes:
        file = Unpacked.of(content)
        list(file.tensors.values())[-1].update(changes)
        return file.pack(seal=seal)

    return changed


def number(value: float, *parts: str) -> Callable[[bytes], bytes]:
    """A file with another number in the first float32 tensor whose name has all these parts."""

    def changed(content: bytes) -> bytes:
        file = Unpacked.of(content)
        name = next(name for name in file.floats() if all(part in name for part in parts))
        file.fill(name, value)
        return file.pack()

    return changed


def header(change: Callable[[str], str | bytes]) -> Callable[[bytes], bytes]:
    """A file whose header is another text."""

    def changed(content: bytes) -> bytes:
        end = 8 + int.from_bytes(content[:8], "little")
        return packed(change(content[8:end].decode()), content[end:])

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

EXTREMES = [0, -1, 1, 2, 17, 10**4, 2**16, 2**31, 10**9, 2**63, 10**30, -(10**30), 0.5, math.nan, math.inf, True, None,
            "", "auto", "x" * 10_000, "\x1b[31m", "\ud800", [], [0], [-1], [10**6] * 3, [[]], {}, {"": 0}]  # fmt: skip
"""Values that replace others in a mutated recipe or header."""


def mutated(content: bytes, source: random.Random) -> bytes:
    """The file with random changes of one sort; in half of the cases the checksum is right."""
    sort = source.choice(["bytes", "bytes", "recipe", "recipe", "header", "numbers", "text"])
    if sort == "bytes":
        return _with_other_bytes(content, source)
    file = Unpacked.of(content)
    if sort == "recipe":
        found = json.loads(file.strings["recipe"])
        for _ in range(source.choice([1, 1, 2, 5])):
            _replace_a_leaf(found, source)
        file.strings["recipe"] = json.dumps(found)
    elif sort == "text":
        text = file.strings["recipe"]
        place, length = source.randrange(len(text)), source.choice([0, 1, 10, 1000])
        file.strings["recipe"] = (
            text[:place] + source.choice(["", "[", "9" * 5000, '"', "\x00"]) + text[place + length :]
        )
    elif sort == "header":
        _replace_a_leaf(file.tensors, source)
    else:
        file.fill(source.choice(file.floats()), source.choice([math.nan, math.inf, -math.inf, 1e30, -1e38]))
    try:
        return file.pack(seal=source.random() < 0.5)
    except (TypeError, ValueError, KeyError, AttributeError, IndexError):  # what the checksum would be is not defined
        return file.pack(seal=False)


def _with_other_bytes(content: bytes, source: random.Random) -> bytes:
    changed = bytearray(content)
    limit = source.choice([8, 8 + int.from_bytes(content[:8], "little"), len(content)])
    for _ in range(source.choice([1, 1, 3, 20])):
        changed[source.randrange(limit)] = source.randrange(256)
    how = source.random()
    if how < 0.2:
        return bytes(changed[: source.randrange(len(changed))])
    return bytes(changed) + source.randbytes(source.choice([0, 0, 0, 1, 100]))


def _replace_a_leaf(value: Any, source: random.Random) -> None:
    """Goes down a random path and replaces what is at its end, or an item on the way."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        if not keys:
            return
        key = source.choice(keys)
        inner = value[key]
        if not isinstance(inner, dict | list) or not inner or source.random() < 0.15:
            value[key] = copy.deepcopy(source.choice(EXTREMES))
            return
        value = inner
