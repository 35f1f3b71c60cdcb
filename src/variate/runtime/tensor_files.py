"""Tensors in a file with a checksum.

The files are safetensors: opening one runs no code, and the sizes in its header are checked against the file's length
before memory is allocated. The header also holds the SHA-256 of the content, so that damaged files are recognised.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from variate.errors import InputError
from variate.runtime.files import replacing

HEADER = "variate"
"""Key of variate's entry in the metadata of a safetensors file."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes tensors and strings as one safetensors file, with a checksum of both.

    Args:
        path: Target; missing directories are created.
        tensors: Tensors by name.
        metadata: Strings for the header.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as part:
        content = {**metadata, "sha256": checksum(plain, metadata)}
        header = {HEADER: json.dumps(content, sort_keys=True)}  # one entry: safetensors shuffles several
        part.write_bytes(save(plain, header))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Reads what `write_tensors` wrote.

    Returns:
        The tensors by name, on the CPU, and the strings.

    Raises:
        InputError: If the file is absent, damaged or of another kind.
    """
    if not path.is_file():
        raise InputError(str(path), "a .safetensors file that variate wrote", "no file")
    try:
        content = path.read_bytes()  # in one read, so that header and tensors are from the same file if it is replaced
        metadata = _metadata(content)
        tensors = load(content)
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InputError(
            str(path), "a whole safetensors file", f"one that is damaged or of another type ({error})"
        ) from None
    if "sha256" not in metadata:
        raise InputError(str(path), "a file that variate wrote", "one without a checksum in its header")
    if metadata.pop("sha256") != checksum(tensors, metadata):
        raise InputError(str(path), "content that matches its checksum", "damaged content", "copy or train it again")
    return tensors, metadata


def _metadata(content: bytes) -> dict[str, str]:
    """The strings in the header of a safetensors file: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError("its header is longer than the file")
    entries = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    return {str(key): str(value) for key, value in json.loads(entries.get(HEADER, "{}")).items()}


def checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256, in hexadecimal, of the metadata and of the names, types, shapes and bytes of the tensors, by name."""
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
