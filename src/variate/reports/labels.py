"""How well labels can be told from embeddings, as part of the report of an evaluation."""

import dataclasses
from collections.abc import Iterator

from variate.config.schema import Column
from variate.errors import Option, Sentence
from variate.evaluation.probes.labels import LabelProbe, Predicted
from variate.reports.report import OTHER, Quantities, Quantity, Remarks, Report


def with_labels(report: Report, found: LabelProbe, label: Column) -> Report:
    """The report of an evaluation with what a probe by labels measured.

    Args:
        report: The report.
        found: What was measured.
        label: What the labels are.
    """
    title = (
        f"{label.name!r} told from embeddings: {found.score} on {found.num_test:,} held-out rows, learned from "
        f"{found.num_train:,} training rows"
    )
    lines = Quantities(tuple(label_quantities(found, label.name)), title)
    return dataclasses.replace(
        report,
        sections=(*report.sections, lines, Remarks(_remarks(found, label.name))),
        details={**report.details, "labels": {"column": label.name, "score": found.score, "rows": found.num_test,
                                              "train_rows": found.num_train, "neighbours": found.neighbours}},
    )  # fmt: skip


def label_quantities(found: LabelProbe, name: str) -> Iterator[Quantity]:
    """The lines of the section."""

    def both(predicted: Predicted, linear: str, nearest: str) -> Iterator[Quantity]:
        for what, value in ((linear, predicted.linear), (nearest, predicted.nearest)):
            yield Quantity(f"{name}: {found.score}, {what}", value, "", OTHER)

    yield from both(found.embeddings, "linear probe", f"{found.neighbours} nearest embeddings")
    if found.features is not None and found.lost is not None:
        yield from both(found.features, "linear probe on the rows", f"{found.neighbours} nearest rows")
        yield from both(found.lost, "lost by embedding, linear probe", "lost by embedding, nearest")
    constant = "most frequent category" if found.score == "accuracy" else "mean of the training rows"
    yield Quantity(f"{name}: {found.score}, {constant}", found.constant, "", OTHER)


def _remarks(found: LabelProbe, name: str) -> tuple[str, ...]:
    if found.features is not None:
        return ()
    seen = f"the model has seen {name!r}, so its embeddings may hold it: train it with "
    return (Sentence(seen, Option("labels", name), " to judge what the other columns tell of it"),)
