"""`fit`: the training loop and the training step.

A run is a sequence of steps. Each takes a batch of rows, draws z ~ q(z|x), scores the objective, and moves the weights
along its gradient. Every so often the moving average of the weights is validated and the best one is kept; every so
often the whole state is written, so that a run can be killed at any moment and resumed bit for bit.

The rows of a step and all its random numbers are functions of the seed and the step's number. The loss is the mean
negative objective in nats per *dimension*, so that learning rate and clipping mean the same for rows of any length.

A step whose loss or gradient is not finite leaves the weights as they are and ends the run. On a CPU that is checked
before the weights move. On a GPU a check would wait for the device, so the device itself stops the weights from the
first bad step on, and the host looks every `LOOK_EVERY` steps.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from variate.config.recipe import TrainingOptions
from variate.config.run_files import MODEL_FILE
from variate.data.batch import Batch
from variate.data.dataset import Dataset
from variate.errors import InputError, NonFiniteError, warn_caller
from variate.likelihoods.base import LogProb
from variate.likelihoods.fused import fused
from variate.limits import NotNegative, checked_arguments
from variate.models.base import Model
from variate.models.checked import Data, drawn
from variate.models.entry import of_a_model
from variate.objectives import Scored, Step, Terms, objective_for
from variate.runtime import distributed, files, memory
from variate.runtime.claims import Claim
from variate.runtime.compile import compiled
from variate.runtime.device import threads
from variate.runtime.distributed import Processes
from variate.runtime.random import Key, draws_globally, generator, mix, seeded
from variate.statistics import ACTIVE
from variate.training import health, schedule
from variate.training.monitor import Display, add_metrics, write_metrics
from variate.training.nonfinite import explain
from variate.training.output import Output
from variate.training.setup import FEWER_DRAWS, Job, batches_of, prepare, start_equal
from variate.training.state import Record, State
from variate.training.validation import freeze_scale, spread, validate

CHECK_STEPS = 100
"""Validations are at least this many steps apart, and at least an epoch."""
JUDGED_ROWS = 5_000
"""Rows that the final check of the model's health takes."""
LOOK_EVERY = 50
"""On a GPU the host looks for a non-finite step every so many steps."""


class History(NamedTuple):
    """How a run went.

    Attributes:
        records: One dict per validation: step, epoch, the mean terms in nats per row, and which latents are collapsed.
        best_step: Step of the weights that were kept.
        best_bound: Their mean bound on the validation rows, in nats; without validation rows, -inf.
        stopped: "finished", "early" (no better for `patience` validations) or "interrupted".
        options: The training options, complete.
        warnings: What needs attention, one sentence each.
    """

    records: list[Record]
    best_step: int
    best_bound: float
    stopped: str
    options: TrainingOptions
    warnings: list[str]


@checked_arguments
def fit(
    model: Model,
    data: Data,
    validation: Data | None = None,
    options: TrainingOptions | None = None,
    *,
    run: str | Path | None = None,
    resume: bool = False,
    show_progress: bool = False,
    checkpoint_seconds: NotNegative = 30.0,
    **overrides: Any,  # noqa: ANN401  fields of TrainingOptions, checked by name
) -> History:
    """Trains the model in place; it ends with the best weights, in evaluation mode, on the device of the run.

    The weights kept are a moving average, the one with the highest mean bound on the validation rows (the last one
    where there are none): the ELBO, or the importance-weighted bound if that is what is maximised. Weights with
    requires_grad False stay as they are. Global random generators keep their state; networks that draw from torch's, as
    dropout does, get a seed per step.

    Args:
        model: The model, its scalings set (`build` does, or `fit_scaling`).
        data: Training rows as they are, (N, *event); a data set, which may stay on disk; or splits, whose training and
            validation parts are taken.
        validation: Rows held out, (M, *event), for data that are no splits.
        options: Training options; open ones are chosen.
        run: Directory for model.safetensors, metrics.jsonl and the checkpoint, in which no other run may be training;
            what an earlier run left there is replaced. None writes nothing.
        resume: Continue from the run directory's checkpoint.
        show_progress: Show progress on standard error.
        checkpoint_seconds: Least time between checkpoints.
        **overrides: Fields of `TrainingOptions`, such as epochs=20.

    Returns:
        The history of the run.

    Raises:
        InputError: If rows or options cannot be used, or the directory is in use or cannot be written to.
        NonFiniteError: If a loss or gradient is not finite; the optimiser's step is not taken.
        LostProcessError: If another process of a run by torchrun ended.
    """
    claim = _claim(run, resume)
    history = run_training(
        model, data, validation, options, overrides, claim, resume, show_progress, checkpoint_seconds
    )
    for sentence in history.warnings * distributed.join().is_main:
        warn_caller(sentence)
    return history


