"""The command `variate`: its table of commands, and its entry point.

Exit codes: 0; 2 for what the user can fix (one sentence on standard error); 1 for anything else, and where what a
command prints is its result and could not be written; 128 + n after a signal n, so 130 after Ctrl-C. A command whose
result is files goes on when its display breaks: a closed terminal or the end of a pipe loses no run.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from variate.cli.classify import Classify
from variate.cli.compare import Compare
from variate.cli.doctor import Doctor
from variate.cli.embed import Embed
from variate.cli.endings import ended_by, text
from variate.cli.evaluate import Evaluate
from variate.cli.impute import Impute
from variate.cli.interpolate import Interpolate
from variate.cli.neighbours import Neighbours
from variate.cli.output import complain, line, say, warn
from variate.cli.parsing import parsed
from variate.cli.reconstruct import Reconstruct
from variate.cli.report import MakeReport
from variate.cli.sample import Sample
from variate.cli.score import Score
from variate.cli.serve import Serve
from variate.cli.shift import Shift
from variate.cli.signals import Ended, ending_signals
from variate.cli.train import Train
from variate.cli.traverse import Traverse
from variate.errors import InputError, VariateWarning
from variate.runtime.distributed import is_main_process
from variate.runtime.files import working_directory_is_gone
from variate.runtime.streams import TolerantStream, tolerant_output

COMMANDS: dict[str, Callable[..., Any]] = {
    "train": Train,
    "evaluate": Evaluate,
    "doctor": Doctor,
    "report": MakeReport,
    "sample": Sample,
    "reconstruct": Reconstruct,
    "embed": Embed,
    "classify": Classify,
    "compare": Compare,
    "impute": Impute,
    "score": Score,
    "interpolate": Interpolate,
    "traverse": Traverse,
    "shift": Shift,
    "neighbours": Neighbours,
    "serve": Serve,
}

DESCRIPTION = """Train variational autoencoders on images and tables, and use them.

`variate train digits` trains on the data in the box and writes runs/digits.

`variate evaluate runs/digits` says how good it is: nats per row and bits per dimension, with standard errors.

`variate doctor runs/digits` says why it is not better, and what to change.

`variate report runs/digits` shows all of it on one page.

`variate sample runs/digits` draws new images; `variate impute RUN` fills the gaps of a table.

`variate score runs/digits` finds odd rows, and says what made them odd.
`variate traverse RUN` says what each latent does; `variate interpolate RUN` goes from row to row.

`variate serve RUN` answers over HTTP.

`variate COMMAND --help` says what a command can do.

`variate --version` prints the version."""

RESULT_IN_FILES = (Train, Sample, Reconstruct, Embed, Classify, Impute, Score, Interpolate, Shift, MakeReport, Serve)
"""Commands that print only what they do. What the others print is their result, like help and version."""


def main() -> None:
    """Entry point of the command `variate`."""
    with tolerant_output() as output, ending_signals(), warnings.catch_warnings():
        warnings.showwarning = _show_warning
        code = _run(output)
    if code:
        sys.exit(code)


def _run(output: TolerantStream) -> int:
    """Does what the command line says. Returns the exit code."""
    command, code = None, 0
    try:
        command = _command()
        if command is not None and (isinstance(command, Train) or is_main_process()):
            _require_directory()
            command()  # of several processes, all train and one does the rest
    except SystemExit as stop:  # after help, or what is wrong with the command line
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except (Exception, KeyboardInterrupt, Ended) as error:
        end = ended_by(error)
        if end.is_fault and os.environ.get("VARIATE_DEBUG"):
            print(*map(line, traceback.format_exc().splitlines()), sep="\n", file=sys.stderr)  # noqa: T201
        if end.is_printed:
            complain(end.message)
        code = end.code
    output.flush()
    return code if output.error is None else code or _unwritten(output.error, isinstance(command, RESULT_IN_FILES))


def _require_directory() -> None:
    """Refuses a working directory that was deleted: MKL, which torch multiplies by, ends a process that is in one.

    Raises:
        InputError: If it was.
    """
    if working_directory_is_gone():
        raise InputError("the working directory", "one that exists", "one that was deleted", "change to another one")


def _unwritten(error: OSError, has_files: bool) -> int:
    """The exit code where standard output could not be written; whoever closed a pipe is not told."""
    if not isinstance(error, BrokenPipeError):
        complain(f"{'warning' if has_files else 'failed'}: cannot write to standard output: {error.strerror}")
    return 0 if has_files else 1


def _command() -> Callable[[], None] | None:
    """What the command line asks for; None if it was answered at once."""
    if sys.argv[1:] == ["--version"]:
        from importlib.metadata import version  # which takes a fifth of the start of a command

        say(f"variate {version('variate')}")
        return None
    return parsed(COMMANDS, DESCRIPTION, sys.argv[1:])


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Prints the library's own warnings as a sentence; others are for programmers, not for users of commands."""
    if issubclass(category, VariateWarning):
        warn(text(message))
