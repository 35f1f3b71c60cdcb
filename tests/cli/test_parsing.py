"""What tyro prints, on terminals of any width and about arguments of any kind."""

import os

import pytest

from variate.cli.main import COMMANDS
from variate.cli.parsing import with_bare_values


@pytest.mark.parametrize("columns", ["1", "20"])
def test_help_and_complaints_on_narrow_terminals_are_those_of_a_wider_one(variate_command, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", "40")
    wider = [variate_command("sample", "--help"), variate_command("sample", "--nowhere")]
    monkeypatch.setenv("COLUMNS", columns)
    assert [variate_command("sample", "--help"), variate_command("sample", "--nowhere")] == wider
    assert os.environ["COLUMNS"] == columns


def test_arguments_are_shown_and_not_obeyed(variate_command):
    for arguments in (
        ["\x1b[31m\udcff"],
        ["sample", "run", "--\x1b[31m\udcff"],
        ["sample", "run", "-n", "\x1b[31m\udcff"],
    ):
        code, out, err = variate_command(*arguments)
        assert (code, out) == (2, "")
        assert "\x1b" not in err
        assert "\\x1b[31m" in err


@pytest.mark.parametrize("flag", ["embed --overwrite", "train --resume", "sample --overwrite"])
def test_a_switch_takes_no_value(variate_command, flag):
    command, switch = flag.split()
    code, out, err = variate_command(command, "digits", f"{switch}=no")
    assert (code, out) == (2, "")
    assert f"{switch}: expected no value, since it is a switch, got 'no'; leave the value out" in err


def test_no_command_names_them_all_and_a_close_one_is_suggested(variate_command):
    code, _, err = variate_command()
    assert code == 2
    assert all(name in err for name in COMMANDS)
    code, _, err = variate_command("trian", "digits")
    assert code == 2
    assert "train" in err
    code, _, err = variate_command("train", "digits", "--epoch", "3")
    assert code == 2
    assert "--epochs" in err


def test_a_flag_that_stands_alone_has_the_value_that_its_command_says():
    commands = {"a": type("A", (), {"BARE": {"--2d": ("pca", "umap")}}), "b": type("B", (), {})}
    for typed, meant in (
        (["a", "x", "--2d"], ["a", "x", "--2d", "pca"]),
        (["a", "--2d", "x"], ["a", "--2d", "pca", "x"]),
        (["a", "--2d", "umap"], ["a", "--2d", "umap"]),
        (["a", "--2d", "--std"], ["a", "--2d", "pca", "--std"]),
        (["b", "--2d"], ["b", "--2d"]),
        ([], []),
    ):
        assert list(with_bare_values(commands, typed)) == meant
