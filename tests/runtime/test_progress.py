"""Progress bars on terminals, and where there is none."""

import io
from contextlib import redirect_stderr

import pytest

from variate.runtime.progress import ErrorConsole, progress


class Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def work(stream, show=True):
    with redirect_stderr(stream), progress("[red]rows[/]", 10, show) as done:
        for _ in range(10):
            done(1)


def test_a_terminal_gets_a_bar_with_the_name_as_it_is(terminal):
    work(terminal)
    assert "[red]rows[/]" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()


@pytest.mark.parametrize("case", ["hidden", "dumb", "no terminal"])
def test_elsewhere_nothing_is_written(terminal, monkeypatch, case):
    if case == "dumb":
        monkeypatch.setenv("TERM", "dumb")
    if case == "no terminal":
        monkeypatch.setattr(terminal, "isatty", lambda: False)
    work(terminal, show=case != "hidden")
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("width", [1, 20])
def test_narrow_terminals_and_none_at_all(terminal, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    work(terminal)
    monkeypatch.delenv("TERM")
    work(terminal)
    assert terminal.getvalue()


def test_work_goes_on_where_standard_error_breaks_or_is_missing(terminal, monkeypatch):
    def broken(_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(terminal, "write", broken)
    for stream in (terminal, None):
        work(stream)
        with redirect_stderr(stream):
            ErrorConsole(show=True).print("text")
