"""`fit`: trains a model, keeps the best weights, and can be killed at any moment and go on bit for bit."""

import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from variate.config.recipe import Recipe, TrainingOptions
from variate.data import Stream
from variate.errors import VariateWarning
from variate.evaluation.diagnostics.latents import ACTIVE
from variate.models.vae import VAE, Array
from variate.objectives import Terms
from variate.runtime import device as machine
from variate.runtime import distributed as ranks
from variate.runtime.random import mix, seeded
from variate.training import health
from variate.training.calibrate import calibrate
from variate.training.job import Job, feed_of, prepare, start_equal
from variate.training.monitor import Display, Metrics
from variate.training.order import draw_bits
from variate.training.state import Record, State
from variate.training.step import Step
from variate.training.validation import spread, validate

MODEL = "model.safetensors"
CHECK_STEPS = 100
"""Validations are at least this many steps apart, and at least an epoch."""
JUDGED_ROWS = 5_000
"""Rows that the closing look at the model's health takes."""


class History(NamedTuple):
    """How a run went.

    Attributes:
        records: One dict a validation: step, epoch, the mean terms in nats a row, and which latents are collapsed.
        best_step: Step of the weights that were kept.
        best_elbo: Their mean validation ELBO, in nats; without validation rows, -inf.
        stopped: "finished", "early" (no better for `patience` validations) or "interrupted".
        options: The training options, complete.
        warnings: What wants attention, a sentence each.
    """

    records: list[Record]
    best_step: int
    best_elbo: float
    stopped: str
    options: TrainingOptions
    warnings: list[str]


def fit(
    vae: VAE,
    train: Array | Stream,
    validation: Array | None = None,
    options: TrainingOptions | None = None,
    *,
    run: str | Path | None = None,
    resume: bool = False,
    levels: int = 0,
    progress: bool = False,
    checkpoint_seconds: float = 30.0,
    **overrides: Any,  # noqa: ANN401  fields of TrainingOptions, checked by name below
) -> History:
    """Trains the model in place; it ends with the best weights.

    The weights kept are a moving average, the one with the highest mean ELBO on the validation rows (the last one where
    there are none). Torch's global generators are left as they were.

    Args:
        vae: The model, its scalings set (`build` does, or `vae.fit_scaling`).
        train: Training rows as they are, (N, *event), or a stream of them.
        validation: Rows held out, (M, *event).
        options: Training options; open ones are chosen.
        run: Directory for model.safetensors, metrics.jsonl and the checkpoint; None writes nothing.
        resume: Go on from the run directory's checkpoint.
        levels: With grey rows for a binary model: how many grey levels; every access then draws the bits anew.
        progress: Show progress on standard error.
        checkpoint_seconds: Least time between checkpoints.
        **overrides: Fields of `TrainingOptions`, such as epochs=20.

    Returns:
        The history of the run.

    Raises:
        InputError: If rows or options cannot be used.
        NonFiniteError: If a loss or gradient is not finite; the optimiser's step is not taken.
        LostRankError: If another process of a run by torchrun ended.
    """
    ranks.join()
    options = options or TrainingOptions()
    job = ranks.together(lambda: prepare(vae, train, validation, options, overrides, levels))
    start_equal(vae, job)
    directory = Path(run) if run is not None else None
    with (
        ranks.losses(),
        seeded(job.options.seed),
        machine.threads(job.options.threads),
        machine.keeping_heap(),
        _interruptible() as interrupted,
    ):
        state, stopped = _run(job, vae, directory, resume, interrupted, progress, checkpoint_seconds)
        found = _finish(job, state, stopped)
    if directory and ranks.leads():
        vae.save(directory / MODEL)
    ranks.gathered(None)  # nobody goes on before the model is written
    for sentence in found * ranks.leads():
        warnings.warn(sentence, VariateWarning, stacklevel=2)
    history = state.progress
    return History(history.records, history.best_step, history.best_elbo, stopped, job.options, found)


def _run(
    job: Job,
    vae: VAE,
    directory: Path | None,
    resume: bool,
    interrupted: threading.Event,
    show: bool,
    checkpoint_seconds: float,
) -> tuple[State, str]:
    """Sets up the run or takes it up again, and trains. Returns its last state, and why it ended."""
    vae.train()
    feed, state = feed_of(vae, job), State(vae, job.options)
    try:
        if resume and directory:
            state.restore(directory, job.identity)
        step = Step(state, feed, job.options, job.steps, job.levels)
        return state, _train(job, state, step, directory, interrupted, show, checkpoint_seconds)
    finally:
        vae.decoder.score = None
        state.weights.release()
        feed.close()


