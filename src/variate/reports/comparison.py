"""A comparison of two tables as a report: what stands out first, then the numbers, then how to read them."""

import math
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from variate.comparison.compare import Comparison
from variate.comparison.copies import Copies
from variate.comparison.estimates import Contrast, Shares
from variate.comparison.marginals import ColumnComparison
from variate.comparison.pairs import PairComparison
from variate.data.wording import list_names, plural
from variate.reports.report import Remarks, Report, Section, Table
from variate.statistics import Estimate

SHOWN_COLUMNS, SHOWN_PAIRS = 30, 10
"""Most lines of the tables."""
HARDLY, EASILY = 0.55, 0.75
"""Areas under the ROC curve up to which rows are hardly told apart, and from which on they easily are."""
SURE = 3.0
"""Standard errors from which on a difference is not chance."""
OFF_GRID = 0.05
"""Share of values off the grid of the real ones from which on the column is mentioned."""
FEW_ROWS = 0.5
"""Synthetic rows per real row below which more of them should be drawn."""
DETAILS = ("auc", "auc_same_gaps", "columns", "pairs", "copies", "membership", "utility")
"""Fields of a comparison that JSON has as numbers."""
IN_WHOLE = ("", "synthetic", "beside it", "what stands beside it")
OF_COLUMNS = ("column", "kind", "distance (halves)", "shift (halves)", "missing (real)", "out of range (halves)",
              "off grid (halves)", "most frequent (real)")  # fmt: skip
OF_PAIRS = ("column", "column", "distance (halves)", "correlation (real)")
"""Headings of the tables."""

Line = tuple[str, ...]


def comparison_report(found: Comparison, *, seed: int) -> Report:
    """The report of a comparison.

    Args:
        found: The comparison.
        seed: The seed that it was made with.
    """
    real, synthetic = found.names
    columns = worst_first(found.columns)
    sections: list[Section] = [
        Remarks(tuple(verdicts(found)), "what stands out"),
        Table(IN_WHOLE, tuple(_in_whole(found)), "the table as a whole"),
        Table(OF_COLUMNS, tuple(map(_of_column, columns[:SHOWN_COLUMNS])), _heading("columns", columns, SHOWN_COLUMNS)),
    ]
    if found.pairs:
        pairs = tuple(map(_of_pair, found.pairs[:SHOWN_PAIRS]))
        sections.append(Table(OF_PAIRS, pairs, _heading("pairs of columns", found.pairs, SHOWN_PAIRS)))
    sections.append(Remarks((*how_to_read(found), *found.notes), "how to read it"))
    compared = (
        f"{_rows(found.num_synthetic, found.of_synthetic)}) beside {real} ({_rows(found.num_real, found.of_real)}"
    )
    return Report(
        f"{synthetic} ({compared})",
        sections,
        {
            "variate": version("variate"),
            "real": {"name": real, "rows": found.num_real, "of_rows": found.of_real},
            "synthetic": {"name": synthetic, "rows": found.num_synthetic, "of_rows": found.of_synthetic},
            "seed": seed,
        },
        {name: as_json(getattr(found, name)) for name in DETAILS},
    )


def worst_first(columns: Sequence[ColumnComparison]) -> list[ColumnComparison]:
    """Columns, the one whose distance is furthest above its yardstick first."""
    return sorted(columns, key=lambda column: -column.distance.excess)


