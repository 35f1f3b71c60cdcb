"""What is to be done: rows and options checked, completed and brought to the device, the same on every rank."""

import copy
import dataclasses
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from variate.config.defaults import choose_training
from variate.config.recipe import TrainingOptions
from variate.data import Stream
from variate.errors import InputError, did_you_mean
from variate.models.vae import VAE, Array, checked
from variate.objectives import BOUNDS
from variate.runtime import distributed as ranks
from variate.training import hardware
from variate.training.cost import multiplications
from variate.training.feed import Feed
from variate.training.schedule import SCHEDULES
from variate.training.streamed import StreamedFeed


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

    @property
    def num_rows(self) -> int:
        """How many training rows there are, N."""
        return len(self.rows if self.stream is None else self.stream)


def prepare(
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
    ranks.check_shareable(options.batch_size or 1, vae.modules())
    ranks.take_gpu(options.device)
    vae.to(options.device)
    vae.set_precision(torch.bfloat16 if options.precision == "bfloat16" else None)
    if vae.recipe:
        vae.recipe = dataclasses.replace(vae.recipe, training=options)
    plain = dataclasses.replace(options, threads=None)  # which are the machine's, and not the run's
    identity = vae.recipe.to_json() if vae.recipe else f"{plain} {(len(train), *rows.shape[1:])}"
    held_out = held_out.to(vae.device) if held_out is not None else None
    shows_bits = vae.decoder.likelihood.is_mass
    return Job(rows.to(vae.device), stream, held_out, options, steps, levels, identity, shows_bits)


def feed_of(vae: VAE, job: Job) -> Feed:
    """What gives the rows of each step."""
    size, seed = job.options.batch_size or 1, job.options.seed
    if job.stream is None:
        return Feed(job.rows, size, seed)
    likelihood = copy.deepcopy(vae.decoder.likelihood).cpu()
    check = torch.from_numpy if job.levels else partial(checked, likelihood=likelihood)
    return StreamedFeed(job.stream, job.rows, size, seed, check)


def start_equal(vae: VAE, job: Job) -> None:
    """Gives all ranks the same weights.

    Raises:
        InputError: If they were given different rows or options.
    """
    if ranks.world() == 1:
        return
    few = job.rows[:: max(1, len(job.rows) // 16)].cpu().numpy().tobytes()
    held_out = None if job.held_out is None else tuple(job.held_out.shape)
    if len(set(ranks.gathered((job.identity, tuple(job.rows.shape), held_out, few)))) > 1:
        raise InputError("the processes were given different rows or options: give each the same, and all of the rows")
    ranks.copy_first(vae.state_dict().values())


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
