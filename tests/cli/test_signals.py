"""Signals that end a command."""

import os
import signal
import threading

import pytest

from variate.cli.signals import Ended, ending_signals


@pytest.fixture(autouse=True)
def default_handlers():
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_raises_so_that_what_is_half_written_is_removed(number, tmp_path):
    def write():
        try:
            path.write_text("half")
            os.kill(os.getpid(), number)
        finally:
            path.unlink()

    path = tmp_path / "part"
    with pytest.raises(Ended) as raised, ending_signals():
        write()
    assert not path.exists()
    assert raised.value.exit_code == 128 + number
    assert raised.value.name == signal.Signals(number).name
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ending_signals():
        os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL


def test_several_processes_and_other_threads_are_left_alone(monkeypatch):
    def handler():
        with ending_signals():
            return signal.getsignal(signal.SIGTERM)

    found = []
    thread = threading.Thread(target=lambda: found.append(handler()))
    thread.start()
    thread.join()
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert [*found, handler()] == [signal.SIG_DFL, signal.SIG_DFL]