@of_a_model
def run_training(
    model: Model,
    data: Data,
    validation: Data | None = None,
    options: TrainingOptions | None = None,
    overrides: Mapping[str, Any] | None = None,
    claim: Claim | None = None,
    resume: bool = False,
    show_progress: bool = False,
    checkpoint_seconds: float = 30.0,
) -> History:
    """Does what `fit` says with arguments that are checked; what needs attention is in the history alone."""
    processes = distributed.join()
    options, overrides = options or TrainingOptions(), overrides or {}
    output = Output(claim, processes) if claim else None
    with claim.held(processes) if claim else nullcontext():
        job = processes.on_all(lambda: prepare(model, data, validation, options, overrides, processes))
        start_equal(model, job, processes)
        with (
            memory.refusing_shortage("a training step", "draws that fit", FEWER_DRAWS),
            processes.connection_errors(),
            threads(job.options.threads),
            _interruptible(processes) as interrupted,
        ):
            trainer = Trainer(model, job, processes)
            try:
                trainer.rehearse()
                if resume and output:
                    trainer.restore(output)
                stopped = trainer.train(output, interrupted, show_progress, checkpoint_seconds)
            finally:
                trainer.close()
            found = trainer.finish(stopped)
        if output:
            output.write(lambda directory: model.save(directory / MODEL_FILE))
            found += output.notes
    progress = trainer.state.progress
    return History(progress.records, progress.best_step, progress.best_bound, stopped, job.options, found)


def _claim(run: object, resume: bool) -> Claim | None:
    """The directory that a run asks for."""
    if run is None and resume:
        raise InputError("run", "the directory of the run to resume", "None")
    if run is None:
        return None
    return Claim(files.as_path(run, "run", "the path of a directory, or None"), "run")


