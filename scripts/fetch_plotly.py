"""Fetches the library for charts that reports embed: Plotly's basic bundle, from npm, in one pinned version.

python scripts/fetch_plotly.py        writes src/variate/reports/assets/plotly-basic.min.js and its licence

Nothing is fetched when variate is installed or used: the files are part of the package. To take another version, change
`VERSION` and `INTEGRITY` (`npm view plotly.js-basic-dist-min@VERSION dist.integrity`), run this, and look at a report.
"""

import base64
import hashlib
import io
import sys
import tarfile
import urllib.request
from pathlib import Path

VERSION = "4.1.1"
INTEGRITY = "sha512-1oNF8PeQx2hv/y7tqEVWKD3JGwn/MGEMQ8mL9HUwsaqG9FGy/OU5FHUHvzqbqxN4mnwZGI9abTiE775C4kkjMQ=="
"""What npm says of the package: the SHA-512 of the archive, in base64."""
SHA256 = "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"
"""Of the file in it, which the tests compare with the one in the package."""
NAME = "plotly.js-basic-dist-min"
ADDRESS = f"https://registry.npmjs.org/{NAME}/-/{NAME}-{VERSION}.tgz"
ASSETS = Path(__file__).parent.parent / "src" / "variate" / "reports" / "assets"
FILES = {"package/plotly-basic.min.js": "plotly-basic.min.js", "package/LICENSE": "plotly-basic.LICENSE"}
"""Members of the archive, and what they are called here."""


def main() -> None:
    """Downloads the archive, checks it, and writes the two files."""
    with urllib.request.urlopen(ADDRESS, timeout=60) as answer:
        archive = answer.read()
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found != INTEGRITY:
        sys.exit(f"{ADDRESS}: expected {INTEGRITY}, got {found}; nothing was written")
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        for member, name in FILES.items():
            content = members.extractfile(member)
            assert content is not None
            (ASSETS / name).write_bytes(content.read())
            sys.stdout.write(f"wrote {ASSETS / name}\n")


if __name__ == "__main__":
    main()
