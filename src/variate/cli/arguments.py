"""Arguments that several commands have."""

from typing import Annotated

import tyro

Model = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
"""A run directory or a model file."""
Data = Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[DATA]")]
"""Other data than those that the model was trained on."""
Out = Annotated[str, tyro.conf.arg(aliases=["-o"])]
"""A file to write."""
OutIfAsked = Annotated[str | None, tyro.conf.arg(aliases=["-o"])]
"""A file or directory to write; a command says what None means."""
