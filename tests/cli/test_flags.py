"""A user of the command line reads flags, a user of Python reads parameters."""

import dataclasses

import pytest

from variate.cli import COMMANDS
from variate.cli.flags import OF_COMMANDS, OF_TRAINING, OTHER_NAMES, POSITIONAL, as_flag, with_flags
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import InputError, Option, Sentence

GROUPS = (DataOptions, ModelOptions, TrainingOptions)


def test_every_flag_of_every_command_is_known_and_no_other():
    names = {field.name for command in COMMANDS.values() for field in dataclasses.fields(command)}
    fields = {OTHER_NAMES.get(name, name) for name in names}
    groups = {"data", "model", "training"}
    assert fields - set(POSITIONAL) - groups <= OF_COMMANDS | OF_TRAINING
    assert fields - groups - set(POSITIONAL) >= OF_COMMANDS
    assert {field.name for group in GROUPS for field in dataclasses.fields(group)} == OF_TRAINING
    assert set(OTHER_NAMES.values()) <= OF_COMMANDS


@pytest.mark.parametrize(
    ("option", "flag"),
    [
        (Option("lr_warmup"), "--lr-warmup"),
        (Option("num_samples"), "--samples"),
        (Option("num_samples", 1000), "--samples 1000"),
        (Option("annealed_rows", 20), "--ais 20"),
        (Option("num_rows"), "--rows"),
        (Option("n"), "--number"),
        (Option("map", "pca"), "--2d pca"),
        (Option("curves"), "--curve"),
        (Option("resume", True), "--resume"),
        (Option("header", True), "--header True"),
        (Option("header", False), "--header False"),
        (Option("header"), "--header"),
        (Option("drop", ["id", "a b"]), "--drop id 'a b'"),
        (Option("columns", (("age", "counts"), ("id", "real"))), "--columns age counts id real"),
        (Option("size", (32, 64)), "--size 32 64"),
        (Option("data"), "DATA"),
        (Option("model"), "MODEL"),
        (Option("batch_size", 7), "--batch-size 7"),
        (Option("into", "a"), "into='a'"),
    ],
)
def test_an_option_is_said_as_its_flag(option, flag):
    assert as_flag(option) == flag


ERRORS = {
    "an option": (InputError("num_samples", "at least 1", 0), "--samples: expected at least 1, got 0"),
    "a value to use": (
        InputError("beta", "0 or more", -1.0, Sentence("use ", Option("beta", 1.0))),
        "--beta: expected 0 or more, got -1.0; use --beta 1.0",
    ),
    "two options": (
        InputError("size", "one size", "two", Sentence("give ", Option("size", (8, 8)), ", or ", Option("drop"))),
        "--size: expected one size, got two; give --size 8 8, or --drop",
    ),
    "a plain remedy": (
        InputError("columns", "names of columns", "'agee'", "did you mean 'age'?"),
        "--columns: expected names of columns, got 'agee'; did you mean 'age'?",
    ),
    "no remedy": (InputError("a.csv", "rows", "none"), "a.csv: expected rows, got none"),
    "a thing in the data": (
        InputError("column 'id' of a.csv", "numbers", "text", Sentence("leave it out by ", Option("drop", ["id"]))),
        "column 'id' of a.csv: expected numbers, got text; leave it out by --drop id",
    ),
    "an option in what was expected": (
        InputError("sigma", Sentence("no value for ", Option("scale", "conditional")), 0.1, "leave it out"),
        "--sigma: expected no value for --scale conditional, got 0.1; leave it out",
    ),
    "data by position": (InputError("x", "rows", "none"), "DATA: expected rows, got none"),
    "a parameter that is no flag": (InputError("checkpoint_seconds", "more than 0", 0),
                                    "checkpoint_seconds: expected more than 0, got 0"),
}  # fmt: skip


@pytest.mark.parametrize("style", ERRORS)
def test_errors_of_every_style_speak_flags_here_and_python_there(style):
    error, expected = ERRORS[style]
    assert with_flags(error.sentence) == expected
    assert "--" not in str(error)
    for option in (part for part in error.sentence.parts if isinstance(part, Option)):
        assert option.in_python in str(error)


def test_texts_without_options_stay_as_they_are():
    assert with_flags("num_samples is a word") == "num_samples is a word"
