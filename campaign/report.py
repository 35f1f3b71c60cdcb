"""What campaigns found: one table, the kinds of faults, and a folder with the file and the line that show each."""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from campaign.base import Campaign
from campaign.forks import MB, Outcome
from campaign.judge import kind_of

COLUMNS = ("campaign", "cases", "results", "sentences", "faults", "worst seconds", "worst MB")
MOST_KEPT = 200
"""Faults of a campaign whose files are kept."""


@dataclass
class Tally:
    """What a campaign found so far.

    Attributes:
        campaign: The campaign.
        asked: Number of cases that it was to try.
        ends: How often each end came.
        seconds: Of the slowest case.
        memory: Bytes of the largest.
        kinds: How often each kind of fault came.
        first: Of each kind the first fault's line that tries it again.
        reasons: Why cases were left out.
    """

    campaign: Campaign
    asked: int
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    memory: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Counts an outcome."""
        self.ends[outcome.end] += 1
        self.seconds, self.memory = max(self.seconds, outcome.seconds), max(self.memory, outcome.memory)
        if outcome.end == "left out":
            self.reasons[outcome.reason] += 1

    def keep(self, outcome: Outcome, keep: Path, seed: int) -> None:
        """Keeps the files of a fault, with its reason and the line that tries it again."""
        name = f"{self.campaign.name}-{outcome.number}"
        again, kept = shown(outcome.again.replace("SEED", str(seed))), keep / name
        if sum(self.kinds.values()) < MOST_KEPT:
            shutil.copytree(outcome.folder, kept, symlinks=True, dirs_exist_ok=True, copy_function=copy_plain)
            again = again.replace(str(outcome.folder), str(kept))
            (kept / "REASON.txt").write_text(f"{shown(outcome.what)}\n{again}\n\n{outcome.reason}\n", errors="replace")
        kind = shown(kind_of(outcome.reason))
        self.kinds[kind] += 1
        self.first.setdefault(kind, again)
        with (keep / "faults.txt").open("a") as file:
            file.write(f"{name} | {shown(outcome.what)} | {kind} | {again}\n")

    @property
    def row(self) -> tuple[str, ...]:
        """The row of the table."""
        tried = self.ends["result"] + self.ends["sentence"] + self.ends["fault"]
        memory = f"{self.memory / MB:,.0f}" if self.campaign.is_measured else "-"
        counts = (tried, self.ends["result"], self.ends["sentence"], self.ends["fault"])
        return (self.campaign.name, *(f"{count:,}" for count in counts), f"{self.seconds:.1f}", memory)

    @property
    def notes(self) -> list[str]:
        """What to know when reading the row."""
        left_out = [f"{self.campaign.name}: {count:,} left out: {why}" for why, count in self.reasons.items()]
        missing = self.asked - sum(self.ends[end] for end in ("result", "sentence", "fault", "left out"))
        return [*left_out, *([f"{self.campaign.name}: {missing:,} not tried: the time was up"] if missing else [])]


def shown(text: str) -> str:
    """A text on one line, with what would act on a terminal escaped."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def copy_plain(source: str, target: str) -> None:
    """Copies a file that has content; pipes and sockets are only named by what was done."""
    if Path(source).is_file():
        shutil.copyfile(source, target)


def lines(tallies: list[Tally]) -> list[str]:
    """The table as Markdown, and below it the kinds of faults with how often each came."""
    cells = [COLUMNS, *(tally.row for tally in tallies)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    text = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    rule = "|".join("-" * (width + 2) for width in widths)
    table = [f"| {text[0]} |", f"|{rule}|", *(f"| {line} |" for line in text[1:])]
    notes = [f"- {note}" for tally in tallies for note in tally.notes]
    faults = []
    for tally in tallies:
        for kind, count in tally.kinds.most_common():
            faults += [f"- {tally.campaign.name}, {count:,} times: {kind}", f"      {tally.first[kind]}"]
    return [*table, "", *notes, *(["", "Faults:", *faults] if faults else [])]
