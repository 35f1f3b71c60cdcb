"""The scores of held-out rows in a run directory, so that later calls rank new rows among the same.

There is one file for each method, calibration/METHOD.safetensors, which belongs to the weights of the model file beside
it. It is made by the first call that needs it, from the held-out parts of the model's own data.
"""

import os
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from variate.config.run_files import CALIBRATION
from variate.errors import InputError, Option, Sentence
from variate.evaluation.scores.latent_density import LatentDensity
from variate.evaluation.scores.measures import ScoreSettings
from variate.evaluation.scores.reference import ReferenceScores, reference_scores
from variate.limits import ScoreMethod
from variate.runs.run import Run
from variate.runtime.reading import opened
from variate.runtime.tensor_files import read_tensors, write_tensors
from variate.runtime.tensor_header import read_tensor_header

FORMAT = "2"
"""Version of the file."""


class KeptScores(NamedTuple):
    """Scores of held-out rows, and where they are from.

    Attributes:
        reference: The scores; None where there are none.
        source: What the rows are, in words.
        is_own: Whether they are held-out rows of the model's own data.
        reason: Why there are none; None where there are some.
    """

    reference: ReferenceScores | None
    source: str
    is_own: bool
    reason: Sentence | None = None


def calibration_file(run: Run, method: ScoreMethod) -> Path:
    """The file of a method."""
    return run.path / CALIBRATION / f"{method}.safetensors"


def calibration_of(run: Run, settings: ScoreSettings, show_progress: bool = False) -> KeptScores:
    """The scores of held-out rows for these settings: those that were kept, else of the model's own data, then kept.

    Args:
        run: The run.
        settings: The method, the number of draws and the seed.
        show_progress: Show a progress bar on standard error, on a terminal.

    Raises:
        InputError: If the file is damaged, or holds scores of rows that a user chose for other weights or settings; or
            if the method is none for the model.
    """
    path, weights = calibration_file(run, settings.method), _weights(run)
    if os.path.lexists(path):
        found, saved_weights = _read(path)
        if found.reference is not None and found.reference.settings == settings and saved_weights == weights:
            return found
        if not found.is_own:
            expected = f"scores for these weights, {settings.num_samples} draws per row and seed {settings.seed}"
            remedy = Sentence("delete it, or replace it with ", Option("recalibrate", True))
            raise InputError(str(path), expected, f"scores of {found.source} for others", remedy)
    try:
        splits = run.splits()
    except InputError as error:
        return KeptScores(None, "", is_own=True, reason=error.sentence)
    method, num_samples, seed = settings
    options = {"num_samples": num_samples, "seed": seed, "show_progress": show_progress}
    reference = reference_scores(run.model, splits, method=method, **options)  # type: ignore[arg-type]
    made = KeptScores(reference, f"validation part of {splits.name}", is_own=True)
    if weights and os.access(run.path, os.W_OK):
        save_calibration(run, made)
    return made


def save_calibration(run: Run, calibration: KeptScores) -> Path:
    """Writes scores of held-out rows into the run directory. Returns the file."""
    reference = calibration.reference
    assert reference is not None
    latent = reference.latent
    tensors: dict[str, Tensor | None] = {
        "bound": reference.bound,
        "rate": reference.rate,
        "own": reference.own,
        "oddness": reference.oddness,
        "clean": reference.clean,
        "latent_mean": None if latent is None else latent.mean,
        "latent_covariance": None if latent is None else latent.covariance,
    }
    method, num_samples, seed = reference.settings
    strings = {"method": method, "num_samples": str(num_samples), "seed": str(seed), "source": calibration.source}
    strings |= {"format": FORMAT, "is_own": str(calibration.is_own), "weights": _weights(run)}
    path = calibration_file(run, method)
    write_tensors(path, {name: tensor for name, tensor in tensors.items() if tensor is not None}, strings)
    return path


def _weights(run: Run) -> str:
    """What tells the weights of the model file from others: its checksum; "" if there is no file."""
    if not run.model_file.is_file():
        return ""
    with opened(run.model_file, "a model file") as file:
        return read_tensor_header(file).strings.get("sha256", "")


def _read(path: Path) -> tuple[KeptScores, str]:
    """What `save_calibration` wrote, and the weights that it belongs to.

    Raises:
        InputError: If it is damaged, or something else.
    """
    tensors, strings = read_tensors(path)
    try:
        if strings["format"] != FORMAT or not _fit(tensors):
            raise KeyError
        method: ScoreMethod = strings["method"]  # type: ignore[assignment]  # compared with what is asked for
        settings = ScoreSettings(method, int(strings["num_samples"]), int(strings["seed"]))
        found = KeptScores(_reference(tensors, settings), strings["source"], strings["is_own"] == "True")
        return found, strings["weights"]
    except (KeyError, ValueError):
        remedy = "delete it: it will be made again"
        raise InputError(str(path), "scores of held-out rows", "a file of something else", remedy) from None


def _fit(tensors: dict[str, Tensor]) -> bool:
    """Whether tensors have the sizes that scores have."""
    rows = len(tensors["bound"])
    flat = all(tensors[name].shape == (rows,) for name in ("bound", "rate"))
    own = "own" not in tensors or (tensors["own"].dim() in (1, 2) and len(tensors["own"]) == rows)
    cells = "oddness" not in tensors or (tensors["oddness"].dim() == 2 and len(tensors["oddness"]) == rows)
    return rows > 0 and flat and own and cells and ("latent_mean" in tensors) == ("latent_covariance" in tensors)


def _reference(tensors: dict[str, Tensor], settings: ScoreSettings) -> ReferenceScores:
    mean, covariance = tensors.get("latent_mean"), tensors.get("latent_covariance")
    latent = None if mean is None or covariance is None else LatentDensity(mean, covariance)
    bound, rate = tensors["bound"], tensors["rate"]
    own, oddness, clean = (tensors.get(name) for name in ("own", "oddness", "clean"))
    return ReferenceScores(settings, bound, rate, own, oddness, latent, clean)
