import pytest

from small_runs import (  # noqa: F401
    digits_run,
    orders_run,
    short_trials,
    single_precision,
    table_file,
    table_run,
    variate_command,
)


@pytest.fixture
def deleted(tmp_path, monkeypatch):
    """The working directory is one that was deleted."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