def verdicts(found: Comparison) -> Iterator[str]:
    """What the numbers say, a sentence each."""
    yield _on_detection(found)
    columns = [column.name for column in worst_first(found.columns) if column.distance.stands_out]
    yield f"columns: {len(columns)} of {len(found.columns)} stand out{_named(columns)}"
    coarse = [c.name for c in found.columns if c.off_grid and c.off_grid.value > c.off_grid.halves + OFF_GRID]
    if coarse:
        between = "values between those that a real one can have (decimals, steps)"
        yield f"grid: {plural(len(coarse), 'column')} with {between}{_named(coarse)}"
    pairs = [f"{pair.first} and {pair.second}" for pair in found.pairs if pair.distance.stands_out]
    if found.pairs:
        yield f"pairs: {len(pairs)} of {len(found.pairs)} stand out{_named(pairs)}"
    yield _on_copies(found.copies)
    if _were_trained_on(found.copies):
        equal, among = found.copies.exact.real.value, found.copies.repeated.value
        doubt = f"{equal:.2%} equal a training row, while {among:.2%} of the training rows equal another one"
        yield f"held-out rows: {doubt}; if they were trained on, no number beside them is a yardstick"
    if found.utility is not None:
        use = found.utility
        lost = f"{_number(use.synthetic)} if learned from synthetic rows, {_number(use.real)} from real ones"
        yield f"use: {use.score} for {use.target} on real rows is {lost}; difference {_number(use.lost)}"
    if found.membership is not None:
        area = found.membership.auc
        remembers = (
            "remembers its training rows" if area.value - 0.5 > SURE * area.stderr else "shows no memory of them"
        )
        yield f"memory: by its nats for single rows, the model {remembers} (AUC {_number(area)}; 0.5 is none)"
    if found.of_synthetic < FEW_ROWS * found.of_real:
        yield f"few rows: {found.of_synthetic:,} synthetic beside {found.of_real:,} real ones hide small differences"


def _on_detection(found: Comparison) -> str:
    value = found.auc.value
    how = "hardly tells" if value <= HARDLY else "easily tells" if value >= EASILY else "sometimes tells"
    said = f"rows: a classifier {how} synthetic rows from real ones (AUC {_number(found.auc)}; 0.5 is not at all)"
    if found.auc_same_gaps is None:
        return said
    return f"{said}; with the same gaps in both tables, AUC {_number(found.auc_same_gaps)}"


def _on_copies(copies: Copies) -> str:
    real, synthetic = copies.exact.real.value, copies.exact.synthetic.value
    fresh = "held-out rows" if copies.of_training else "real rows equal another one"
    known = "training row" if copies.of_training else "real row"
    said = f"copies: {synthetic:.2%} of the synthetic rows equal a {known}, {real:.2%} of the {fresh}"
    nearer = copies.real.low.value - copies.synthetic.low.value
    if copies.exact.difference.value > SURE * copies.exact.difference.stderr:
        return f"{said}; this is more than chance"
    if nearer > SURE * math.hypot(copies.real.low.stderr, copies.synthetic.low.stderr):
        return f"{said}; some more are nearer to a {known} than chance explains"
    return f"{said}; no more than chance"


def _were_trained_on(copies: Copies) -> bool:
    """Whether more held-out rows equal a training row than chance explains."""
    more = Shares(copies.repeated, copies.exact.real).difference
    return copies.of_training and more.value > SURE * more.stderr


def _named(names: Sequence[str]) -> str:
    return f": {list_names(names)}" if names else ""


def _in_whole(found: Comparison) -> Iterator[Line]:
    """The numbers about the table as a whole, a line each."""
    copies, model, use = found.copies, found.membership, found.utility
    pairs = [pair.distance for pair in found.pairs]
    yield "a classifier tells its rows from real ones, AUC", _number(found.auc), "0.5", "not told apart"
    if found.auc_same_gaps is not None:
        yield "the same, with the same gaps in both tables", _number(found.auc_same_gaps), "0.5", "not told apart"
    yield _mean_line("mean distance of columns", [column.distance for column in found.columns])
    if pairs:
        yield _mean_line("mean distance of pairs of columns", pairs)
    fresh, known = ("held-out rows", "training row") if copies.of_training else ("other real rows", "real row")
    equal = copies.exact
    yield f"rows that equal a {known}", _percent(equal.synthetic), _percent(equal.real), fresh
    for name, own, other in (
        ("5 % quantile", copies.synthetic.low, copies.real.low),
        ("median", copies.synthetic.median, copies.real.median),
    ):
        yield f"distance to the nearest {known}, {name}", _number(own), _number(other), fresh
    if use is not None:
        yield (
            f"{use.score} for {use.target}, learned from its rows",
            _number(use.synthetic),
            _number(use.real),
            "real rows",
        )
    if model is not None:
        nats = f"log p(x) by the model, IW-{model.num_samples}, nats per row"
        yield nats, model.synthetic.plus_minus(), model.held_out.plus_minus(), "held-out rows"
        yield "training rows are told from held-out rows, AUC", _number(model.auc), "0.5", "not told apart"


