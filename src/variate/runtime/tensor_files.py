"""Tensors in a file with a checksum.

The files are safetensors: opening one runs no code. The header is checked against the file's length before memory is
allocated (`variate.runtime.tensor_header`); what it says can be judged before any tensor is read. It also holds the
SHA-256 of the content, so that damaged files are recognised.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from variate.errors import InputError
from variate.runtime import memory
from variate.runtime.files import replacing
from variate.runtime.reading import opened
from variate.runtime.tensor_header import HEADER, LONGEST_HEADER, TensorEntry, read_tensor_header

READ_AT_A_TIME = 2**20
"""Bytes at a time where tensors are only hashed."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes tensors and strings as one safetensors file, with a checksum of both.

    Args:
        path: Target; missing directories are created.
        tensors: Tensors by name.
        metadata: Strings for the header.

    Raises:
        InputError: If the header would be too long to be read again, or the file cannot be written.
    """
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with replacing(path) as part:
        content = {**metadata, "sha256": checksum(plain, metadata)}
        header = {HEADER: json.dumps(content, sort_keys=True)}  # one entry: safetensors shuffles several
        file = save(plain, header)
        if int.from_bytes(file[:8], "little") > LONGEST_HEADER:
            raise InputError(
                str(path), f"names in at most {LONGEST_HEADER:,} bytes", "longer ones", "use fewer columns"
            )
        part.write_bytes(file)


class TensorFile:
    """An open file of tensors. What is read of it is of one file, even if another takes its name meanwhile.

    Args:
        path: Its path, for errors.
        file: The open file.

    Attributes:
        header: What it says about its tensors.
        metadata: The strings that were written with them.

    Raises:
        InputError: If its header is damaged or of another kind.
    """

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self.path, self.file = path, file
        try:
            self.header = read_tensor_header(file)
        except ValueError as error:
            raise self._damaged(str(error)) from None
        self.metadata = dict(self.header.strings)
        if "sha256" not in self.metadata:
            raise InputError(str(path), "a file that variate wrote", "one without a checksum in its header")
        self._sha256 = self.metadata.pop("sha256")

    def read(self) -> dict[str, Tensor]:
        """The tensors by name, on the CPU.

        Raises:
            InputError: If the content does not match its checksum, or does not fit in memory.
        """
        needed = {"what": "tensors that fit", "remedy": "use a machine with more memory"}
        memory.require(self.header.size, str(self.path), **needed)
        with memory.refusing_shortage(str(self.path), **needed):
            tensors = {name: self._tensor(entry) for name, entry in self.header.entries.items()}
        self._compare(checksum(tensors, self.metadata))
        return tensors

    def check(self) -> None:
        """Compares the content with its checksum, in little memory.

        Raises:
            InputError: If they do not match.
        """
        entries = sorted(self.header.entries.items())
        described = ((name, f"torch.{entry.dtype}", entry.shape, self._pieces(entry)) for name, entry in entries)
        self._compare(_digest(self.metadata, described))

    def _tensor(self, entry: TensorEntry) -> Tensor:
        tensor = torch.empty(entry.shape, dtype=getattr(torch, entry.dtype))
        self.file.seek(self.header.start + entry.begin)
        if self.file.readinto(_bytes(tensor)) < entry.end - entry.begin:
            raise self._damaged("it ends early")
        return tensor

    def _pieces(self, entry: TensorEntry) -> Iterator[bytes]:
        self.file.seek(self.header.start + entry.begin)
        for place in range(entry.begin, entry.end, READ_AT_A_TIME):
            yield self.file.read(min(READ_AT_A_TIME, entry.end - place))

    def _compare(self, found: str) -> None:
        if found != self._sha256:
            expected = "content that matches its checksum"
            raise InputError(str(self.path), expected, "damaged content", "copy or train it again")

    def _damaged(self, reason: str) -> InputError:
        return InputError(
            str(self.path), "a whole safetensors file", f"one that is damaged or of another type ({reason})"
        )


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Opens what `write_tensors` wrote.

    Raises:
        InputError: If the file is absent, damaged, of another kind, or cannot be read.
    """
    with opened(path, "a .safetensors file that variate wrote") as file:
        yield TensorFile(path, file)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Reads what `write_tensors` wrote.

    Returns:
        The tensors by name, on the CPU, and the strings.

    Raises:
        InputError: If the file is absent, damaged, of another kind, or cannot be read.
    """
    with open_tensors(path) as file:
        return file.read(), file.metadata


def checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256, in hexadecimal, of the metadata and of the names, types, shapes and bytes of the tensors, by name."""
    ordered = sorted(tensors.items())
    return _digest(metadata, ((name, str(t.dtype), tuple(t.shape), [_bytes(t.contiguous())]) for name, t in ordered))


def _digest(
    metadata: Mapping[str, str],
    described: Iterable[tuple[str, str, tuple[int, ...], Iterable[bytes | memoryview]]],
) -> str:
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, dtype, shape, pieces in described:
        digest.update(f"{name} {dtype} {shape}".encode())
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    """The memory of a contiguous tensor."""
    return tensor.reshape(-1).view(torch.uint8).numpy().data
