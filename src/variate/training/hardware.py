"""What the options leave to the machine: device, precision, compilation and threads."""

import dataclasses

import torch
from torch import nn

from variate.config.recipe import Compile, TrainingOptions
from variate.errors import InputError, Option, Sentence
from variate.likelihoods.fused import SECONDS_TO_FUSE, can_fuse, seconds_saved
from variate.models.base import Model
from variate.objectives import is_traceable
from variate.runtime.compile import can_compile
from variate.runtime.device import fast_bfloat16

BFLOAT16_FROM = 100_000
"""Multiplications per row from which bfloat16 pays: below, casting costs more than the products save."""

THREADS_FROM = 20_000_000
"""Multiplications per step from which a second thread pays: below, waking it costs more than it does."""

SECONDS_PER_STEP = 1.5e-3
"""Seconds per step that compiling the whole loss saves on a CPU: hundreds of calls. Convolutions there gain nothing."""
SECONDS_TO_COMPILE = 28.0
"""Seconds to compile the whole loss with an empty cache."""


def settle(options: TrainingOptions, model: Model, steps: int, cost: int, world: int = 1) -> TrainingOptions:
    """Replaces every auto that concerns the machine.

    Args:
        options: With the batch size set.
        model: The model that will be trained.
        steps: Number of steps of the whole run.
        cost: Multiplications per row of one pass.
        world: Number of processes that share a batch.

    Raises:
        InputError: If the device or the compiler that was asked for is not there.
    """
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device", "one that torch sees", repr(device), Sentence("use ", Option("device", "cpu")))
    single = next(model.parameters()).dtype == torch.float32
    precision = options.precision
    if precision == "auto":
        precision = "bfloat16" if single and cost >= BFLOAT16_FROM and fast_bfloat16(device) else "float32"
    size = cost * (options.batch_size or 1) * options.samples
    number = options.threads or (1 if size / world < THREADS_FROM else torch.get_num_threads())
    options = dataclasses.replace(options, device=device, precision=precision, threads=number)
    return dataclasses.replace(options, compile=compilation(options, model, steps))


def compilation(options: TrainingOptions, model: Model, steps: int) -> Compile:
    """What to compile: counted rather than timed, so that a run can be repeated to the last digit.

    Args:
        options: Complete but for this.
        model: The model.
        steps: Number of steps of the run.

    Raises:
        InputError: If what is asked for cannot be done.
    """
    device, likelihood = options.device, model.likelihood
    if options.compile == "off" or (options.compile == "auto" and not can_compile(device)):
        return "off"
    if not can_compile(device):
        remedy = Sentence("install one or use ", Option("compile", "off"))
        raise InputError("compile", "a C++ compiler (g++ or clang++) on the PATH", "none", remedy)
    if options.compile == "likelihood" and not can_fuse(likelihood):
        raise InputError("compile", "'on' or 'off' for trained or optimal scales", "'likelihood'")
    if options.compile != "auto":
        return options.compile
    saved = {"off": 0.0, "likelihood": 0.0, "on": 0.0}
    by_likelihood = seconds_saved(likelihood, (options.batch_size or 1) * options.samples * steps)
    if can_fuse(likelihood):
        saved["likelihood"] = by_likelihood - SECONDS_TO_FUSE
    convolutions = any(isinstance(m, nn.Conv2d) for m in model.modules())
    if is_traceable(options) and not (device == "cpu" and convolutions):
        saved["on"] = by_likelihood + steps * SECONDS_PER_STEP - SECONDS_TO_COMPILE
    choices: tuple[Compile, ...] = ("off", "likelihood", "on")
    return max(choices, key=lambda how: saved[how])
