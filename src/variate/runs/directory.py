"""Where a new run goes, which run to resume, and where its records are written."""

import dataclasses
import os
from pathlib import Path

from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.run_files import CHECKPOINT, MODEL_FILE
from variate.data.readers.builtin import BUILTIN
from variate.data.readers.npy import archive_and_key
from variate.errors import InputError, Option, Sentence
from variate.runtime import distributed, files, strict_json
from variate.runtime.claims import Claim, InUseError
from variate.runtime.reading import opened
from variate.runtime.tensor_header import read_tensor_header

ALL_RUNS = Path("runs")
"""The directory of runs that were given no other."""


def new_directory(source: str, out: str | None) -> Claim:
    """A directory for a new run, not yet claimed.

    Args:
        source: Name or path of the data.
        out: The directory that was asked for; by default the next free one of runs/DATA, runs/DATA-2, ...

    Raises:
        InputError: If the directory that was asked for is in use.
    """
    if out is not None:
        claim = Claim(Path(out), "out", check=refuse_used)
    else:
        claim = Claim(ALL_RUNS / run_name(source), "out", numbered=True, check=refuse_used)
    claim.look()
    return claim


def refuse_used(run: Path) -> None:
    """Refuses a directory for a new run unless it is empty, or as a run left it that was killed before it wrote to it.

    Raises:
        InUseError: If it holds anything else.
    """
    checkpoint = run / CHECKPOINT.parent
    inside = list(run.iterdir())
    if checkpoint in inside and checkpoint.is_dir():
        inside.remove(checkpoint)
        inside += checkpoint.iterdir()
    if not all(map(files.is_part, inside)):
        raise InUseError(
            "out",
            "a directory that is empty or does not exist yet",
            f"{str(run)!r}, which is not empty",
            Sentence("choose another, or resume the run in it by ", Option("resume", True)),
        )


def run_name(source: str) -> str:
    """The name of a run on these data."""
    path = Path(source.partition(":")[0] or source)
    return _resolved(path).stem.removesuffix(".npy") or "data"


def resumed_directory(source: str, out: str | None) -> Claim:
    """The directory of the run to resume, not yet claimed: the one that was asked for, or the latest on these data.

    Args:
        source: Name or path of the data.
        out: The directory that was asked for.

    Raises:
        InputError: If there is none, it holds no checkpoint, or another process is writing to it.
    """
    run = latest_run(source) if out is None else Path(out)
    try:
        with opened(run / CHECKPOINT, "a checkpoint"):
            pass
    except InputError as error:
        if error.got != "no file":
            raise
        got = f"{str(run)!r}, which has none"
        remedy = Sentence("train from the start: leave out ", Option("resume"))
        raise InputError("resume", "a run with a checkpoint", got, remedy) from None
    claim = Claim(run, "resume")
    claim.look()
    return claim


def latest_run(source: str) -> Path:
    """The run on these data, of those in `ALL_RUNS`, whose checkpoint is the newest.

    Raises:
        InputError: If there is none.
    """
    wanted = absolute(source)
    try:
        runs = list(ALL_RUNS.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        runs = []
    except OSError as error:
        raise InputError(str(ALL_RUNS), "a directory that can be read", files.system_reason(error)) from None
    found = {run: saved for run in runs if (saved := _saved(run)) is not None}
    own = [run for run, (data, _) in found.items() if absolute(data) == wanted]
    if not own:
        raise InputError(
            "resume",
            f"a run on {source!r} with a checkpoint in {str(ALL_RUNS)!r}",
            "none",
            Sentence("name its directory by ", Option("out")),
        )
    return max(own, key=lambda run: found[run][1])


def _saved(run: Path) -> tuple[str, float] | None:
    """What data the run in a directory is on and when its checkpoint was written; None if it has no readable one."""
    path = run / CHECKPOINT
    try:
        with opened(path, "a checkpoint") as file:
            recipe = strict_json.parse(read_tensor_header(file).strings.get("identity", ""))
            written = os.fstat(file.fileno()).st_mtime
    except ValueError:
        return None
    source = recipe.get("source") if isinstance(recipe, dict) else None
    return (source, written) if isinstance(source, str) else None


def resumed_recipe(
    run: Path,
    source: str,
    data: DataOptions,
    model: ModelOptions,
    training: TrainingOptions,
    start: str | None = None,
) -> Recipe:
    """The recipe of a run to resume. Options that were given must agree with it, except for threads.

    Args:
        run: The run directory.
        source: Name or path of the data.
        data: Options as given, like the following two; those at their default are not compared.
        model: The same.
        training: The same. Its number of threads is that of this machine, and replaces the saved one.
        start: The model that the run went on from, if it is named again.

    Raises:
        InputError: If there is no checkpoint, or the data or an option differ.
    """
    from variate.training import saved_recipe

    recipe = saved_recipe(run)
    if absolute(recipe.source) != absolute(source):
        raise InputError("data", f"{recipe.source!r}, which {str(run)!r} is a run on", repr(source))
    if start is not None and (recipe.start is None or recipe.start.model not in _models_at(start)):
        expected = "random weights" if recipe.start is None else f"{recipe.start.model!r}"
        raise InputError("start", f"{expected}, which {str(run)!r} began with", repr(start), "leave it out")
    for given, saved in ((data, recipe.data), (model, recipe.model), (training, recipe.training)):
        for option in dataclasses.fields(given):
            value, kept = getattr(given, option.name), getattr(saved, option.name)
            if option.name != "threads" and value not in (option.default, kept):
                raise InputError(
                    option.name, f"{kept!r} as in {str(run)!r}", repr(value), "leave it out, or start a new run"
                )
    if training.threads or distributed.launched() > 1:  # the saved number was for another number of processes
        recipe = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, threads=training.threads))
    return recipe


def _models_at(path: str) -> tuple[str, str]:
    """The model files that a path can stand for: itself, or one in the directory that it is."""
    return absolute(path), absolute(str(Path(path) / MODEL_FILE))


def absolute(source: str) -> str:
    """A source such that it can be read from any directory: paths become absolute, whether or not they exist."""
    if source in BUILTIN or not source:
        return source
    path, key = archive_and_key(Path(source))
    return f"{_resolved(path)}{'' if key is None else f':{key}'}"


def _resolved(path: Path) -> Path:
    """An absolute path without links; the path itself if there is none, as where the working directory was deleted."""
    try:
        return path.expanduser().resolve()
    except (OSError, RuntimeError, ValueError):
        return path


def record_path(default: Path, out: str | None) -> Path:
    """The file of a record, checked before any work is done.

    Args:
        default: Where it goes if nothing was asked for.
        out: The file that was asked for.

    Raises:
        InputError: If its name does not end in .json, or its directory cannot be written to.
    """
    path = Path(out) if out is not None else default
    if path.suffix.lower() != ".json":
        raise InputError("out", "a name that ends in .json", repr(out))
    if os.path.isdir(path):  # noqa: PTH112  which raises nothing
        raise InputError("out", "the name of a file", f"{str(path)!r}, which is a directory", "choose another name")
    if not os.path.isdir(path.parent) or not os.access(path.parent, os.W_OK):  # noqa: PTH112
        raise InputError("out", "a directory to write to", repr(str(path.parent)), "name another place")
    return path
