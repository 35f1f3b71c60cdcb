"""Files that are whole or absent, and tensors whose bytes are checked.

A write goes to a temporary file beside its target, is flushed to the disk and renamed over it, so that a reader, or a
run killed half way, sees the old content or the new, never a part. Tensor files are safetensors: opening one runs no
code, and its header's sizes are checked against the file's length before memory is taken. The header also holds the
SHA-256 of the content, so that a file cut short or damaged is told from a good one.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from variate.errors import InputError

HEADER = "variate"
"""The key of our entry in a safetensors file's metadata."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed over it when the block ends well and removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes tensors and strings as one safetensors file, with a checksum of both.

    Args:
        path: Target; its directories are made.
        tensors: By name; copied to the CPU.
        metadata: Strings for the header.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as part:
        content = {**metadata, "sha256": checksum(plain, metadata)}
        header = {HEADER: json.dumps(content, sort_keys=True)}  # one entry: safetensors shuffles several
        part.write_bytes(save(plain, header))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Reads what `write_tensors` wrote.

    Raises:
        InputError: If the file is absent, is no such file, or is damaged.
    """
    if not path.is_file():
        raise InputError(f"no file {str(path)!r}: expected a .safetensors file that variate wrote")
    try:
        content = path.read_bytes()  # in one opening, so that a file that is replaced meanwhile is not read in parts
        metadata = _metadata(content)
        tensors = load(content)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is no safetensors file, or was cut short or damaged ({error})") from None
    if "sha256" not in metadata:
        raise InputError(f"{str(path)!r} was not written by variate: its header holds no checksum")
    if metadata.pop("sha256") != checksum(tensors, metadata):
        raise InputError(f"{str(path)!r} is damaged: its content does not match its checksum; copy or train it again")
    return tensors, metadata


def _metadata(content: bytes) -> dict[str, str]:
    """The strings in the header of a safetensors file: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError("its header is longer than the file")
    entries = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return {str(key): str(value) for key, value in json.loads(entries.get(HEADER, "{}")).items()}


def checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
