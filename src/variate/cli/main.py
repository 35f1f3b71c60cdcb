"""The command line: one function a command, over the same dataclasses as the API and the recipe.

Exit codes: 0, 2 for what the user can mend (one sentence on standard error), 1 for anything else, 130 after Ctrl-C.
"""

import os
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn, TextIO

import tyro

from variate.config.recipe import DataOptions, ModelOptions, Precision, TrainingOptions
from variate.errors import InputError, VariateWarning
from variate.runtime import distributed as ranks


@dataclass(frozen=True)
class Train:
    """Train a model on images or a table, and show what it learnt.

    DATA is digits, fashion-mnist, a folder or zip of images, a .csv, .tsv or .parquet table, an .npy or .npz array, a
    folder of .npy or .parquet files, or MNIST-format idx files. Everything else has a default that suits the data.
    """

    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA", name="data")]
    """The data: a name or a path."""
    out: str | None = None
    """Directory of the run; by default the next free one of runs/DATA, runs/DATA-2, ..."""
    resume: bool = False
    """Go on with a run that was interrupted or killed: that in --out, or the latest of this data."""
    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def __call__(self) -> None:
        """Runs the command."""
        from variate.cli.train import train

        train(self.source, self.out, self.resume, self.data, self.model, self.training)


@dataclass(frozen=True)
class Evaluate:
    """Say how good a model is on rows that it has not seen: bounds on log p(x), rate, distortion, active units.

    Prints one table, and writes it to evaluation.json beside the model.
    """

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """A run directory or a model.safetensors."""
    data: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[DATA]")] = None
    """Data to evaluate on, all rows; by default the test part of the data that it was trained on."""
    samples: int = 100
    """Draws a row for the importance-weighted bound; more make it tighter. 1 leaves it out."""
    ais: int = 0
    """Run annealed importance sampling, slow and tighter still, on this many of the rows."""
    rows: int | None = None
    """Take this many of the rows, chosen by the seed; by default all."""
    precision: Precision = "auto"
    """Of the networks; auto takes the one that the model was trained in, where the machine is fast at it."""
    seed: int = 0
    """Seed of the draws."""
    out: str | None = None
    """File for the record; by default evaluation.json beside the model. It is replaced if it is there."""

    def __call__(self) -> None:
        """Runs the command."""
        from variate.cli.evaluate import evaluate

        evaluate(self.model, self.data, self.samples, self.ais, self.rows, self.precision, self.seed, self.out)


@dataclass(frozen=True)
class Doctor:
    """Find out why a model is not better: what each of its parts costs in nats, and what to change."""

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """A run directory or a model.safetensors."""
    data: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[DATA]")] = None
    """Data to judge by, all rows; by default the test part of the data that the model was trained on."""
    seed: int = 0
    """Seed of every choice of rows and every draw."""

    def __call__(self) -> None:
        """Runs the command."""
        from variate.cli.doctor import doctor

        doctor(self.model, self.data, self.seed)


@dataclass(frozen=True)
class Sample:
    """Draw new rows from a model: a PNG grid of images, or a table."""

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """A run directory or a model.safetensors."""
    number: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 64
    """How many."""
    out: str | None = None
    """File to write: .png for images; .csv, .parquet or .npy for numbers. By default samples.png or samples.csv."""
    temperature: float = 1.0
    """Factor on the spread of the latents: below 1, fewer surprises."""
    noise: bool = False
    """Draw pixels from p(x|z) instead of showing their mean; table rows are always drawn."""
    seed: int = 0
    """Seed of the draws."""
    overwrite: bool = False
    """Replace the file if it is there."""

    def __call__(self) -> None:
        """Runs the command."""
        from variate.cli.use import sample

        sample(self.model, self.number, self.out, self.temperature, self.noise, self.seed, self.overwrite)


@dataclass(frozen=True)
class Reconstruct:
    """Encode rows and decode them again: a PNG grid with each original above its reconstruction, or a table."""

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """A run directory or a model.safetensors."""
    data: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[DATA]")] = None
    """Rows to reconstruct; by default the test part of the data that the model was trained on."""
    number: Annotated[int | None, tyro.conf.arg(aliases=["-n"])] = None
    """How many; by default 48 for a picture and all for numbers."""
    out: str | None = None
    """File to write: .png for images; .csv, .parquet or .npy for numbers. By default reconstructions.png or .csv."""
    overwrite: bool = False
    """Replace the file if it is there."""

    def __call__(self) -> None:
        """Runs the command."""
        from variate.cli.use import reconstruct

        reconstruct(self.model, self.data, self.number, self.out, self.overwrite)


@dataclass(frozen=True)
class Embed:
    """Write the latent coordinates of every row, in the data's order: the mean of q(z|x)."""

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """A run directory or a model.safetensors."""
    data: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="[DATA]")] = None
    """Rows to embed; by default all rows of the data that the model was trained on."""
    out: str = "embeddings.parquet"
    """File to write: .parquet, .csv or .npy."""
    std: bool = False
    """Add the standard deviations of q(z|x)."""
    overwrite: bool = False
    """Replace the file if it is there."""

    def __call__(self) -> None:
        """Runs the command."""
        from variate.cli.use import embed

        embed(self.model, self.data, self.out, self.std, self.overwrite)


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

`variate evaluate runs/digits` says how good it is: nats and bits a dimension, with standard errors.

`variate doctor runs/digits` says why it is not better, and what to change.

`variate sample runs/digits` draws new images; `variate COMMAND --help` says what a command can do."""


def main() -> None:
    """Entry point of the command `variate`."""
    config = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)
    command = tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="variate", description=DESCRIPTION, config=config, use_underscores=False
    )
    if not isinstance(command, Train) and not ranks.leads():
        return  # only training is shared out
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        _run(command)


def _run(command: Callable[[], None]) -> None:
    """Runs a command and turns what it raises into a sentence and an exit code."""
    try:
        command()
    except InputError as error:
        _fail(2, f"error: {error}", ranks.leads())
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        _fail(2, f"error: cannot use {error.filename!r}: {error.strerror}")
    except KeyboardInterrupt:
        _fail(130, "interrupted", ranks.leads())
    except ranks.LostRankError as error:
        _fail(1, f"failed: {error}", ranks.reports_losses())
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:  # whatever is left is ours to mend, and must not look like the user's
        if os.environ.get("VARIATE_DEBUG"):
            traceback.print_exc()
        reason = str(error).strip().partition("\n")[0]
        who = "" if ranks.leads() else f"rank {ranks.rank()}: "
        speaks = ranks.leads() or not getattr(error, "everywhere", False)
        _fail(1, f"failed: {who}{type(error).__name__}: {reason} (VARIATE_DEBUG=1 shows where)", speaks)


def _fail(code: int, message: str, speaks: bool = True) -> NoReturn:
    if speaks:
        print(f"variate: {message}", file=sys.stderr)
    sys.exit(code)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Says our own warnings in a sentence; others concern programmers, not who types commands."""
    if issubclass(category, VariateWarning) and ranks.leads():
        print(f"variate: warning: {message}", file=sys.stderr)
