"""Output that goes on where its display breaks."""

import io
import os
import sys

import pytest

from variate.runtime.streams import TolerantStream, tolerant_output


class Breaking(io.StringIO):
    """A stream that raises an error as often as there are errors left."""

    def __init__(self, *errors):
        super().__init__()
        self.left = list(errors)

    def write(self, text):
        if self.left:
            raise self.left.pop(0)
        return super().write(text)


def test_an_error_is_remembered_and_the_next_text_is_tried():
    full, broken = OSError(28, "No space left on device"), BrokenPipeError(32, "Broken pipe")
    under = Breaking(full, broken)
    stream = TolerantStream(under)
    assert stream.write("lost") == 4
    stream.writelines(["lost", "kept"])
    stream.flush()
    assert stream.error is full
    assert under.getvalue() == "kept"


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "missing"])
def test_a_stream_that_is_not_there_takes_everything(closed):
    under = io.StringIO() if closed else None
    if closed:
        under.close()
    stream = TolerantStream(under)
    assert not stream.isatty()
    assert stream.encoding == "utf-8"
    stream.write("text")
    stream.flush()
    assert stream.error.errno == 9


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", b"\\xb1 \\u2502 \\udcff"), ("latin-1", b"\xb1 \\u2502 \\udcff"), ("utf-8", "± │ \\udcff".encode())],
)
def test_characters_that_the_encoding_lacks_are_escaped(encoding, written):
    under = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    stream = TolerantStream(under)
    stream.write("± │ \udcff")
    stream.flush()
    assert under.buffer.getvalue() == written
    assert stream.encoding == encoding
    assert stream.error is None


def test_what_a_broken_pipe_still_holds_is_discarded():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as under:
        stream = TolerantStream(under)
        stream.write("text")
        stream.flush()
        assert isinstance(stream.error, BrokenPipeError)
        under.buffer.write(b"more")
        stream.give_up()  # closing raises nothing


def test_standard_streams_are_tolerant_inside_the_block_only(capsys):
    before = sys.stdout, sys.stderr
    with tolerant_output() as output:
        assert sys.stdout is output
        assert isinstance(sys.stderr, TolerantStream)
        print("a")
        print("b", file=sys.stderr)
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("a\n", "b\n")
