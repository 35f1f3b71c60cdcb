"""Lines that a terminal shows and does not obey."""

import pytest

from variate.cli import output
from variate.errors import LONGEST, InputError, Option, Sentence

EVIL = "a\nb\x1b[31m\u202e\udcff"
SHOWN = "a\\nb\\x1b[31m\\u202e\\udcff"


@pytest.mark.parametrize("say", [output.say, output.warn, output.complain])
def test_each_text_is_one_line_whatever_it_holds(say, capsys):
    say(Sentence(f"{EVIL}: use ", Option("drop", [EVIL])))
    out = "".join(capsys.readouterr())
    assert out.count("\n") == 1
    assert out.endswith(f"{SHOWN}: use --drop '{SHOWN}'\n")
    assert out.isascii()


def test_lines_are_of_bounded_length_and_hold_all_fields_of_an_error(capsys):
    long = "x" * 10**6
    output.say(long)
    assert len(capsys.readouterr().out) <= output.LONGEST_LINE + 1
    error = InputError(
        f"column {long}", f"one of {long}", f"{long} here", Sentence("leave it out by ", Option("drop", [long]))
    )
    output.complain(Sentence("error: ", error.sentence))
    line = capsys.readouterr().err
    assert len(line) < output.LONGEST_LINE
    for word in ("error: column x", "expected one of x", "x here; leave it out by --drop x"):
        assert word in line
    assert len(line) > LONGEST
