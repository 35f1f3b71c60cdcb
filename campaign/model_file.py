"""A model file taken apart, and put together again with its checksum made right. Needs neither torch nor variate."""

import hashlib
import json
from typing import Any, NamedTuple

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "U64": "uint64",
}  # fmt: skip
"""Names of types in a file's header, and torch's, which the checksum has."""
HEADER = "variate"
"""The entry of a file's header that holds all texts of variate."""


class Parts(NamedTuple):
    """A model file in parts that can be changed.

    Attributes:
        entries: Tensors by name: type, shape and place, as in the header.
        metadata: The texts of variate in the header.
        data: The tensors' bytes.
    """

    entries: dict[str, Any]
    metadata: dict[str, Any]
    data: bytes


def parts_of(content: bytes) -> Parts:
    """The parts of a good file."""
    header, data = split_header(content)
    entries = json.loads(header)
    metadata = json.loads(entries.pop("__metadata__")[HEADER])
    return Parts(entries, metadata, data)


def file_of(parts: Parts, sealed: bool = True) -> bytes:
    """The parts as a file; with its checksum made right if `sealed`."""
    metadata = dict(parts.metadata)
    if sealed:
        metadata.pop("sha256", None)
        metadata["sha256"] = checksum(parts, metadata)
    header = {"__metadata__": {HEADER: json.dumps(metadata, sort_keys=True)}, **parts.entries}
    return packed(json.dumps(header).encode(), parts.data)


def checksum(parts: Parts, metadata: dict[str, Any]) -> str:
    """The checksum of the parts as `variate.runtime.tensor_files` computes it, of tensors that need not make sense."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(parts.entries):
        entry = parts.entries[name]
        dtype = f"torch.{DTYPES.get(entry['dtype'], entry['dtype'])}"
        digest.update(f"{name} {dtype} {tuple(entry['shape'])}".encode("utf-8", "replace"))
        digest.update(parts.data[slice(*entry["data_offsets"])])
    return digest.hexdigest()


def split_header(content: bytes) -> tuple[bytes, bytes]:
    """The header of a file, and the bytes of its tensors."""
    end = 8 + int.from_bytes(content[:8], "little")
    return content[8:end], content[end:]


def packed(header: bytes, data: bytes) -> bytes:
    """A file of this header and these bytes of tensors."""
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data
