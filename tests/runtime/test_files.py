import pytest

from variate.runtime import files


def entries(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_write_replaces_the_old_content_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "note.txt"
    files.write_text(path, "old")
    files.write_text(path, "new: grün")
    assert path.read_text(encoding="utf-8") == "new: grün"
    assert entries(tmp_path) == ["note.txt"]


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Interrupted])
@pytest.mark.parametrize("old", [None, "old"])
def test_an_exception_leaves_the_old_file_or_none(tmp_path, error, old):
    path = tmp_path / "note.txt"
    if old:
        path.write_text(old)

    def write():
        with files.replacing(path) as part:
            part.write_text("half of the n")
            assert part.parent == path.parent
            assert (path.read_text() if path.exists() else None) == old
            raise error

    with pytest.raises(error):
        write()
    assert entries(tmp_path) == (["note.txt"] if old else [])
    if old:
        assert path.read_text() == old


def test_the_target_is_whole_before_it_is_renamed(tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: order.append("fsync"))
    replace = files.Path.replace
    monkeypatch.setattr(type(tmp_path), "replace", lambda part, path: (order.append("rename"), replace(part, path))[1])
    files.write_text(tmp_path / "note.txt", "text")
    assert order[:2] == ["fsync", "rename"]
