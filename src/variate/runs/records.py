"""The records of a run directory, as JSON."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from variate.errors import InputError
from variate.runtime import files, strict_json
from variate.runtime.reading import opened


def read_record(path: Path) -> dict[str, Any] | None:
    """What a file of JSON holds; None if there is no file.

    Raises:
        InputError: If it is no JSON object.
    """
    text = record_text(path)
    return None if text is None else parsed_record(path, text)


def record_text(path: Path) -> str | None:
    """The text of a file; None if there is none.

    Raises:
        InputError: If it is no text in UTF-8.
    """
    if not os.path.lexists(path):
        return None
    with opened(path, "a text file") as file:
        content = file.read()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise InputError(str(path), "a text file in UTF-8", "other bytes") from None


def parsed_record(path: Path, text: str) -> dict[str, Any]:
    """The JSON object that a text of a file says.

    Raises:
        InputError: If it says none.
    """
    try:
        found = strict_json.parse(text)
    except ValueError as error:
        raise InputError(str(path), "JSON", f"something else ({error})") from None
    if not isinstance(found, dict):
        raise InputError(str(path), "a JSON object", type(found).__name__)
    return found


def write_record(path: Path, record: Mapping[str, Any]) -> Path:
    """Writes a record as JSON, completely or not at all. Returns the file."""
    files.write_text(path, json.dumps(record, indent=2, allow_nan=False) + "\n")
    return path
