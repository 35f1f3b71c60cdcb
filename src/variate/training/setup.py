"""What a run is: rows and options checked, completed and brought to the device, the same on every process."""

import copy
import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from variate.config.defaults import choose_training
from variate.config.recipe import TrainingOptions
from variate.data.dataset import Dataset, Splits
from variate.errors import InputError, Option, Sentence, did_you_mean
from variate.models.base import Model
from variate.models.checked import Data, check, check_weights, drawn, from_rows
from variate.objectives import objective_for
from variate.runtime import memory
from variate.runtime.distributed import Processes
from variate.training.batches import Batches, ResidentBatches, StreamedBatches
from variate.training.cost import multiplications
from variate.training.hardware import settle
from variate.training.row_weights import with_mean_one

PROBES = 16
"""Rows by which processes tell whether they were given the same data."""


class Job(NamedTuple):
    """What is to be done, complete.

    Attributes:
        train: Training rows.
        some: Training rows in memory: all, or a sample of those on disk.
        validation: Rows held out, in memory.
        options: Without any auto.
        steps: Number of steps of the whole run.
        identity: What a checkpoint must be of to be resumed.
    """

    train: Dataset
    some: Dataset
    validation: Dataset | None
    options: TrainingOptions
    steps: int
    identity: str


def prepare(
    model: Model,
    data: Data,
    validation: Data | None,
    options: TrainingOptions,
    overrides: Mapping[str, Any],
    processes: Processes,
) -> Job:
    """Checks model, rows and options, fills in what is open and moves the model to the device.

    Raises:
        InputError: If model, rows or options cannot be used.
    """
    require_trainable(model)
    train = train_dataset(model, data)
    some = train.sample()
    check(some, model, "train")
    held_out = validation_dataset(model, data, validation)
    train = with_mean_one(train, model)
    held_out = None if held_out is None else with_mean_one(held_out, model)
    cost = multiplications(model, drawn(some.select(np.arange(1)), 0))
    options = complete(options, overrides, train, cost)
    steps = max(1, round((options.epochs or 1) * len(train) / (options.batch_size or 1)))
    options = settle(options, model, steps, cost, processes.world)
    require_room(model, options, processes.world)
    processes.check_shareable(options.batch_size or 1, model.modules())
    processes.take_gpu(options.device)
    model.set_precision(torch.bfloat16 if options.precision == "bfloat16" else None)
    model.to(options.device)
    model.use_recipe(training=options)
    portable = dataclasses.replace(options, threads=None)  # threads are the machine's, and not the run's
    identity = model.recipe.to_json() if model.recipe else f"{portable} {(len(train), *train.shape)}"
    return Job(train, some, held_out, options, steps, identity)


def require_trainable(model: Model) -> None:
    """Refuses a model without a weight that can be trained; some may be frozen.

    Raises:
        InputError: If its weights are frozen, not finite, or made for inference only.
    """
    check_weights(model)
    if not any(p.requires_grad for p in model.parameters()):
        got = "weights that are all frozen (requires_grad is False)"
        raise InputError("model", "at least one weight to train", got, "call model.requires_grad_()")
    if any(p.is_inference() for p in model.parameters()):
        got = "weights made under torch.inference_mode()"
        raise InputError("model", "weights with gradients", got, "make the model outside of it")


FEWER_DRAWS = Sentence("lower ", Option("samples"), " or ", Option("batch_size"))
"""What to do where a step does not fit in memory."""


def require_room(model: Model, options: TrainingOptions, world: int) -> None:
    """Refuses a step whose draws and what the decoder gives for them do not fit in memory, before any is made.

    Counted are the noise, the draws and their gradient, the outputs and their gradient, and the log-density of each
    element; hidden layers take more.

    Raises:
        InputError: If they do not.
    """
    if not options.device.startswith("cpu"):
        return
    numbers = 3 * model.num_latents + 2 * math.prod(model.likelihood.out_shape) + math.prod(model.event_shape)
    size = numbers * model.dtype.itemsize * options.samples * math.ceil((options.batch_size or 1) / world)
    memory.require(size, "a training step", "draws that fit", FEWER_DRAWS)


def train_dataset(model: Model, data: Data) -> Dataset:
    """The training rows of what was passed as data; they may stay on disk."""
    if isinstance(data, Splits):
        data = data.train
    return data if isinstance(data, Dataset) else from_rows(data, model, "train")


def validation_dataset(model: Model, data: Data, validation: Data | None) -> Dataset | None:
    """The validation rows, in memory: those given, or the validation part of splits; None if there are none."""
    if validation is None and isinstance(data, Splits) and len(data.validation):
        validation = data.validation
    if isinstance(validation, Splits):
        validation = validation.validation
    return None if validation is None else model.dataset(validation, "validation")


def batches_of(model: Model, job: Job, processes: Processes) -> Batches:
    """What gives the rows of each step."""
    size, seed = job.options.batch_size or 1, job.options.seed
    if job.train.in_memory:
        return ResidentBatches(job.train, size, seed, processes, model.device)
    likelihood = copy.deepcopy(model.likelihood).cpu()
    return StreamedBatches(job.train, size, seed, processes, model.device, likelihood, model.dtype)


def start_equal(model: Model, job: Job, processes: Processes) -> None:
    """Gives all processes the same weights.

    Raises:
        InputError: If they were given different rows or options.
    """
    if processes.world == 1:
        return
    rows = job.some.all().x
    probe = rows[:: max(1, len(rows) // PROBES)].numpy().tobytes()
    held_out = None if job.validation is None else (len(job.validation), *job.validation.shape)
    if len(set(processes.gather((job.identity, tuple(rows.shape), held_out, probe)))) > 1:
        raise InputError(
            "train", "the same rows and options for all processes", "different ones", "give each process all rows"
        )
    processes.copy_from_main(model.state_dict().values())


def complete(options: TrainingOptions, overrides: Mapping[str, Any], train: Dataset, cost: int) -> TrainingOptions:
    """The options with the overrides and without open fields, checked.

    Raises:
        InputError: If a field is unknown or its value cannot be used.
    """
    known = {f.name for f in dataclasses.fields(TrainingOptions)}
    for name in overrides:
        if name not in known:
            raise InputError(name, "a field of TrainingOptions", "an unknown name", did_you_mean(name, known))
    options = choose_training(len(train), dataclasses.replace(options, **overrides), train.schema.kind, cost)
    if not 1 <= (options.batch_size or 0) <= len(train):
        raise InputError("batch_size", f"1 to {len(train)}, the number of training rows", options.batch_size)
    objective_for(options)
    return options
