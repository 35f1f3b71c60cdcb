"""The command line: a thin face of the library. Each command is a dataclass in a file of its own.

A command reads its options, calls runs, tasks and reports, and prints what they return; it computes nothing. Messages
of the library name options as in Python; `flags` says them as flags. A new command is a dataclass in a file here and a
line in `variate.cli.main.COMMANDS`, and in `RESULT_IN_FILES` there unless its result is what it prints; if it has flags
that no other command has, their names go into `variate.cli.flags.OF_COMMANDS`. Help has to be fast, so these modules
import torch, numpy and whatever needs them inside `__call__`.
"""

from variate.cli.main import COMMANDS, main

__all__ = ["COMMANDS", "main"]