def _mean_line(name: str, distances: Sequence[Contrast]) -> Line:
    value, halves = (sum(part) / len(distances) for part in zip(*distances, strict=True))
    return name, f"{value:.3f}", f"{halves:.3f}", "two halves of the real table"


def _of_column(column: ColumnComparison) -> Line:
    """One line of the table of columns."""
    frequent = column.frequent
    top = "" if frequent is None else f"{frequent.value}: {_shares(frequent.shares)}"
    missing = column.missing
    return (
        column.name,
        column.kind,
        _beside(column.distance) + (" *" if column.distance.stands_out else ""),
        "" if column.shift is None else _beside(column.shift),
        _shares(missing) if missing.real.value or missing.synthetic.value else "",
        _beside(column.outside, ".1%") if column.outside.value else "",
        "" if column.off_grid is None or not column.off_grid.value else _beside(column.off_grid, ".1%"),
        top,
    )


def _of_pair(pair: PairComparison) -> Line:
    """One line of the table of pairs."""
    correlation = "" if pair.real is None else f"{pair.synthetic:.2f} ({pair.real:.2f})"
    return pair.first, pair.second, _beside(pair.distance) + (" *" if pair.distance.stands_out else ""), correlation


def _heading(what: str, lines: Sequence[object], most: int) -> str:
    """A heading that says which of the lines are shown."""
    return f"{what}, the worst first" if len(lines) <= most else f"{what}, the worst {most} of {len(lines):,}"


def how_to_read(found: Comparison) -> Iterator[str]:
    """What the columns of the tables mean, a sentence each."""
    yield "(halves): the same between two halves of the real table; *: more than twice that, and at least 0.05"
    yield "distance: 0 is equal, 1 nothing in common; numbers: Kolmogorov-Smirnov; categories: share of rows to change"
    yield "shift: how far values have to move on average, in standard deviations of the real column"
    if len(found.columns) > found.num_paired:
        yield f"pairs: of {found.num_paired} of the {len(found.columns):,} columns, chosen by the seed"
    if found.copies.num_near < found.copies.num_known:
        among = f"{found.copies.num_near:,} of the {found.copies.num_known:,} real rows, chosen by the seed"
        yield f"nearest rows: among {among}"
    if found.membership is not None and found.membership.impossible:
        share = found.membership.impossible
        yield f"log p(x): {share:.1%} of the synthetic rows hold values that the model cannot give and are left out"


def as_json(value: Any) -> Any:  # noqa: ANN401  any value of a comparison
    """A result as JSON values: tuples with names are objects, and histograms are left out."""
    if hasattr(value, "_asdict"):
        return {name: as_json(part) for name, part in value._asdict().items() if name != "histogram"}
    return [as_json(part) for part in value] if isinstance(value, tuple) else value


def _rows(number: int, of: int) -> str:
    return plural(number, "row") if number == of else f"{number:,} of {plural(of, 'row')}"


def _number(estimate: Estimate) -> str:
    return estimate.plus_minus(".3f", ".3f")


def _percent(estimate: Estimate) -> str:
    return estimate.plus_minus(".2%", ".2%")


def _shares(shares: Shares) -> str:
    return f"{shares.synthetic.value:.1%} ({shares.real.value:.1%})"


def _beside(distance: Contrast, form: str = ".3f") -> str:
    return f"{distance.value:{form}} ({distance.halves:{form}})"
