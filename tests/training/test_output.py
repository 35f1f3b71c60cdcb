"""What a run writes to its directory: on the main process, to its own directory, or not at all."""

import errno
import os
import shutil

import pytest

from refusals import refused
from variate.errors import Option
from variate.runtime import files
from variate.runtime.claims import Claim
from variate.runtime.distributed import Processes
from variate.training.output import Output

ONE = Processes()


@pytest.fixture
def output(tmp_path):
    claim = Claim(tmp_path / "run", "run")
    with claim.held(ONE):
        yield Output(claim, ONE)


def note(directory):
    files.write_text(directory / "note.txt", "text")


def full(directory):
    with files.writing(directory / "note.txt"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_is_written_goes_to_the_directory(output):
    output.write(note)
    assert (output.directory / "note.txt").read_text() == "text"
    assert not output.is_renewed
    assert not output.notes


def test_a_removed_directory_is_made_again_and_that_is_noted(output):
    output.write(note)
    output.has_checkpoint = True
    shutil.rmtree(output.directory)
    output.write(note)
    assert (output.directory / "note.txt").read_text() == "text"
    assert (output.is_renewed, output.has_checkpoint) == (True, False)
    (sentence,) = output.notes
    assert str(output.directory) in sentence
    output.write(note)
    assert len(output.notes) == 1


def test_another_directory_in_its_place_is_left_alone(output):
    output.directory.rename(output.directory.with_name("moved"))
    output.directory.mkdir()
    (output.directory / "theirs").touch()
    assert refused(output.write, note).argument == str(output.directory)
    assert [path.name for path in output.directory.iterdir()] == ["theirs"]


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_refused_write_says_how_to_go_on_where_there_is_a_checkpoint(output, has_checkpoint):
    output.has_checkpoint = has_checkpoint
    error = refused(output.write, full)
    assert error.argument == str(output.directory / "note.txt")
    assert error.got.lower() == os.strerror(errno.ENOSPC).lower()
    assert (Option("resume", True) in getattr(error.remedy, "parts", ())) == has_checkpoint
