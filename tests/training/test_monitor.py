"""What a run shows while it trains, and where that cannot be shown."""

import io
import math
from contextlib import redirect_stderr

import pytest

from variate.training import monitor
from variate.training.monitor import Display

RECORD = {"step": 10, "train_elbo": -8.0, "train_rate": 3.0, "train_distortion": 5.0}


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def shown(stream, show=True):
    with redirect_stderr(stream):
        display = Display(10, 5, 4, show)
        with display.running():
            for step in range(1, 11):
                display.step(step)
            display.check(RECORD)


def test_a_terminal_gets_a_bar_and_a_file_gets_lines(terminal, monkeypatch):
    bits = f"{8 / (4 * math.log(2)):.3f} bits/dim"
    monkeypatch.setenv("COLUMNS", "200")
    shown(terminal)
    assert bits in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()
    for lines in ("dumb", "no terminal"):
        terminal.seek(0)
        terminal.truncate()
        monkeypatch.setenv("TERM", "dumb" if lines == "dumb" else "xterm")
        monkeypatch.setattr(terminal, "isatty", lambda lines=lines: lines == "dumb")
        shown(terminal)
        assert terminal.getvalue().startswith("step 10/10  train ELBO -8.00 nats")
        assert bits in terminal.getvalue()
        assert terminal.getvalue().count("\n") == 1


def test_nothing_is_shown_unasked(terminal):
    shown(terminal, show=False)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_training_goes_on_where_standard_error_breaks_or_is_missing(terminal, monkeypatch, is_terminal):
    def broken(*_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(monitor, "PLAIN_SECONDS", 0.0)
    monkeypatch.setattr(terminal, "isatty", lambda: is_terminal)
    for name in ("write", "flush"):
        monkeypatch.setattr(terminal, name, broken)
    shown(terminal)
    shown(None)
