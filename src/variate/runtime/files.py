"""Atomic writes: a file has its old content or its new content, never a part of it.

A file is written under a temporary name beside its target, flushed to the disk and renamed over the target. So neither
a reader nor a process that is killed while it writes leaves or sees a part.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, which replaces it when the block ends and is removed if the block raises.

    Args:
        path: Target; missing directories are created.

    Yields:
        The temporary path, to which the block must write a file.
    """
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
    """Writes a text file in UTF-8, completely or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
