"""Formulas of Excel sheets whose values were not saved: programs write such files that compute nothing themselves."""

import re
import zipfile
from xml.sax.saxutils import unescape

from variate.data.readers.zips import open_member
from variate.data.wording import plural

SHEET = re.compile(r"<(?:\w+:)?sheet\b[^<>]*>")
RELATION = re.compile(r"<(?:\w+:)?Relationship\b[^<>]*>")
ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
UNSAVED = re.compile(
    rb"<(?:\w+:)?c\b([^<>]*)>\s*<(?:\w+:)?f\b[^<>]*?(?:/>|>[^<>]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
"""A cell with a formula and without a value."""
PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]+[0-9]+)["']""")


def formula_notes(archive: zipfile.ZipFile, sheet: str) -> list[str]:
    """A sentence on the formulas of a sheet whose values were not saved; none where there are none.

    Args:
        archive: The file.
        sheet: The name of the sheet.
    """
    members = {info.filename: info for info in archive.infolist()}
    name = _member(archive, members, sheet)
    if name not in members:
        return []
    with open_member(archive, members[name]) as stream:
        found = UNSAVED.findall(stream.read())
    if not found:
        return []
    place = PLACE.search(found[0])
    example = f", first in {place[1].decode()}" if place else ""
    return [
        f"The file holds no values for {plural(len(found), 'formula')}{example}, so these cells are missing; open the "
        "file in a spreadsheet program and save it there."
    ]


def _member(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], sheet: str) -> str:
    """The name of the member of the archive that holds a sheet; "" where it cannot be told."""
    texts = {}
    for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
        if name not in members:
            return ""
        with open_member(archive, members[name]) as stream:
            texts[name] = stream.read().decode(errors="replace")
    sheets = map(_attributes, SHEET.findall(texts["xl/workbook.xml"]))
    ids = {own.get("name"): next((own[key] for key in own if key.endswith(":id")), "") for own in sheets}
    targets = {own.get("Id"): own.get("Target", "") for own in map(_attributes, RELATION.findall(texts[name]))}
    target = targets.get(ids.get(sheet), "")
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _attributes(tag: str) -> dict[str, str]:
    quotes = {"&quot;": '"', "&apos;": "'"}
    return {name: unescape(one or other, quotes) for name, one, other in ATTRIBUTE.findall(tag)}
