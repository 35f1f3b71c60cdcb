import pytest

from small_runs import digits_run, single_precision, table_file, table_run, variate_command  # noqa: F401


@pytest.fixture
def deleted(tmp_path, monkeypatch):
    """The working directory is one that was deleted."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
