"""Pages as HTML: everything is escaped, nothing is asked of the net, headings are in order, images have alt texts."""

import base64
import hashlib
import io
import json
import math
import re
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from page_examples import HOSTILE, page
from variate.reports.html import data_uri, to_html

ASSETS = files("variate.reports") / "assets"
SCRIPT = (Path(__file__).parents[2] / "scripts" / "fetch_plotly.py").read_text()


class Reader(HTMLParser):
    """Collects tags with their attributes, JSON blocks, and the text of everything else."""

    def __init__(self):
        super().__init__()
        self.tags, self.blocks, self.text, self.inside = [], [], [], None

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.inside = dict(attributes).get("type", tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style"):
            self.inside = None

    def handle_data(self, data):
        if self.inside is None:
            self.text.append(data)
        elif self.inside == "application/json":
            self.blocks.append(json.loads(data))


def read(html):
    found = Reader()
    found.feed(html)
    return found


def test_text_that_looks_like_a_script_stays_text():
    plain, hostile = read(to_html(page())), read(to_html(page(HOSTILE)))
    assert [tag for tag, _ in plain.tags] == [tag for tag, _ in hostile.tags]
    names = [sorted(attributes) for _, attributes in plain.tags]
    assert names == [sorted(attributes) for _, attributes in hostile.tags]
    assert "".join(hostile.text).count("<script>alert(1)</script>") > 20
    assert len(hostile.blocks) == 5


def test_only_the_two_scripts_of_the_package_may_run():
    html = to_html(page(HOSTILE))
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 2
    (policy,) = [own["content"] for tag, own in read(html).tags if own.get("http-equiv") == "Content-Security-Policy"]
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert re.search(r"script-src (.*)$", policy)[1] == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy.startswith("default-src 'none';")
    assert "Permission is hereby granted" in scripts[0]


def test_nothing_is_loaded_from_elsewhere():
    loads = {"src", "href", "data", "srcset", "poster", "action"}
    for tag, attributes in read(to_html(page())).tags:
        for name in loads & attributes.keys():
            assert attributes[name].startswith(("data:", "#")) or tag == "a", (tag, attributes[name])


def test_headings_are_in_order_and_images_and_charts_have_words():
    tags = read(to_html(page())).tags
    levels = [int(tag[1]) for tag, _ in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(own.get("alt") for tag, own in tags if tag == "img")
    assert all(own.get("aria-label") for _, own in tags if "chart" in own.get("class", "").split())
    ids = [own["id"] for _, own in tags if "id" in own]
    assert len(set(ids)) == len(ids)
    targets = {own["href"][1:] for tag, own in tags if tag == "a" and own["href"].startswith("#")}
    assert targets <= set(ids)


def test_numbers_that_are_none_are_null_in_json_and_words_on_the_page():
    found = read(to_html(page(number=math.inf)))
    assert "more than can be told" in "".join(found.text)
    assert None in found.blocks[0]["data"][0]["y"]


def test_options_are_named_as_is_asked_for():
    assert "given=[&#39;plain&#39;]" in to_html(page())
    assert "variate sample plain --given plain" in to_html(page(), lambda option: option.as_flag(f"--{option.name}"))


@pytest.mark.parametrize(("shape", "kind", "size"), [((1, 8, 8), "PNG", (8, 8)), ((4, 48, 20), "PNG", (20, 48)),
                                                      ((3, 300, 600), "JPEG", (128, 64))])  # fmt: skip
def test_images_are_small(shape, kind, size):
    uri = data_uri(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert (image.format, image.size) == (kind, size)
    assert len(uri) < 16_000


def luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_stand_out_in_light_and_in_dark():
    """WCAG 2.2: 4.5 for text, 3 for what a chart is read by."""
    styles = re.findall(r"color-scheme: (light|dark);([^}]*)", (ASSETS / "report.css").read_text())
    assert [scheme for scheme, _ in styles] == ["light", "dark", "dark"]
    colors = [dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", style)) for _, style in styles]
    assert colors[1] == colors[2]
    for own in colors:
        for text in ("ink", "muted", "link", "alarm"):
            assert min(contrast(own[text], own[back]) for back in ("paper", "panel")) >= 4.5, text
        for mark in ("real", "drawn", "low", *(f"group-{i}" for i in range(10))):
            assert contrast(own[mark], own["paper"]) >= 3, mark


def test_the_library_for_charts_is_the_pinned_one():
    version = re.search(r'VERSION = "(.*)"', SCRIPT)[1]
    text = (ASSETS / "plotly-basic.min.js").read_text()
    assert f"plotly.js (basic - minified) v{version}" in text[:200]
    assert hashlib.sha256(text.encode()).hexdigest() == re.search(r'SHA256 = "(.*)"', SCRIPT)[1]
    assert "</script" not in text.lower()
    assert "<!--" not in text