class Loss(nn.Module):
    """What a step minimises, as a module, so that what wraps modules (several processes) can wrap it.

    Args:
        model: The model.
        options: Complete.
        processes: The processes of the run.
    """

    def __init__(self, model: Model, options: TrainingOptions, processes: Processes) -> None:
        super().__init__()
        self.model, self.objective, self.options, self.processes = model, objective_for(options), options, processes
        self.dimensions = math.prod(model.event_shape)
        self.log_prob: LogProb | None = None
        self.compute: Callable[..., tuple[Tensor, Tensor]] = self.of

    def score(self, batch: Batch, noise: tuple[Tensor, ...], beta: Tensor) -> Scored:
        """The objective and its terms for each row of a batch."""
        step = Step(
            self.model,
            batch,
            noise,
            beta,
            self.options.free_bits,
            self.log_prob,
            mean_over_processes=self.processes.mean,
        )
        return self.objective(step)

    def of(self, batch: Batch, noise: tuple[Tensor, ...], beta: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the weighted means of objective, ELBO, distortion and rate in nats, (4,), float64."""
        scored = self.score(batch, noise, beta)
        per_row = scored.objective if batch.weight is None else batch.weight * scored.objective
        loss = -per_row.mean() / self.dimensions
        if self.processes.world > 1:  # not finite on one process, not finite in the mean: all stop at the same step
            loss = loss * torch.where(loss.detach().isfinite(), 1.0, torch.nan)
        found = torch.stack([scored.objective.detach(), *(t.detach() for t in scored.terms)]).double()
        return loss, (found if batch.weight is None else batch.weight * found).mean(1)

    def forward(self, batch: Batch, noise: tuple[Tensor, ...], beta: Tensor) -> tuple[Tensor, Tensor]:
        """What `of` gives, perhaps compiled."""
        return self.compute(batch, noise, beta)

    def compile_as(self, how: str) -> None:
        """Compiles the whole loss ("on"), the likelihood with its gradient ("likelihood"), or nothing ("off")."""
        if how == "on":
            self.compute = compiled(lambda batch, noise, beta: self.of(batch, noise, beta), large=True)
        elif how == "likelihood":
            self.log_prob = fused(self.model.likelihood)


class Trainer:
    """A run: its rows, its state, and its step.

    Args:
        model: The model, changed in place.
        job: What is to be done.
        processes: The processes of the run.
    """

    def __init__(self, model: Model, job: Job, processes: Processes) -> None:
        model.train()
        self.model, self.job, self.options, self.processes = model, job, job.options, processes
        self.batches, self.state = batches_of(model, job, processes), State(model, job.options, processes)
        self.warmup_steps = round((self.options.kl_warmup or 0.0) * len(job.train) / self.batches.batch_size)
        self.source, self.dtype = generator(0, model.device), model.dtype
        self.beta = torch.zeros((), device=model.device)
        self.failed = torch.full((), -1, dtype=torch.int64, device=model.device)
        self.judged = job.some.select(np.arange(min(JUDGED_ROWS, len(job.some))))
        self.loss = Loss(model, self.options, processes)
        self.loss.compile_as(self.options.compile)
        self.call = processes.parallel(self.loss)
        self.networks_draw = False

    def rehearse(self) -> None:
        """Scores a row once, so that an objective that does not fit the model is refused before anything is written.

        It also shows whether the networks draw numbers by themselves, as dropout does.
        """
        batch = drawn(self.judged.select(np.arange(1)), 0).all().to(self.model.device)
        with torch.no_grad():
            noise = self.model.posterior_noise(Key(self.source, 1), self.options.samples, 1)
            loss = Loss(self.model, self.options, Processes())
            self.networks_draw = draws_globally(lambda: loss.score(batch, noise, self.beta))

    # The step.

    def rows_and_noise(self, step: int) -> tuple[Batch, tuple[Tensor, ...]]:
        """The rows of a step, with their transforms applied, and the noise of their posterior draws."""
        self.source.manual_seed(mix(self.options.seed, "step", step))
        key = Key(self.source, self.batches.batch_size, self.processes.rank, self.processes.world)
        batch = self.batches.batch(step)
        for transform in self.job.train.transforms:
            batch = transform(batch, key)
        shape = (self.options.samples, batch.num_rows)
        noise = tuple(key.normal((*shape, *group.noise_shape), self.dtype, axis=1) for group in self.model.groups)
        return batch, noise

    def seeding(self, *position: str | int) -> AbstractContextManager[None]:
        """Seeds what networks draw by themselves, if they do, by a position in the run; one thread at a time."""
        if not self.networks_draw:
            return nullcontext()
        return seeded(mix(self.options.seed, "networks", *position, self.processes.rank))

    def step(self) -> None:
        """Takes the next step: rows and noise, loss, gradient, check, move.

        Raises:
            NonFiniteError: If the loss or a gradient is not finite; the weights are as before the step.
        """
        state, options, number = self.state, self.options, self.state.progress.step
        batch, noise = self.rows_and_noise(number)
        self.beta.fill_(schedule.rate_weight(number, self.warmup_steps, options.beta))
        with self.seeding("step", number):
            loss, totals = self.call(batch, noise, self.beta)
            loss.backward()
        norm = state.weights.gather()
        self.check_finite(loss.detach(), norm, number)
        if options.clip:
            state.weights.gradient.div_((norm / options.clip).clamp(min=1))
        lr = schedule.learning_rate(number, self.job.steps, options.lr or 0.0, options.lr_warmup, options.schedule)
        state.weights.move(number, lr)
        state.totals += totals
        state.progress.step += 1

    def check_finite(self, loss: Tensor, norm: Tensor, step: int) -> None:
        """Keeps a non-finite loss or gradient from the weights.

        On a GPU, where looking would wait for the device, the device holds the weights from the first bad step on.
        """
        if loss.device.type == "cpu":
            if not math.isfinite(float(loss) + float(norm)):
                raise self.explain(step)
            return
        bad = ~(loss + norm).isfinite()
        self.failed = torch.where(bad & (self.failed < 0), step, self.failed)
        self.state.weights.hold(self.failed >= 0)
        if step % LOOK_EVERY == 0:
            self.look()

    def look(self) -> None:
        """Raises if a step so far was not finite."""
        step = int(self.failed)
        if step >= 0:
            raise self.explain(step)

    def explain(self, step: int) -> NonFiniteError:
        """Runs a failed step again and says where it went wrong."""
        batch, noise = self.rows_and_noise(step)
        self.loss.log_prob = None

        def score() -> Scored:
            with self.seeding("step", step):
                return self.loss.score(batch, noise, self.beta)

        return explain(self.model, score, batch, self.batches.index(step), step, self.processes)

    # The loop.

    def train(
        self, output: Output | None, interrupted: threading.Event, show_progress: bool, checkpoint_seconds: float
    ) -> str:
        """Steps, validations and checkpoints until the end. Returns why it ended."""
        now, processes = self.state.progress, self.processes
        check_every = max(CHECK_STEPS, math.ceil(len(self.job.train) / self.batches.batch_size))
        if self.model.recipe and self.model.recipe.start and math.isinf(now.best_bound) and not now.step:
            self.judge_start()
        if output and not now.step:
            self.save(output)
        if output:
            output.write(lambda directory: write_metrics(directory, now.records))
        saved, patience = time.monotonic(), self.options.patience or math.inf
        dimensions = self.loss.dimensions if self.model.likelihood.is_mass else 0
        display = Display(self.job.steps, self.batches.batch_size, dimensions, show_progress and processes.is_main)
        (stop,) = processes.vote(0, interrupted.is_set())
        with display.running():
            while now.step < self.job.steps and now.checks_since_best < patience and not stop:
                self.step()
                display.step(now.step)
                if now.step % check_every == 0 or now.step == self.job.steps:
                    record = self.validate()
                    if output:
                        output.write(lambda directory: add_metrics(directory, now.records))
                    display.check(record)
                late = time.monotonic() - saved >= checkpoint_seconds
                stop, due = processes.vote(now.step, interrupted.is_set(), late)
                if output and (due or output.is_renewed):
                    self.save(output)
                    saved = time.monotonic()
        if output:
            self.save(output)
        if stop:
            return "interrupted"
        return "finished" if now.step >= self.job.steps else "early"

    def judge_start(self) -> None:
        """Validates the weights that a run goes on from, which are kept unless training finds better ones."""
        if self.job.validation is None:
            return
        with self.seeding("validation"):
            self.state.keep_best(self._bound(self._validation_means(self.job.validation)))

    def validate(self) -> Record:
        """Validates the average weights, keeps them if they are the best, and reports the means since the last time."""
        with self.seeding("validation"):
            return self._validate()

    def _validate(self) -> Record:
        self.look()
        state, progress, job = self.state, self.state.progress, self.job
        steps = progress.step - (progress.records[-1]["step"] if progress.records else 0)
        state.gather_totals()
        mean_objective, *mean_terms = (state.totals / steps).tolist()
        state.totals.zero_()
        record = {
            "step": progress.step,
            "epoch": progress.step * self.batches.batch_size / len(job.train),
            "train_objective": mean_objective,
            **{f"train_{name}": value for name, value in zip(Terms._fields, mean_terms, strict=True)},
        }
        if job.validation is None:
            state.keep_last()
        else:
            means = self._validation_means(job.validation)
            record |= {f"validation_{name}": value for name, value in means.items()}
            collapsed = spread(state.average, job.validation, self.processes) <= ACTIVE
            record["collapsed"] = collapsed.nonzero().flatten().tolist()
            state.keep_best(self._bound(means))
            if progress.step < self.warmup_steps:
                progress.checks_since_best = 0  # patience begins where the weight of the rate is what it will be
        progress.records.append(record)
        return record

    def _validation_means(self, rows: Dataset) -> dict[str, float]:
        """The mean terms of the average weights on validation rows."""
        freeze_scale(self.state.average, self.judged)
        draws = None if self.options.bound == "elbo" else self.options.samples
        return validate(self.state.average, rows, mix(self.options.seed, "validation"), self.processes, draws)

    def _bound(self, means: Mapping[str, float]) -> float:
        """The bound by which weights are kept."""
        return means.get("iwae", means["elbo"])

    def restore(self, output: Output) -> None:
        """Continues from the checkpoint of a run directory."""
        self.state.restore(output.directory, self.job.identity)
        output.has_checkpoint = True

    def save(self, output: Output) -> None:
        """Writes the checkpoint, and beside it the best model so far; all processes call it, the first writes.

        Raises:
            NonFiniteError: If a step so far was not finite, or left weights that are not.
            InputError: If they cannot be written.
        """
        self.look()
        self.state.check_finite()
        self.state.gather_totals()
        output.write(lambda directory: self.state.save(directory, self.job.identity))
        output.has_checkpoint, output.is_renewed = True, False
        output.write(lambda directory: self.state.save_best(directory / MODEL_FILE))

    def close(self) -> None:
        """Gives the weights memory of their own again, leaves training, and ends what reads the rows."""
        self.state.weights.release()
        self.model.set_precision(None)
        self.model.eval()
        self.batches.close()

    def finish(self, stopped: str) -> list[str]:
        """Gives the model its best weights, ready for use, and says what is wrong with it."""
        state, job = self.state, self.job
        self.model.load_state_dict(state.best if state.progress.records else state.average.state_dict())
        with self.seeding("scale"):
            freeze_scale(self.model, job.some)
        judged = drawn(self.judged, mix(self.options.seed, "health"))
        with self.seeding("health"):
            found = health.warnings(self.model, judged, len(job.train), self.options, state.progress.step, stopped)
            return list(found)


@contextmanager
def _interruptible(processes: Processes) -> Iterator[threading.Event]:
    """Sets an event at the first Ctrl-C or SIGTERM instead of raising; a second one raises as usual.

    With several processes the second one does not raise: torchrun passes on what the terminal has sent already, and
    kills a process that does not end. Nor are they given their old meaning after an error there: torchrun ends the
    others as soon as one has failed, and what they say of it comes later.
    """
    event = threading.Event()
    before: dict[int, Any] = {}

    def stop(number: int, _frame: FrameType | None) -> None:
        event.set()
        if processes.world == 1:
            signal.signal(number, before[number])

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    except Exception:
        if processes.world > 1:
            before.clear()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
