"""Excel files, written by hand as the XML that they are."""

import zipfile
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def cell_xml(place, value):
    """A cell: numbers, bits, text, ("e", an error), ("f", a formula's value)."""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, tuple):
        kind = ' t="e"' if value[0] == "e" else ""
        return f'<c r="{place}"{kind}><f>A1+1</f><v>{value[1]}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'


def sheet_xml(rows):
    lines = [
        "".join(cell_xml(f"{'ABCDEFG'[column]}{row}", value) for column, value in enumerate(line) if value is not None)
        for row, line in enumerate(rows, 1)
    ]
    return "".join(f'<row r="{row}">{line}</row>' for row, line in enumerate(lines, 1))


def book(path, sheets):
    """A file of sheets, each a list of rows or the XML of its rows."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        relation = f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{PACKAGE}">{relation}</Relationships>')
        entries, relations = "", ""
        for number, (name, rows) in enumerate(sheets.items()):
            entries += f'<sheet name={quoteattr(name)} sheetId="{number + 1}" r:id="s{number}"/>'
            relations += (
                f'<Relationship Id="s{number}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            )
            data = rows if isinstance(rows, str) else sheet_xml(rows)
            text = f'<worksheet xmlns="{MAIN}"><sheetData>{data}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/sheet{number}.xml", text)
        text = f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{entries}</sheets></workbook>'
        archive.writestr("xl/workbook.xml", text)
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{PACKAGE}">{relations}</Relationships>')
    return path
