"""What can be wrong in `python -m campaign` itself: whether it repeats, and whether it sees what is planted."""

import os
import time
from random import Random

import numpy as np
import pytest
from campaign import forks, judge, report
from campaign.__main__ import CAMPAIGNS, load, main
from campaign.base import Campaign, Case, Fault, LeftOutError
from campaign.campaigns import images, models
from campaign.campaigns.kills import contents
from campaign.campaigns.options import allowed, edges
from campaign.campaigns.tables import lines_of

from variate.config.recipe import DataOptions, TrainingOptions
from variate.errors import InputError
from variate.limits import rules_of
from variate.runtime.tensor_files import read_tensors

PLANTED = {
    "good": lambda: None,
    "sentence": lambda: refuse("file.npy"),
    "exception": lambda: [].pop(),
    "slow": lambda: sum(iter(int, 1)),
    "large": lambda: np.ones(76_000_000).sum(),
    "crash": os.abort,
    "control": lambda: plant(RawError("file.npy\x1b")),
    "nameless": lambda: refuse("it"),
    "wrong": lambda: plant(Fault("is wrong")),
    "left out": lambda: plant(LeftOutError("no such disk")),
}
ENDS = {"good": "result", "sentence": "sentence", "left out": "left out", "slow": "slow"}


class RawError(InputError):
    """An error that says whatever it is given."""

    def __init__(self, text):
        super().__init__("argument", "this", "that")
        self.text = text

    def __str__(self):
        return self.text


def refuse(argument):
    raise InputError(argument, "another one", "this one")


def plant(error):
    raise error


