"""What the server says of itself."""

import json
import re

from small_servers import JSON
from variate.limits import rules_of
from variate.serve.actions import TAKES
from variate.serve.description import DOES, STATUSES
from variate.serve.options import meanings_of


def test_the_schema_says_what_rows_are(served, table_run):
    found = served.ask("/schema", method="GET").json
    assert found["limits"] == {"max_body": 64, "max_rows": 100_000, "timeout": 60.0, "max_waiting": 256}
    assert list(found["models"]) == ["digits", "people", "labelled"]
    assert found["models"]["digits"] == {"kind": "pixels", "shape": [1, 8, 8], "latents": 3, "levels": 17}
    columns = {own["name"]: own for own in found["models"]["people"]["columns"]}
    assert list(columns) == [own.name for own in table_run.recipe.schema.columns]
    assert columns["city"] == {"name": "city", "kind": "categorical", "categories": ["Bern", "Oslo", "Rome"]}
    assert columns["visits"]["kind"] == "counts"
    assert found["models"]["labelled"]["conditions"][0]["categories"] == [str(digit) for digit in range(10)]
    one = served.ask("/schema?model=people", method="GET").json["models"]
    assert one == {"people": found["models"]["people"]}
    assert served.ask("/schema?model=nobody", method="GET").status == 422


def test_no_answer_names_a_file(served):
    own = [str(model.run.path.parent) for model in served.models.models.values()]
    for route in ("/schema", "/openapi.json", "/docs", "/health"):
        text = served.ask(route, method="GET").content.decode()
        assert not any(path in text for path in own)
        assert ".csv" not in text


def test_examples_of_openapi_are_answered(served):
    found = served.ask("/openapi.json", method="GET").json
    assert found["openapi"] == "3.1.0"
    assert set(found["paths"]) == {f"/{name}" for name in (*TAKES, "health", "schema")}
    for name in ("embed", "reconstruct", "score", "impute"):
        operation = found["paths"][f"/{name}"]["post"]
        examples = operation["requestBody"]["content"][JSON]["examples"]
        assert set(examples) == {"people"}  # rows of images are long
        answer = served.ask(f"/{name}?model=people", examples["people"]["value"])
        assert answer.status == 200, answer.content
        assert set(STATUSES) < set(operation["responses"])


def test_options_are_described_with_their_limits(served):
    found = served.ask("/openapi.json", method="GET").json
    options = {own["name"]: own for own in found["paths"]["/impute"]["post"]["parameters"]}
    assert options["model"]["schema"]["enum"] == ["digits", "people", "labelled"]
    assert options["num_samples"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert options["fill"]["schema"]["enum"] == ["mean", "median", "mode", "draw"]
    options = {own["name"]: own for own in found["paths"]["/sample"]["post"]["parameters"]}
    assert options["given"]["schema"] == {"type": "array", "items": {"type": "string"}}
    assert set(DOES) == set(TAKES)
    for kind in TAKES.values():
        assert set(meanings_of(kind)) == set(rules_of(kind))
        assert all(text.endswith(".") for text in meanings_of(kind).values())


def test_the_page_needs_nothing_from_elsewhere(served):
    found = served.ask("/docs?x=1", method="GET")
    text = found.content.decode()
    assert found.headers["Content-Type"] == "text/html; charset=utf-8"
    assert not re.search(r"<script|<link|<img|src=|@import|url\(", text)
    assert set(re.findall(r"https?://[^/\"'\s]+", text)) == {served.url}
    policy = found.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    for name in (*TAKES, "health", "schema"):
        assert f"/{name}</h2>" in text


def test_commands_of_the_page_are_answered(served):
    text = served.ask("/docs", method="GET").content.decode()
    bodies = re.findall(r"/(\w+)\?model=(\w+)&quot;.*?-d &#x27;(.*?)&#x27;", text, re.DOTALL)
    assert {(name, model) for name, model, _ in bodies} >= {(name, "people") for name in TAKES}
    for name, model, body in bodies:
        answer = served.ask(f"/{name}?model={model}", json.loads(body.replace("&quot;", '"')))
        assert answer.status == 200, (name, answer.content)
