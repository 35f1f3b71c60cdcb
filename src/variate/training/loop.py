"""`fit`: trains a model, keeps the best weights, and can be killed at any moment and go on bit for bit."""

import copy
import dataclasses
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from variate import machine
from variate.choose import choose_training
from variate.data import Stream
from variate.diagnostics.latents import active_units
from variate.errors import InputError, VariateWarning, did_you_mean
from variate.objectives import BOUNDS, Terms, draw
from variate.recipe import Recipe, TrainingOptions
from variate.rng import mix, seeded
from variate.training import hardware, health
from variate.training.calibrate import calibrate
from variate.training.cost import multiplications
from variate.training.feed import Feed
from variate.training.monitor import Display, Metrics
from variate.training.random import draw_bits
from variate.training.schedule import SCHEDULES
from variate.training.state import Record, State
from variate.training.step import Step
from variate.training.streamed import StreamedFeed
from variate.vae import VAE, Array, checked, evaluating

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
    """
    job = _prepare(vae, train, validation, options or TrainingOptions(), overrides, levels)
    directory = Path(run) if run is not None else None
    with (
        seeded(job.options.seed),
        machine.threads(job.options.threads),
        machine.keeping_heap(),
        _interruptible() as interrupted,
    ):
        state, stopped = _run(job, vae, directory, resume, interrupted, progress, checkpoint_seconds)
        vae.load_state_dict(state.best if state.progress.records else state.average.state_dict())
        vae.set_precision(None)
        vae.eval()
        calibrate(vae, job.rows, levels)
        judged = draw_bits(job.rows[:JUDGED_ROWS], levels) if levels else job.rows[:JUDGED_ROWS]
        found = list(health.warnings(vae, judged, len(train), job.options, state.progress.step, stopped))
    if directory:
        vae.save(directory / MODEL)
    for sentence in found:
        warnings.warn(sentence, VariateWarning, stacklevel=2)
    history = state.progress
    return History(history.records, history.best_step, history.best_elbo, stopped, job.options, found)


class Job(NamedTuple):
    """What is to be done, complete and on its device.

    Attributes:
        rows: Training rows, (N, *event); of a stream a sample.
        stream: The training rows on disk, if they are there.
        held_out: Validation rows, (M, *event).
        options: Without any auto.
        steps: Of the whole run.
        levels: With grey rows of a binary model, how many grey levels; else 0.
        identity: What a checkpoint must be of to go on from it.
        shows_bits: Whether the likelihood is a mass, so that bits/dim mean something.
    """

    rows: Tensor
    stream: Stream | None
    held_out: Tensor | None
    options: TrainingOptions
    steps: int
    levels: int
    identity: str
    shows_bits: bool


def _prepare(
    vae: VAE,
    train: Array | Stream,
    validation: Array | None,
    options: TrainingOptions,
    overrides: dict[str, Any],
    levels: int,
) -> Job:
    """Checks rows and options, fills in what is open and moves model and rows to the device."""
    stream = train if isinstance(train, Stream) else None
    resident = train.some() if isinstance(train, Stream) else train
    rows = torch.as_tensor(resident) if levels else vae.rows(resident)
    held_out = vae.rows(validation) if validation is not None and len(validation) else None
    if not len(rows):
        raise InputError("train must hold at least one row, got none")
    cost = multiplications(vae, rows[:1])
    options = complete(options, overrides, len(train), cost)
    steps = max(1, round((options.epochs or 1) * len(train) / (options.batch_size or 1)))
    options = hardware.settle(options, vae, steps, cost)
    vae.to(options.device)
    vae.set_precision(torch.bfloat16 if options.precision == "bfloat16" else None)
    if vae.recipe:
        vae.recipe = dataclasses.replace(vae.recipe, training=options)
    identity = vae.recipe.to_json() if vae.recipe else f"{options} {(len(train), *rows.shape[1:])}"
    held_out = held_out.to(vae.device) if held_out is not None else None
    shows_bits = vae.decoder.likelihood.is_mass
    return Job(rows.to(vae.device), stream, held_out, options, steps, levels, identity, shows_bits)


def _feed(vae: VAE, job: Job) -> Feed:
    """What gives the rows of each step."""
    size, seed = job.options.batch_size or 1, job.options.seed
    if job.stream is None:
        return Feed(job.rows, size, seed)
    likelihood = copy.deepcopy(vae.decoder.likelihood).cpu()
    check = torch.from_numpy if job.levels else partial(checked, likelihood=likelihood)
    return StreamedFeed(job.stream, job.rows, size, seed, check)


def complete(options: TrainingOptions, overrides: dict[str, Any], num_rows: int, cost: int) -> TrainingOptions:
    """The options with the overrides and without open fields, checked.

    Raises:
        InputError: If a field is unknown or its value cannot be used.
    """
    known = {f.name for f in dataclasses.fields(TrainingOptions)}
    for name in overrides:
        if name not in known:
            raise InputError(f"fit has no option {name!r}{did_you_mean(name, known)}")
    options = choose_training(num_rows, dataclasses.replace(options, **overrides), cost)
    if not 1 <= (options.batch_size or 0) <= num_rows:
        raise InputError(f"batch_size must be between 1 and the {num_rows} training rows, got {options.batch_size}")
    if (options.epochs or 0) < 1 or not (options.lr or 0) > 0:
        raise InputError(f"epochs and lr must be positive, got {options.epochs} and {options.lr}")
    for option, known_names in (("bound", BOUNDS), ("schedule", SCHEDULES)):
        name = getattr(options, option)
        if name not in known_names:
            raise InputError(f"{option} {name!r} is unknown{did_you_mean(name, known_names)}")
    if not 0 <= options.ema < 1 or not 0 <= options.lr_warmup < 1:
        raise InputError(f"ema and lr_warmup must lie in [0, 1), got {options.ema} and {options.lr_warmup}")
    return options


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
    feed, state = _feed(vae, job), State(vae, job.options)
    try:
        if resume and directory:
            state.restore(directory, job.identity)
        step = Step(state, feed, job.options, job.steps, job.levels)
        return state, _train(job, state, step, directory, interrupted, show, checkpoint_seconds)
    finally:
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
    metrics = Metrics(directory, now.records)
    saved, patience = time.monotonic(), job.options.patience or math.inf
    with Display(job.steps, step.feed.batch_size, job.shows_bits * step.loss.dimensions, show).running() as display:
        while now.step < job.steps and now.checks_since_best < patience and not interrupted.is_set():
            step()
            display.step(now.step)
            if now.step % check_every == 0 or now.step == job.steps:
                record = _check(job, state, step)
                metrics.write(record)
                display.check(record)
            if directory and time.monotonic() - saved >= checkpoint_seconds:
                _save(state, directory, job.identity)
                saved = time.monotonic()
    if directory:
        _save(state, directory, job.identity)
    if interrupted.is_set():
        return "interrupted"
    return "finished" if now.step >= job.steps else "early"


def _check(job: Job, state: State, step: Step) -> Record:
    """Validates the average weights, keeps them if they are the best, and reports the means since the last check."""
    step.look()
    progress = state.progress
    steps = progress.step - (progress.records[-1]["step"] if progress.records else 0)
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
        calibrate(state.average, job.rows[:JUDGED_ROWS], step.levels)
        means = validate(state.average, job.held_out, mix(job.options.seed, "validation"))
        record |= {f"validation_{name}": value for name, value in means.items()}
        record["collapsed"] = (~active_units(state.average, job.held_out)).nonzero().flatten().tolist()
        state.keep_best(means["elbo"])
    progress.records.append(record)
    return record


def validate(vae: VAE, rows: Tensor, seed: int, batch_size: int = 1024) -> dict[str, float]:
    """Mean terms over held-out rows, in nats, with one posterior draw a row and the same draws at every call."""
    with seeded(seed), evaluating(vae):
        batches = [torch.stack(draw(vae, batch, 1).terms()).double().sum(1) for batch in rows.split(batch_size)]
    return dict(zip(Terms._fields, (torch.stack(batches).sum(0) / len(rows)).tolist(), strict=True))


def _save(state: State, directory: Path, identity: str) -> None:
    """The checkpoint, and beside it the best model so far, usable as it is."""
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
    """Sets an event at the first Ctrl-C or SIGTERM instead of raising; a second one raises as usual."""
    event = threading.Event()
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        event.set()
        signal.signal(number, before[number])

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
