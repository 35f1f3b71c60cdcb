"""The command line: a typed dataclass for each command, over the library."""

from variate.cli.main import COMMANDS, main

__all__ = ["COMMANDS", "main"]
