"""What lies in a folder, with nothing passed over in silence.

Links to files and to folders are followed, as data are often linked to where they are used. A folder that was read
already, or in which the folder lies that is being read, is not read again: links may form circles. What is hidden is
not looked at.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

ODD_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What is neither a file nor a folder; to open a pipe waits for ever."""


class Found(NamedTuple):
    """Paths relative to a folder, with / between the parts.

    Attributes:
        files: Files.
        folders: Folders.
        unread: What cannot be opened or is not opened, with the reason: `sub (Permission denied)`.
    """

    files: list[str]
    folders: list[str]
    unread: list[str]


def look_into(folder: Path, below: str = "") -> Found:
    """What lies in a folder, or in a folder below it, in no order.

    Args:
        folder: What paths are relative to.
        below: Path of the folder to look into.

    Raises:
        OSError: If it cannot be read.
    """
    found = Found([], [], [])
    with os.scandir(folder / below) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                _sort_in(entry, f"{below}/{entry.name}" if below else entry.name, found)
    return found


def _sort_in(entry: os.DirEntry[str], path: str, found: Found) -> None:
    """Adds an entry of a folder to the list that it belongs to."""
    try:
        if entry.is_dir():
            found.folders.append(path)
        elif entry.is_file():
            found.files.append(path)
        else:
            found.unread.append(f"{path} ({odd_kind(entry.stat().st_mode)})")
    except FileNotFoundError:
        found.unread.append(f"{path} (a link to nothing)")
    except OSError as error:
        found.unread.append(f"{path} ({error.strerror})")


def odd_kind(mode: int) -> str:
    """What a path is that is neither a file nor a folder.

    Args:
        mode: `st_mode` of its status.
    """
    return ODD_KINDS.get(stat.S_IFMT(mode), "neither a file nor a folder")


def look_below(folder: Path) -> Found:
    """Everything in a folder and its sub-folders, sorted; links are followed last.

    Raises:
        OSError: If the folder itself cannot be read.
    """
    found = Found([], [], [])
    seen = {_identity(parent) for parent in folder.resolve().parents}
    waiting, linked = [""], list[str]()
    while waiting or linked:
        below = waiting.pop() if waiting else linked.pop()
        try:
            identity = _identity(folder / below)
            own = Found([], [], []) if identity in seen else look_into(folder, below)
        except OSError as error:
            if not below:
                raise
            found.unread.append(f"{below} ({error.strerror})")
            continue
        if identity in seen:
            found.unread.append(f"{below} (a link to a folder that is read already)")
        seen.add(identity)
        for name in sorted(own.folders, reverse=True):
            (linked if (folder / name).is_symlink() else waiting).append(name)
        for all_of_them, new in zip(found, own, strict=True):
            all_of_them += new
    return Found(*(sorted(names) for names in found))


def _identity(folder: Path) -> tuple[int, int]:
    """What is the same for all paths of a folder."""
    status = folder.stat()
    return status.st_dev, status.st_ino