def _train(
    job: Job,
    state: State,
    step: Step,
    directory: Path | None,
    interrupted: threading.Event,
    show: bool,
    checkpoint_seconds: float,
) -> str:
    """The loop. Returns why it ended."""
    now, check_every = state.progress, max(CHECK_STEPS, math.ceil(len(step.feed) / step.feed.batch_size))
    if directory and not now.step:
        _save(state, directory, job.identity)
    metrics, show = Metrics(directory if ranks.leads() else None, now.records), show and ranks.leads()
    saved, patience = time.monotonic(), job.options.patience or math.inf
    (stop,) = ranks.agree(0, interrupted.is_set())
    with Display(job.steps, step.feed.batch_size, job.shows_bits * step.loss.dimensions, show).running() as display:
        while now.step < job.steps and now.checks_since_best < patience and not stop:
            step()
            display.step(now.step)
            if now.step % check_every == 0 or now.step == job.steps:
                record = _check(job, state, step)
                metrics.write(record)
                display.check(record)
            late = time.monotonic() - saved >= checkpoint_seconds
            stop, due = ranks.agree(now.step, interrupted.is_set(), late)
            if directory and due:
                _save(state, directory, job.identity)
                saved = time.monotonic()
    if directory:
        _save(state, directory, job.identity)
    if stop:
        return "interrupted"
    return "finished" if now.step >= job.steps else "early"


def _finish(job: Job, state: State, stopped: str) -> list[str]:
    """Gives the model its best weights, ready for use, and says what is wrong with it."""
    vae = state.vae
    vae.load_state_dict(state.best if state.progress.records else state.average.state_dict())
    vae.set_precision(None)
    vae.eval()
    calibrate(vae, job.rows, job.levels)
    judged = draw_bits(job.rows[:JUDGED_ROWS], job.levels) if job.levels else job.rows[:JUDGED_ROWS]
    return list(health.warnings(vae, judged, job.num_rows, job.options, state.progress.step, stopped))


def _check(job: Job, state: State, step: Step) -> Record:
    """Validates the average weights, keeps them if they are the best, and reports the means since the last check."""
    step.look()
    progress = state.progress
    steps = progress.step - (progress.records[-1]["step"] if progress.records else 0)
    state.gather_totals()
    objective, *terms = (state.totals / steps).tolist()
    state.totals.zero_()
    record = {
        "step": progress.step,
        "epoch": progress.step * step.feed.batch_size / len(step.feed),
        "train_objective": objective,
        **{f"train_{name}": value for name, value in zip(Terms._fields, terms, strict=True)},
    }
    if job.held_out is None:
        state.keep_last()
    else:
        calibrate(state.average, job.rows[:JUDGED_ROWS], step.loss.levels)
        means = validate(state.average, job.held_out, mix(job.options.seed, "validation"))
        record |= {f"validation_{name}": value for name, value in means.items()}
        record["collapsed"] = (spread(state.average, job.held_out) <= ACTIVE).nonzero().flatten().tolist()
        state.keep_best(means["elbo"])
    progress.records.append(record)
    return record


def _save(state: State, directory: Path, identity: str) -> None:
    """The checkpoint, and beside it the best model so far, usable as it is; all ranks call, the first writes."""
    state.gather_totals()
    if not ranks.leads():
        return
    state.save(directory, identity)
    best = state.average
    current = {name: tensor.clone() for name, tensor in best.state_dict().items()}
    best.load_state_dict(state.best)
    best.recipe = state.vae.recipe
    best.save(directory / MODEL)
    best.load_state_dict(current)


def saved_recipe(run: Path) -> Recipe:
    """The recipe of the run whose checkpoint is in this directory.

    Raises:
        InputError: If there is no whole checkpoint there.
    """
    return Recipe.from_json(State.identity(run))


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Sets an event at the first Ctrl-C or SIGTERM instead of raising; a second one raises as usual.

    Of several processes it does not: torchrun passes on what the terminal has sent already, and kills who lingers.
    """
    event = threading.Event()
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        event.set()
        if ranks.world() == 1:
            signal.signal(number, before[number])

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
