"""The command `variate`: its table of commands, and what is printed where one fails.

Exit codes: 0; 2 for what the user can fix (one sentence on standard error); 1 for anything else; 130 after Ctrl-C.
"""

import contextlib
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn, TextIO

import tyro

from variate.cli.doctor import Doctor
from variate.cli.embed import Embed
from variate.cli.evaluate import Evaluate
from variate.cli.flags import with_flags
from variate.cli.output import complain, warn
from variate.cli.reconstruct import Reconstruct
from variate.cli.sample import Sample
from variate.cli.train import Train
from variate.errors import InputError, Sentence, VariateWarning
from variate.runtime.distributed import LostProcessError, is_main_process, reports_lost_processes

COMMANDS: dict[str, Callable[..., Any]] = {
    "train": Train,
    "evaluate": Evaluate,
    "doctor": Doctor,
    "sample": Sample,
    "reconstruct": Reconstruct,
    "embed": Embed,
}

DESCRIPTION = """Train variational autoencoders on images and tables, and use them.

`variate train digits` trains on the data in the box and writes runs/digits.

`variate evaluate runs/digits` says how good it is: nats per row and bits per dimension, with standard errors.

`variate doctor runs/digits` says why it is not better, and what to change.

`variate sample runs/digits` draws new images; `variate COMMAND --help` says what a command can do."""


def main() -> None:
    """Entry point of the command `variate`."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        _run(_command)


def _command() -> None:
    """Reads the command line and does what it says."""
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    parse = partial(tyro.extras.subcommand_cli_from_dict, COMMANDS, prog="variate", description=DESCRIPTION)
    command = _parsed(partial(parse, config=config, use_underscores=False))
    if isinstance(command, Train) or is_main_process():  # only training is for several processes
        command()


class _Held(io.StringIO):
    """What would have been printed on standard error, formatted as for it."""

    def isatty(self) -> bool:
        """Whether standard error is a terminal."""
        return sys.__stderr__ is not None and sys.__stderr__.isatty()


def _parsed(parse: Callable[[], Any]) -> Any:  # noqa: ANN401  one of the commands
    """The command that was typed; tyro prints what is wrong with it and exits.

    An option out of its limits is left to the caller: tyro would put what the option's own check raises into a box of
    its own, so what it prints is held until the reason is known.

    Raises:
        InputError: If an option is out of its limits.
    """
    refused, held = None, _Held()
    try:
        with contextlib.redirect_stderr(held):
            return parse()
    except (InputError, SystemExit) as end:
        refused = _input_error(end)
        if refused is None:
            raise
    finally:
        if refused is None and held.getvalue():
            sys.stderr.write(held.getvalue())
    raise refused


def _input_error(error: BaseException | None) -> InputError | None:
    """The `InputError` that an exception is, or that led to it."""
    while error is not None and not isinstance(error, InputError):
        error = error.__context__
    return error


def _run(command: Callable[[], None]) -> None:
    """Runs a command and turns what it raises into a sentence and an exit code."""
    try:
        command()
    except InputError as error:
        _fail(2, f"error: {with_flags(error.sentence)}", is_main_process())
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        _fail(2, f"error: cannot use {error.filename!r}: {error.strerror}")
    except KeyboardInterrupt:
        _fail(130, "interrupted", is_main_process())
    except LostProcessError as error:
        _fail(1, f"failed: {with_flags(_text(error))}", reports_lost_processes())
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # a fault of the library, which must not look like one of the user
        if os.environ.get("VARIATE_DEBUG"):
            traceback.print_exc()
        reason = with_flags(_text(error)).strip().partition("\n")[0]
        who = "" if is_main_process() else f"rank {os.environ.get('RANK')}: "
        prints = is_main_process() or not getattr(error, "same_on_all_processes", False)
        _fail(1, f"failed: {who}{type(error).__name__}: {reason} (VARIATE_DEBUG=1 shows where)", prints)


def _fail(code: int, message: str, prints: bool = True) -> NoReturn:
    if prints:
        complain(message)
    sys.exit(code)


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
        warn(_text(message))


def _text(said: BaseException | str) -> str:
    """What an exception or a warning says, with its options if it is a `Sentence`."""
    first = next(iter(said.args), None) if isinstance(said, BaseException) else said
    return first if isinstance(first, Sentence) else str(said)
