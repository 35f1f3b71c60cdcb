"""What the routes take and give: of a model as JSON, and of all routes as OpenAPI has it."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from variate.config.schema import Column, Schema
from variate.data.arrow_rows import to_arrow
from variate.limits import Checked, Rule
from variate.serve.actions import TAKES
from variate.serve.answers import records
from variate.serve.formats import ANSWERS, NAMES
from variate.serve.models import ServedModel, ServedModels
from variate.serve.options import meanings_of, option_rules

DOES = {
    "embed": "The mean of q(z|x) of each row: its latent coordinates.",
    "reconstruct": "Each row encoded and decoded again.",
    "score": "How odd each row is: larger is odder; `p_value` is its rank among rows held out of training.",
    "impute": "The rows with their gaps filled. In JSON and Arrow, null is a gap; in npy, NaN.",
    "sample": "New rows.",
}
"""What each action does."""
ABOUT = {
    "health": "Whether the server is up, and how busy it is.",
    "schema": "What each model takes, and what a request may cost.",
}
"""What the other routes say."""
STATUSES = {
    "400": "The body cannot be read.",
    "401": "The token is missing or wrong.",
    "403": "The request names another server, or comes from a foreign page.",
    "406": "The answer has no such format.",
    "408": "The body came too slowly.",
    "413": "The request is too large.",
    "415": "The body has a format that is not read.",
    "422": "The body can be read and is not what the model takes.",
    "503": "There are too many requests, or the answer takes too long; `Retry-After` says when to try again.",
}
"""Why a request is not answered."""
MOST_EXAMPLE = 16
"""Numbers of a row of an array that is shown in an example."""


def described(model: ServedModel) -> dict[str, Any]:
    """What a model is and takes, as JSON."""
    recipe = model.run.recipe
    schema = recipe.schema
    found: dict[str, Any] = {"kind": schema.kind, "shape": list(schema.shape), "latents": model.run.model.num_latents}
    if schema.levels:
        found["levels"] = schema.levels
    if schema.columns:
        found["columns"] = [_column(own) for own in schema.columns]
    if schema.aside:
        found["aside"] = [own.name for own in schema.aside]
    if schema.conditions:
        found["conditions"] = [_column(own) for own in schema.conditions]
    return found


def _column(own: Column) -> dict[str, Any]:
    """A column: its name, its kind, its categories, or the range of its numbers in training."""
    found: dict[str, Any] = {"name": own.name, "kind": own.kind}
    if own.categories:
        return found | {"categories": list(own.categories)}
    found |= {} if not own.format else {"format": own.format}
    return found | ({} if own.low is None else {"low": own.low, "high": own.high})


def example_body(schema: Schema) -> dict[str, Any]:
    """A body of JSON with one row of a model."""
    if schema.columns:
        return {"rows": records(_example_rows((*schema.columns, *schema.conditions)))}
    row: Any = 0
    for side in reversed(schema.shape):
        row = [row] * side
    found: dict[str, Any] = {"rows": [row]}
    if schema.conditions:
        own = records(_example_rows(schema.conditions))[0]
        found["condition"] = {name: [value] for name, value in own.items()}
    return found


def _example_rows(columns: Sequence[Column]) -> pa.Table:
    """A row with the first category of each column, or its smallest number."""
    values = [0.0 if own.categories or own.low is None else own.low for own in columns]
    return to_arrow(np.array([values]), Schema("table", (len(columns),), columns=tuple(columns)))


def openapi(models: ServedModels, limits: Mapping[str, int | float]) -> dict[str, Any]:
    """All routes, as OpenAPI 3.1 has them.

    Args:
        models: The models.
        limits: What a request may cost.
    """
    said = ", ".join(f"{name} {value:g}" for name, value in limits.items())
    info = {"title": "variate", "version": version("variate"), "description": f"Limits: {said}."}
    paths: dict[str, Any] = {f"/{name}": {"post": _operation(name, kind, models)} for name, kind in TAKES.items()}
    for name, text in ABOUT.items():
        paths[f"/{name}"] = {"get": {"summary": text, "operationId": name, "responses": _responses("")}}
    return {
        "openapi": "3.1.0",
        "info": info,
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _error()},
        },
    }


def _error() -> dict[str, Any]:
    """What JSON says about an error."""
    names = ("error", "argument", "expected", "got", "remedy")
    return {"type": "object", "properties": {name: {"type": "string"} for name in names}, "required": ["error"]}


def _operation(name: str, kind: type[Checked], models: ServedModels) -> dict[str, Any]:
    """One action."""
    named = {"name": "model", "in": "query", "schema": {"type": "string", "enum": list(models.models)}}
    parameters = [named | {"required": len(models.models) > 1, "description": "Which model, where there are several."}]
    meanings = meanings_of(kind)
    for option, rule in option_rules(kind).items():
        parameters.append({"name": option, "in": "query", "description": meanings[option], "schema": _type_of(rule)})
    operation: dict[str, Any] = {"summary": DOES[name], "operationId": name, "parameters": parameters}
    if name != "sample":
        operation["requestBody"] = {"required": True, "content": _bodies(models)}
    return operation | {"responses": _responses(name)}


def _bodies(models: ServedModels) -> dict[str, Any]:
    """The formats of bodies, with an example of JSON for each model whose rows are small."""
    own = {name: model.run.recipe.schema for name, model in models.models.items()}
    shown = {
        name: {"value": example_body(schema)}
        for name, schema in own.items()
        if schema.columns or schema.size <= MOST_EXAMPLE
    }
    found: dict[str, Any] = {name: {"schema": {"type": "string", "format": "binary"}} for name in NAMES}
    found["application/json"] = {"schema": {"type": "object"}, "examples": shown}
    return found


def _responses(name: str) -> dict[str, Any]:
    """What comes back."""
    names = list(ANSWERS.values()) if name in TAKES else [ANSWERS["json"]]
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    found: dict[str, Any] = {"200": {"description": "The answer.", "content": {own: {} for own in names}}}
    return found | {status: {"description": text, "content": error} for status, text in STATUSES.items()}


def _type_of(rule: Rule) -> dict[str, Any]:
    """What an option may be, as JSON Schema has it."""
    if rule.kind is tuple:
        return {"type": "array", "items": _type_of(rule.items[0])}
    names = {int: "integer", float: "number", bool: "boolean", str: "string"}
    found: dict[str, Any] = {"type": names[rule.kind]}
    if rule.choices:
        found["enum"] = list(rule.choices)
    low, high = (
        "exclusiveMinimum" if rule.range.above else "minimum",
        "exclusiveMaximum" if rule.range.below else "maximum",
    )
    found |= {} if rule.range.low is None else {low: rule.range.low}
    return found if rule.range.high is None else found | {high: rule.range.high}
