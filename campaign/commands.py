"""The command `variate` as campaigns run it: in a fork of the warmed process, or as a process of its own."""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import variate
from variate.cli import main as run_command

FAST = (
    "--epochs",
    "1",
    "--width",
    "4",
    "--depth",
    "1",
    "--latent",
    "2",
    "--network",
    "mlp",
    "--compile",
    "off",
    "--threads",
    "1",
)
"""Options of `variate train` with which it takes no time."""


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it wrote on standard error and output."""

    code: int
    err: str
    out: str = ""


def fork(arguments: Sequence[str], log: Path, before: Callable[[], None] | None = None) -> int:
    """Starts the command in a fork of this process, at once.

    Args:
        arguments: Without `variate`.
        log: File for its standard error, in its working directory; its standard output is left out.
        before: Called in the fork first.

    Returns:
        The process's number, to be waited for.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        err, out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), os.open(os.devnull, os.O_RDWR)
        os.dup2(out, 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.chdir(log.parent)
        if before is not None:
            before()
        sys.argv = ["variate", *arguments]
        code = ending(run_command)
        sys.stdout.flush()
        sys.stderr.flush()
    except KeyboardInterrupt:  # before or after the command's own time
        code = 130
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def ending(main: Callable[[], None]) -> int:
    """The exit code of a main function."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
            return 1
        return end.code or 0
    return 0


def ended(pid: int, log: Path) -> Ended:
    """Waits for a fork; a code below 0 is the signal that ended it."""
    _, status = os.waitpid(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), log.read_text(errors="replace") if log.exists() else "")


def run_forked(arguments: Sequence[str], folder: Path) -> Ended:
    """Runs the command in a fork, to its end."""
    log = folder / "stderr"
    return ended(fork(arguments, log), log)


def spawn(
    arguments: Sequence[str | bytes],
    folder: Path,
    environment: Mapping[str, str | None] | None = None,
    before: Callable[[], None] | None = None,
    wrapper: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Starts `python -m variate` as a process of its own.

    Args:
        arguments: Without `variate`.
        folder: Its working directory.
        environment: Variables to set, or with None to remove.
        before: Called in the process before it becomes Python.
        wrapper: A command line that runs it, such as `setpriv ...`.
    """
    changed = dict(environment or {})
    inherited = {name: value for name, value in os.environ.items() if name not in changed}
    path = os.pathsep.join([str(Path(variate.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    given = {"PYTHONPATH": path, **inherited, **{name: value for name, value in changed.items() if value is not None}}
    return subprocess.Popen(
        [*wrapper, sys.executable, "-m", "variate", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=given,
        preexec_fn=before,
    )


def finished(process: "subprocess.Popen[bytes]") -> Ended:
    """Waits for such a process."""
    out, err = process.communicate()
    return Ended(process.returncode, err.decode(errors="replace"), out.decode(errors="replace"))
