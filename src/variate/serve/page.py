"""The documentation of the routes as a page of HTML: no script, nothing from elsewhere, its style in itself."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape

from variate.config.schema import Schema
from variate.serve.actions import TAKES
from variate.serve.description import ABOUT, DOES, STATUSES, example_body
from variate.serve.formats import NAMES
from variate.serve.models import ServedModels
from variate.serve.options import meanings_of, option_rules

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 0 auto; padding: 1rem; }
h1 { margin-bottom: 0; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8886; padding-top: 1rem; }
code, pre { font: 14px/1.5 ui-monospace, monospace; background: #8881; border-radius: 4px; }
code { padding: 0 .2em; }
pre { padding: .75rem; overflow-x: auto; }
pre code { padding: 0; background: none; }
div { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #8886; }
"""
LONGEST_EXAMPLE = 400
"""Characters of a body that is shown; a longer one comes from a file."""


def page(models: ServedModels, limits: Mapping[str, int | float], base: str) -> tuple[str, str]:
    """The page, and what allows its style in a policy of browsers.

    Args:
        models: The models.
        limits: What a request may cost.
        base: The address of the server, without a slash at its end.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    body = "\n".join(_body(models, limits, base))
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f'<!doctype html>\n<html lang="en"><head>{head}<title>variate: HTTP API</title><style>{STYLE}</style></head>'
    return f"{text}\n<body><main>\n{body}\n</main></body></html>\n", f"sha256-{digest}"


def _body(models: ServedModels, limits: Mapping[str, int | float], base: str) -> Iterator[str]:
    """The content of the page."""
    yield "<h1>variate</h1>"
    yield "<p>Each request has the header <code>Authorization: Bearer TOKEN</code>. "
    yield "The same as OpenAPI: <code>/openapi.json</code>.</p>"
    yield "<h2>Models</h2><p>Where there are several, a request names one: <code>?model=NAME</code>.</p>"
    rows = [[name, _kind(own.run.recipe.schema)] for name, own in models.models.items()]
    yield _table(["model", "rows"], rows)
    for name, kind in TAKES.items():
        yield f"<h2>POST /{name}</h2><p>{_marked(DOES[name])}</p>"
        meanings = meanings_of(kind)
        if meanings:
            own = [[option, meanings[option], rule.words] for option, rule in option_rules(kind).items()]
            yield _table(["option", "what it does", "value"], own)
        for called, model in models.models.items():
            yield f"<pre><code>{escape(_command(name, called, model.run.recipe.schema, models, base))}</code></pre>"
    for name, text in ABOUT.items():
        yield f"<h2>GET /{name}</h2><p>{_marked(text)}</p>"
        yield f"<pre><code>{escape(_curl(f'{base}/{name}'))}</code></pre>"
    yield "<h2>Formats</h2><p>Rows come as one of these, named by <code>Content-Type</code>; the answer has the format "
    yield "of the request, or the one that <code>Accept</code> names.</p>"
    yield f"<ul>{''.join(f'<li><code>{escape(name)}</code></li>' for name in NAMES)}</ul>"
    yield "<h2>Errors</h2><p>An error is an object of JSON, whose <code>error</code> is a sentence.</p>"
    yield _table(["status", "why"], [[status, text] for status, text in STATUSES.items()])
    yield "<h2>Limits</h2>"
    yield _table(["limit", "value"], [[name, f"{value:g}"] for name, value in limits.items()])


def _kind(schema: Schema) -> str:
    """What rows of a model are, in words."""
    if schema.columns:
        return f"a table with the columns {', '.join(own.name for own in schema.columns)}"
    return f"{schema.kind}, of shape (N, {', '.join(map(str, schema.shape))})"


def _curl(address: str, *options: str) -> str:
    return " \\\n  ".join([f'curl "{address}" -H "Authorization: Bearer $TOKEN"', *options])


def _command(action: str, called: str, schema: Schema, models: ServedModels, base: str) -> str:
    """A command that asks for an action."""
    query = f"?model={called}" if len(models.models) > 1 else ""
    address = f"{base}/{action}{query}"
    if action == "sample":
        return _curl(address, "-d '{\"n\": 2}'", '-H "Content-Type: application/json"')
    body = json.dumps(example_body(schema), ensure_ascii=False)
    if len(body) > LONGEST_EXAMPLE or "'" in body:
        name, kind = ("rows.arrow", "vnd.apache.arrow.stream") if schema.columns else ("rows.npy", "x-npy")
        return _curl(address, f"-X POST -T {name}", f'-H "Content-Type: application/{kind}"', "-o answer")
    return _curl(address, f"-d '{body}'", '-H "Content-Type: application/json"')


def _table(headings: list[str], rows: list[list[str]]) -> str:
    """A table of texts."""
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    lines = "".join(
        f"<tr><td><code>{escape(row[0])}</code></td>{''.join(f'<td>{_marked(text)}</td>' for text in row[1:])}</tr>"
        for row in rows
    )
    return f"<div><table><tr>{head}</tr>{lines}</table></div>"


def _marked(text: str) -> str:
    """A text of HTML, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))
