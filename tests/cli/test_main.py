"""Help, exit codes and what is printed where a command fails."""

import dataclasses
import warnings

import pytest

import variate
from small_runs import finished
from variate.cli import COMMANDS
from variate.cli.flags import OTHER_NAMES, POSITIONAL
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.errors import InputError, Option, Sentence, VariateWarning
from variate.runtime.distributed import LostProcessError


def test_help_names_every_command_and_every_option(variate_command):
    shown = finished("--help")
    assert "usage: variate" in shown
    assert all(name in shown for name in COMMANDS)
    for name, command in COMMANDS.items():
        code, out, _ = variate_command(name, "--help")
        assert code == 0
        assert f"usage: variate {name}" in out
        groups = (DataOptions, ModelOptions, TrainingOptions) if name == "train" else (command,)
        for option in (option.name for group in groups for option in dataclasses.fields(group)):
            by_position = option in POSITIONAL and POSITIONAL[option] in out
            assert by_position or f"--{OTHER_NAMES.get(option, option).replace('_', '-')}" in out, (name, option)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (InputError("num_samples", "at least 1", 0), 2, "error: --samples: expected at least 1, got 0"),
        (PermissionError(13, "Permission denied", "a.npy"), 2, "error: cannot use 'a.npy': Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (LostProcessError(Sentence("stopped; use ", Option("resume", True))), 1, "failed: stopped; use --resume"),
        (KeyError("surprise"), 1, "failed: KeyError: 'surprise'"),
        (RuntimeError(Sentence("lower ", Option("lr"), "\nnow")), 1, "failed: RuntimeError: lower --lr"),
    ],
)
def test_what_a_command_raises_becomes_a_sentence_and_an_exit_code(variate_command, monkeypatch, error, code, words):
    def failing(*_):
        raise error

    monkeypatch.setattr("variate.runs.training.plan", failing)
    found, out, err = variate_command("train", "digits")
    assert (found, out) == (code, "")
    assert err.startswith(f"variate: {words}")
    assert "Traceback" not in err
    assert err.count("\n") == 1


def test_the_version_is_printed(variate_command):
    assert variate_command("--version") == (0, f"variate {variate.__version__}\n", "")


def test_data_errors_and_warnings_are_shown_and_not_obeyed(variate_command, monkeypatch):
    evil = "\x1b[31m\n\u202e\udcff"

    def failing(*_):
        warnings.simplefilter("always")
        warnings.warn(VariateWarning(evil), stacklevel=1)
        raise RuntimeError(f"x{evil}" + "y" * 10**7)

    monkeypatch.setenv("VARIATE_DEBUG", "1")
    monkeypatch.setattr("variate.runs.training.plan", failing)
    code, _, err = variate_command("train", evil)
    assert code == 1
    assert not set(err) & {"\x1b", "\u202e", "\udcff"}
    assert "variate: warning: \\x1b[31m\\n\\u202e\\udcff\n" in err
    assert len(err) < 50_000


def test_the_place_of_a_fault_is_shown_on_request(variate_command, monkeypatch):
    monkeypatch.setenv("VARIATE_DEBUG", "1")
    monkeypatch.setattr("variate.runs.training.plan", lambda *_: 1 / 0)
    code, _, err = variate_command("train", "digits")
    assert code == 1
    assert "Traceback" in err
    assert "failed: ZeroDivisionError" in err


def test_warnings_of_the_library_are_shown_and_others_are_not(variate_command, monkeypatch):
    def warning(*_):
        warnings.simplefilter("always")
        warnings.warn(VariateWarning(Sentence("try ", Option("kl_warmup"))), stacklevel=1)
        warnings.warn("for programmers", stacklevel=1)
        raise InputError("epochs", "at least 1", 0)

    monkeypatch.setattr("variate.runs.training.plan", warning)
    _, _, err = variate_command("train", "digits")
    assert err.splitlines() == [
        "variate: warning: try --kl-warmup", "variate: error: --epochs: expected at least 1, got 0",
    ]  # fmt: skip


def test_of_several_processes_only_the_main_one_prints(variate_command, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("variate.runs.Run.held_out", lambda *_: 1 / 0)
    assert variate_command("evaluate", "nowhere") == (0, "", "")  # only training is for several processes

    def failing(*_):
        raise InputError("epochs", "at least 1", 0)

    monkeypatch.setattr("variate.runs.training.plan", failing)
    assert variate_command("train", "digits") == (2, "", "")
    monkeypatch.setattr("variate.runs.training.plan", lambda *_: 1 / 0)
    code, _, err = variate_command("train", "digits")
    assert code == 1
    assert "rank 1: ZeroDivisionError" in err
