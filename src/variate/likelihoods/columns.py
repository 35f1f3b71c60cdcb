"""The likelihood of a table's row: log p(x|z) = sum over columns, each with the likelihood of its kind.

Columns of one kind share one likelihood; of categorical columns those share one that have about as many names.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import cast

import torch
from torch import Tensor, nn

from variate.config.parts import LIKELIHOODS, load_part
from variate.config.recipe import ModelOptions
from variate.config.schema import Column, Schema
from variate.config.slots import Slot
from variate.distributions.joint import JointRows
from variate.errors import InputError, Option, Sentence, unknown
from variate.likelihoods.base import Likelihood
from variate.likelihoods.bernoulli import Bernoulli
from variate.likelihoods.categorical_columns import LEAST_LOG_UNSEEN, CategoricalColumns
from variate.likelihoods.gaussian import GaussianOnGrids
from variate.likelihoods.scale import LEARNED_SCALES

_Family = Callable[[tuple[Column, ...]], Likelihood]

REAL = [name for name, part in LIKELIHOODS.items() if "real" in part.columns]
COUNTS = [name for name, part in LIKELIHOODS.items() if "counts" in part.columns]
ON_A_GRID = "gaussian on a grid"
"""The family of real columns with a grid whose likelihood is Gaussian."""


class Columns(Likelihood):
    """Independent columns of several kinds.

    Args:
        columns: The table's columns, in order.
        real: Likelihood of real columns, "gaussian", "student-t" or "quantile-logistic". The first is rounded to the
            grid of columns that have one, and so is the last.
        counts: Likelihood of counts, "negative-binomial", "poisson" or "quantile-logistic".
        scale: Where the scales of those that have one come from: "shared", "dimension" or "conditional".
        mixtures: Components of those that are mixtures.
    """

    def __init__(
        self,
        columns: tuple[Column, ...],
        real: str = "gaussian",
        counts: str = "negative-binomial",
        scale: str = "dimension",
        mixtures: int = 1,
    ) -> None:
        if not columns:
            raise InputError("columns", "at least one column", "none", "name the columns of the table")
        for argument, name, known in (
            ("real", real, REAL),
            ("counts", counts, COUNTS),
            ("scale", scale, LEARNED_SCALES),
        ):
            if name not in known:
                raise unknown(argument, name, known)
        families: dict[str, _Family] = {
            real: lambda own: _of_numbers(real, own, scale, mixtures),
            ON_A_GRID: lambda own: GaussianOnGrids(own, scale),
            "binary": lambda own: Bernoulli((len(own),)),
            counts: lambda own: _of_numbers(counts, own, scale, mixtures),
        }
        named = {"real": real, "counts": counts}
        kinds = [
            ON_A_GRID
            if real == "gaussian" and column.kind == "real" and column.step
            else named.get(column.kind, column.kind)
            for column in columns
        ]
        groups = _groups(columns, kinds, families)
        sizes = [prod(likelihood.out_shape) for likelihood, _ in groups]
        super().__init__((len(columns),), (sum(sizes),))
        self.sizes = sizes
        self.table, self.names = columns, [column.name for column in columns]
        self.parts = nn.ModuleList(likelihood for likelihood, _ in groups)
        for i, (_, own) in enumerate(groups):
            self.register_buffer(f"columns_{i}", torch.tensor(own), persistent=False)

    @classmethod
    def build(cls, schema: Schema, options: ModelOptions) -> "Columns":
        """The likelihood of a table: a named one for the columns that it suits, a default for others."""
        part = LIKELIHOODS[options.likelihood]
        named = dict.fromkeys(part.columns, options.likelihood)
        scale = {"scale": options.scale} if part.scale else {}
        return cls(schema.columns, **named, **scale, mixtures=options.mixtures or 1)

    @property
    def is_mass(self) -> bool:  # type: ignore[override]
        """Whether every column has a mass."""
        return all(part.is_mass for part, _ in self.items())

    def items(self) -> Iterator[tuple[Likelihood, Tensor]]:
        """The likelihoods and the indices of the columns that each is the likelihood of."""
        for i, part in enumerate(self.parts):
            yield cast(Likelihood, part), self.get_buffer(f"columns_{i}")

    def distribution(self, outputs: Tensor) -> JointRows:
        """Splits the outputs among the parts."""
        parts, columns = zip(*self.items(), strict=True)
        own = zip(parts, outputs.split(self.sizes, -1), strict=True)
        return JointRows([part(o.unflatten(-1, part.out_shape)) for part, o in own], columns)

    def check(self, rows: Tensor) -> None:
        """Rejects rows with a column that is not of its kind."""
        for part, columns in self.items():
            for i, column in enumerate(columns.tolist()):
                own = part.of_column(i) if isinstance(part, CategoricalColumns) else part
                try:
                    own.check(rows[:, column : column + 1])
                except InputError as error:
                    name, remedy = self.names[column], error.remedy
                    if part.is_mass:
                        real = Option("columns", [(name, "real")])
                        remedy = Sentence("correct its values or give it another kind, such as ", real)
                    raise InputError(f"column {name!r}", error.expected, error.got, remedy) from None

    def fit_scaling(self, rows: Tensor) -> None:
        """Sets the scalings of each part from its own columns."""
        for part, columns in self.items():
            part.fit_scaling(rows[:, columns])

    def log_misfit(self) -> float:
        """What the columns leave to names and numbers that no training row had; little where none leaves any."""
        most = max(part.log_misfit() for part, _ in self.items())
        return most if most > -math.inf else LEAST_LOG_UNSEEN

    def is_quantity(self) -> Tensor:
        """Which columns are quantities, not codes of names: booleans of shape (columns,), on the CPU."""
        result = torch.ones(self.event_shape, dtype=torch.bool)
        for part, columns in self.items():
            result[columns.cpu()] = part.is_quantity()
        return result

    @property
    def slots(self) -> list[Slot]:
        """What each output stands for."""
        found = []
        for number, (part, columns) in enumerate(self.items()):
            if isinstance(part, CategoricalColumns):
                own = [self.table[i] for i in columns.tolist()]
                found += [Slot("category", column.name, name) for column in own for name in column.categories]
            else:
                found += [Slot("parameter", str(number), i) for i in range(prod(part.out_shape))]
        return found

    def grow_from(self, old: Likelihood) -> None:
        """Takes what the parts have. A column with more categories may belong to another part than before."""
        if not isinstance(old, Columns):
            raise AssertionError("columns grow out of columns")
        before = list(old.items())
        found: dict[int, tuple[Tensor, Tensor]] = {}
        for part, columns in before:
            if isinstance(part, CategoricalColumns):
                own = zip(columns.tolist(), part.log_frequency.split(part.sizes), strict=True)
                found |= {i: (log_frequency, part.log_unseen) for i, log_frequency in own}
        for number, (part, columns) in enumerate(self.items()):
            if isinstance(part, CategoricalColumns):
                log_frequencies, log_unseen = zip(*(found[i] for i in columns.tolist()), strict=True)
                part.extend(log_frequencies, log_unseen[0])
            else:  # parts of numbers come first, and stay as they are
                part.grow_from(before[number][0])

    def floored(self) -> Tensor | None:
        """Which columns have a learned scale at its floor."""
        known = [(columns, floored) for part, columns in self.items() if (floored := part.floored()) is not None]
        if not known:
            return None
        result = known[0][1].new_zeros(self.event_shape)
        for columns, floored in known:
            result[columns] = floored
        return result

    def rescaled(self, log_factor: float | Tensor) -> "Columns | None":
        """A copy with every scale multiplied by a factor; None if no column has a scale."""
        rescaled = [part.rescaled(log_factor) for part, _ in self.items()]
        if not any(rescaled):
            return None
        copied = copy.deepcopy(self)
        copied.parts = nn.ModuleList(new or old for new, old in zip(rescaled, copied.parts, strict=True))
        return copied


def _of_numbers(name: str, columns: tuple[Column, ...], scale: str, mixtures: int) -> Likelihood:
    """The likelihood of a name for columns of numbers."""
    part = LIKELIHOODS[name]
    family: Callable[..., Likelihood] = load_part(part.path)
    if part.of_tables:
        return family(columns, mixtures, scale)
    return family((len(columns),), scale) if part.scale else family((len(columns),))


def _groups(
    columns: tuple[Column, ...], kinds: Sequence[str], families: dict[str, _Family]
) -> list[tuple[Likelihood, list[int]]]:
    """The likelihoods and their columns: one for the columns of each kind, and for categorical ones one for those whose
    numbers of names are within a factor of four.
    """
    of_kind = {kind: [i for i, own in enumerate(kinds) if own == kind] for kind in families}
    grouped = [(families[kind](tuple(columns[i] for i in own)), own) for kind, own in of_kind.items() if own]
    of_size: dict[int, list[int]] = {}
    for i, kind in enumerate(kinds):
        if kind not in families:
            of_size.setdefault(len(columns[i].categories).bit_length() // 2, []).append(i)
    return grouped + [(CategoricalColumns([len(columns[i].categories) for i in own]), own) for own in of_size.values()]
