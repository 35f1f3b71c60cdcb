"""The roles that columns can have beside being part of a row: conditions, weights, labels."""

from variate.config.recipe import DataOptions
from variate.config.schema import Schema


def names_beside(options: DataOptions, schema: Schema | None = None) -> tuple[str, ...]:
    """The names of what is read beside the rows and is no part of them.

    Args:
        options: `condition`, `weight` and `labels` are used.
        schema: Of a model, whose conditions are wanted whatever the options say.
    """
    conditions = options.condition if schema is None else [column.name for column in schema.conditions]
    others = [name for name in (options.weight, options.labels) if name is not None]
    return tuple(dict.fromkeys([*conditions, *others]))