class Planted(Campaign):
    """Cases of which each is known."""

    name, long, short = "planted", len(PLANTED), len(PLANTED)
    seconds = 1.5

    def prepare(self, folder):
        pass

    def make(self, random, folder):
        what = list(PLANTED)[int(folder.name)]
        (folder / "file.npy").write_bytes(random.randbytes(8))
        return Case(what, folder / "file.npy", ("file.npy",), own=PLANTED[what])

    def attempt(self, case):
        case.own()
        return "result"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the planted cases came to, by what was planted, and a tally of them."""
    folder, tally, outcomes = tmp_path_factory.mktemp("planted"), report.Tally(Planted(), len(PLANTED)), {}
    for outcome in forks.outcomes(Planted(), 5, range(len(PLANTED)), folder / "cases", 2, float("inf")):
        outcomes[outcome.what] = outcome
        tally.add(outcome)
        if outcome.end == "fault":
            tally.keep(outcome, folder, 5)
    return outcomes, tally, folder


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_seen(found, what):
    outcome = found[0][what]
    assert outcome.end == ENDS.get(what, "fault")
    assert (outcome.memory > forks.LEAST_MEMORY) == (what == "large")
    assert (outcome.seconds > 1.5) == (what == "slow")
    assert bool(outcome.reason) == (what not in ("good", "sentence"))


@pytest.mark.parametrize(("processes", "end"), [(1, "fault"), (2, "slow")])
def test_a_case_that_waits_for_ever_is_killed_and_tried_again_alone(monkeypatch, tmp_path, processes, end):
    monkeypatch.setattr(forks, "HANGS", 1)
    monkeypatch.setitem(PLANTED, "good", lambda: time.sleep(60))
    (outcome,) = forks.outcomes(Planted(), 5, [0], tmp_path, processes, float("inf"))
    assert outcome.end == end
    assert "SIGKILL" in outcome.reason


def test_faults_are_kept_with_their_files_and_the_line_that_tries_them_again(found):
    _, tally, folder = found
    number = list(PLANTED).index("exception")
    kept = folder / f"planted-{number}"
    assert (kept / "file.npy").read_bytes() == forks.chance(5, "planted", number).randbytes(8)
    assert "IndexError" in (kept / "REASON.txt").read_text()
    assert len((folder / "faults.txt").read_text().splitlines()) == tally.ends["fault"] == 6
    assert f"python -m campaign planted --seed 5 --case {number}" in "\n".join(report.lines([tally]))


def test_the_row_counts_what_was_tried(found):
    _, tally, _ = found
    assert tally.row[:5] == ("planted", "8", "1", "1", "6")
    assert tally.notes == [
        "planted: 1 left out: no such disk",
        "planted: 1 not tried: the time was up",
    ]  # the slow ones


def test_the_table_has_a_row_for_every_campaign():
    tallies = [report.Tally(load(name)(), load(name).short) for name in CAMPAIGNS]
    lines = report.lines(tallies)
    assert [line.split("|")[1].strip() for line in lines[2 : 2 + len(CAMPAIGNS)]] == list(CAMPAIGNS)
    assert all(tally.campaign.name == name for tally, name in zip(tallies, CAMPAIGNS, strict=True))
    assert all(0 < tally.campaign.short <= tally.campaign.long for tally in tallies)


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["short", "--case", "1"], ["images", "--seed", "-1"]])
def test_misuse_has_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("python -m campaign: error: ")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The campaigns of files, with one model and without bombs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "BOMBS", {})
        patch.setattr(images, "BOMB_SHARE", 0.0)
        patch.setattr(models, "KINDS", {"bits": models.KINDS["bits"]})
        made = {}
        for name in ("models", "images", "arrays", "tables"):
            made[name] = load(name)()
            made[name].prepare(tmp_path_factory.mktemp(name))
        yield made


def made(campaign, seed, number, folder):
    """A case: what was done, and all of its files."""
    folder.mkdir()
    case = campaign.make(forks.chance(seed, campaign.name, number), folder)
    return case.what, contents(folder)


@pytest.mark.parametrize("name", ["models", "images", "arrays", "tables"])
def test_a_seed_gives_the_same_files_and_another_seed_gives_others(prepared, name, tmp_path):
    first, second, other = (
        [made(prepared[name], seed, number, tmp_path / f"{number}-{place}") for number in range(12)]
        for place, seed in enumerate((0, 0, 1))
    )
    assert first == second
    assert all(files for _, files in first)
    assert first != other


def test_sealed_models_have_the_checksum_of_what_they_hold(prepared, tmp_path):
    good = prepared["models"].good["bits"]
    changed, _ = models.changed_weights(Random(0), models.parts_of(good.model))
    for sealed in (False, True):
        path = tmp_path / "model.safetensors"
        path.write_bytes(models.file_of(changed, sealed))
        if sealed:
            read_tensors(path)
        else:
            with pytest.raises(InputError, match="checksum"):
                read_tensors(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"a,b\n1,2\n\n3,4", 3), (b"a\r\n1\r2\r\n", 3), (b"a\n \n", 1), (b"\xff\xfea", None), (b"a\n\x00\n", None)],
)
def test_lines_of_a_text(content, expected):
    assert lines_of(content) == expected


@pytest.mark.parametrize("kind", [DataOptions, TrainingOptions])
def test_values_at_the_limits_are_told_from_those_beyond(kind):
    for name, rule in rules_of(kind).items():
        values = edges(rule)
        assert any(allowed(value, rule) for value in values) == bool(values), name
        for value in values:
            if not allowed(value, rule):
                with pytest.raises(InputError) as caught:
                    kind(**{name: value})
                assert caught.value.argument == name


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (InputError("a.npy", "numbers", "text"), ("b.npy",)),
        (InputError("", "numbers", "text"), ()),
        (RawError("a.npy" + "x" * 5000), ("a.npy",)),
        (RawError("a.npy\x1b[31m"), ("a.npy",)),
        (RawError("a.npy\udcff"), ("a.npy",)),
    ],
)
def test_sentences_that_do_not_help_are_faults(error, names):
    judge.require_helpful(InputError("a.npy", "numbers", "text"), ("a.npy",))
    with pytest.raises(Fault):
        judge.require_helpful(error, names)


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (1, "variate: failed: ValueError"),
        (2, ""),
        (2, "Traceback"),
        (2, "variate: error: a\nvariate: error: b"),
        (-9, ""),
    ],
)
def test_commands_that_end_otherwise_are_faults(code, err):
    assert judge.require_command(0, "variate: warning: a")
    assert not judge.require_command(2, "variate: warning: a\nvariate: error: b")
    with pytest.raises(Fault):
        judge.require_command(code, err)
