"""The roles that columns can have beside being part of a row: conditions, weights, labels."""

from variate.config.recipe import DataOptions
from variate.config.schema import Schema


def condition_names(options: DataOptions, schema: Schema | None = None) -> tuple[str, ...]:
    """The names of what a model is conditional on: those of a model's schema, or else as the options say."""
    return options.condition if schema is None else tuple(column.name for column in schema.conditions)


def names_beside(options: DataOptions, schema: Schema | None = None) -> tuple[str, ...]:
    """The names of what is read beside the rows and is no part of them.

    Args:
        options: `condition`, `weight` and `labels` are used.
        schema: Of a model, whose conditions are wanted whatever the options say.
    """
    others = [name for name in (options.weight, options.labels) if name is not None]
    return tuple(dict.fromkeys([*condition_names(options, schema), *others]))


def role_of(name: str, options: DataOptions) -> str:
    """The option that names what stands beside the rows; of what a model is conditional on, `condition`."""
    named = {options.weight: "weight", options.labels: "labels"}
    return "condition" if name in options.condition else named.get(name, "condition")
