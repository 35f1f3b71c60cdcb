"""The command line in processes whose standard streams are closed, broken or full.

python broken_terminals.py DIRECTORY < CASES

CASES is a JSON list of objects: the arguments, and what standard input, output and error are ("kept", "closed",
"broken" for a pipe without a reader, or "full"). Each case is a child of one process that has loaded torch. Prints, per
case, the exit code and what the kept standard error got; code 120 stands for an error while Python ends.
"""

import importlib
import json
import os
import sys
from pathlib import Path

import torch

from variate.cli.main import main

LOADED = ("models.build", "training", "evaluation.evaluate", "reports.evaluation", "reports.rows", "reports.terminal",
          "tasks.reconstruct", "tasks.sample", "data.readers.array_sources")  # fmt: skip
"""What the commands load, here once for all children."""


def replace(descriptor, how):
    """Makes a file descriptor what a shell would make it."""
    if how == "closed":
        os.close(descriptor)
    elif how == "broken":
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, descriptor)
        os.close(writing)
    elif how == "full":
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, descriptor)
        os.close(full)


def opened(descriptor, mode, **options):
    """The stream that Python makes of a file descriptor when it starts."""
    try:
        os.fstat(descriptor)
    except OSError:
        return None
    return os.fdopen(descriptor, mode, closefd=False, **options)


def child(case):
    """Runs the command and ends as Python does."""
    for descriptor, how in enumerate(case["streams"]):
        replace(descriptor, how)
    sys.stdin, sys.stdout = opened(0, "r"), opened(1, "w")
    sys.stderr = opened(2, "w", errors="backslashreplace")
    sys.argv = ["variate", *case["arguments"]]
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = stop.code
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.close()
    except OSError:
        code = 120
    os._exit(code)


def run(case):
    """The exit code of a case, and what it wrote to standard error."""
    with Path("stderr").open("w+") as said:
        process = os.fork()
        if not process:
            os.dup2(said.fileno(), 2)
            child(case)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return code, Path("stderr").read_text()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for module in LOADED:
        importlib.import_module(f"variate.{module}")
    cases = json.load(sys.stdin)
    os.chdir(sys.argv[1])
    found = [run(case) for case in cases]
    print(json.dumps(found))
