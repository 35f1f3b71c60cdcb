"""A report: everything that is said of a result, as data, in the order in which it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from variate.statistics import Estimate

if TYPE_CHECKING:
    from variate.doctor import Finding

BOUND, PART, COST, OTHER = "bound", "part of ELBO", "cost", "no likelihood"
"""Kinds of quantities: a lower bound on log p(x), a term of the ELBO, a loss of ELBO, or anything else."""
NATS = "nats"
"""The unit of quantities in nats per row."""
BITS_PER_DIM, NATS_PER_DIM = "bits/dim", "nats/dim"


class Quantity(NamedTuple):
    """A number.

    Attributes:
        name: What it is.
        estimate: Its value and standard error; NaN where there is none.
        unit: Unit of both; `NATS` is per row.
        kind: `BOUND`, `PART`, `COST` or `OTHER`.
        per_dim: The same per dimension, in the unit that the section names.
    """

    name: str
    estimate: Estimate
    unit: str
    kind: str
    per_dim: Estimate | None = None


@dataclass(frozen=True)
class Quantities:
    """Numbers below one another.

    Attributes:
        lines: The numbers.
        title: A heading.
        per_dim: Unit of the values per dimension, `BITS_PER_DIM` or `NATS_PER_DIM`; "" if no line has such a value.
    """

    lines: tuple[Quantity, ...]
    title: str = ""
    per_dim: str = ""


@dataclass(frozen=True)
class Findings:
    """What is wrong or could be better.

    Attributes:
        findings: The findings.
        title: A heading.
        first: Number of the first finding; the numbers go on from section to section.
    """

    findings: "tuple[Finding, ...]"
    title: str = ""
    first: int = 1


@dataclass(frozen=True)
class Table:
    """Anything with rows and columns.

    Attributes:
        headings: A heading per column.
        rows: Cells as texts or numbers, as many per row as there are headings.
        title: A heading.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str | float, ...], ...]
    title: str = ""


@dataclass(frozen=True)
class Picture:
    """A PNG file that belongs to the report."""

    path: Path
    title: str = ""


@dataclass(frozen=True)
class Remarks:
    """Sentences on how to read the numbers. A `Sentence` may name options."""

    sentences: tuple[str, ...]
    title: str = ""


Section = Quantities | Findings | Table | Picture | Remarks
S = TypeVar("S", bound=Section)


@dataclass(frozen=True)
class Report:
    """What is said of a result.

    Attributes:
        title: One line that names the result.
        sections: The parts in the order in which they are read.
        facts: What the result is about (version, model, data, seed, ...), as JSON values.
        details: Numbers behind the sections, for programs, as JSON values.
    """

    title: str
    sections: Sequence[Section]
    facts: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def of_type(self, kind: type[S]) -> list[S]:
        """The sections of this type."""
        return [section for section in self.sections if isinstance(section, kind)]

    @property
    def quantities(self) -> list[Quantity]:
        """The numbers of all sections."""
        return [line for section in self.of_type(Quantities) for line in section.lines]

    @property
    def findings(self) -> "list[Finding]":
        """The findings of all sections."""
        return [finding for section in self.of_type(Findings) for finding in section.findings]

    @property
    def remarks(self) -> list[str]:
        """The sentences of all sections."""
        return [sentence for section in self.of_type(Remarks) for sentence in section.sentences]
