"""From a command line to a command. Tyro reads it, prints help, and says what is wrong with it."""

import contextlib
import dataclasses
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import tyro

from variate.errors import InputError, printable

LEAST_WIDTH = 40
"""Characters per line that help needs: on fewer, tyro prints a letter per line, or never ends."""

CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
"""Flags are named by their option alone; a switch has one flag."""


class _Held(io.StringIO):
    """What would have been printed on standard error, formatted as for it."""

    def isatty(self) -> bool:
        """Whether standard error is a terminal."""
        return sys.__stderr__ is not None and sys.__stderr__.isatty()


def parsed(commands: Mapping[str, Callable[..., Any]], description: str, typed: Sequence[str]) -> Callable[[], None]:
    """The command that was typed; tyro prints what is wrong with it and exits.

    An option out of its limits is left to the caller: tyro would put what the option's own check raises into a box of
    its own, so what it prints is held until the reason is known.

    Args:
        commands: The commands by name.
        description: What the help of all says.
        typed: The arguments.

    Raises:
        InputError: If an option is out of its limits, or a switch is given a value.
        SystemExit: If the arguments are no command, or ask for help.
    """
    _require_bare_switches(commands, typed)
    typed = with_bare_values(commands, typed)
    read = partial(tyro.extras.subcommand_cli_from_dict, dict(commands), prog="variate", description=description)
    parse = partial(read, config=CONFIG, use_underscores=False)
    refused, held = None, _Held()
    with _wide_enough():
        try:
            with contextlib.redirect_stderr(held):
                return parse(args=typed)
        except (InputError, SystemExit) as end:
            refused = _input_error(end)
            if refused is None:
                shown = [printable(word) for word in typed]
                held = held if shown == list(typed) else _complaint(partial(parse, args=shown))
                raise
        finally:
            if refused is None and held.getvalue():
                sys.stderr.write(held.getvalue())
    raise refused


def _require_bare_switches(commands: Mapping[str, Callable[..., Any]], typed: Sequence[str]) -> None:
    """Refuses `--switch=value`, in which tyro takes the value for a positional argument.

    Raises:
        InputError: If a switch is given a value.
    """
    if not typed or typed[0] not in commands:
        return
    switches = set(_switches(commands[typed[0]]))
    for word in typed[1:]:
        flag, equals, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if equals and flag.startswith("--") and name in switches:
            raise InputError(name, "no value, since it is a switch", repr(value), "leave the value out")


def with_bare_values(commands: Mapping[str, Callable[..., Any]], typed: Sequence[str]) -> Sequence[str]:
    """The arguments with the value of each flag that stands alone, where the command says what it then is."""
    flags: Mapping[str, Sequence[str]] = getattr(commands.get(typed[0]), "BARE", {}) if typed else {}
    found = []
    for place, word in enumerate(typed):
        found.append(word)
        values = flags.get(word)
        if values is not None and (place + 1 == len(typed) or typed[place + 1] not in values):
            found.append(values[0])
    return found


def _switches(options: object) -> Iterator[str]:
    """Names of the options that are either there or not, of a command and of the groups of options in it."""
    for option in dataclasses.fields(options):  # type: ignore[arg-type]  # every command is a dataclass
        if option.type is bool:
            yield option.name
        elif dataclasses.is_dataclass(option.type):
            yield from _switches(option.type)


@contextlib.contextmanager
def _wide_enough() -> Iterator[None]:
    """Makes a narrow terminal look wider, for tyro."""
    before = os.environ.get("COLUMNS")
    if shutil.get_terminal_size().columns < LEAST_WIDTH:
        os.environ["COLUMNS"] = str(LEAST_WIDTH)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("COLUMNS", None)
        else:
            os.environ["COLUMNS"] = before


def _complaint(parse: Callable[[], Any]) -> _Held:
    """What tyro prints about arguments."""
    held = _Held()
    with contextlib.redirect_stderr(held), contextlib.suppress(InputError, SystemExit):
        parse()
    return held


def _input_error(error: BaseException | None) -> InputError | None:
    """The `InputError` that an exception is, or that led to it."""
    while error is not None and not isinstance(error, InputError):
        error = error.__context__
    return error
