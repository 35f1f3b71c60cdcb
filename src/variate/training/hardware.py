"""What the options leave to the machine: device, precision, compilation and threads."""

import dataclasses

import torch
from torch import nn

from variate.config.recipe import Compile, TrainingOptions
from variate.errors import InputError
from variate.models.vae import VAE
from variate.runtime import distributed as ranks
from variate.runtime.compile import SECONDS_TO_FUSE, can_compile, can_fuse, seconds_saved
from variate.runtime.device import fast_bfloat16

WORTH_BFLOAT16 = 100_000
"""Multiplications a row from which bfloat16 pays: below, casting costs more than the products save."""

WORTH_THREADS = 20_000_000
"""Multiplications a step from which a second thread pays: below, waking and waiting for it costs more than it does."""

SECONDS_A_STEP = 1.5e-3
"""What compiling the whole loss saves a step on a CPU: hundreds of calls. Convolutions there gain nothing."""
SECONDS_TO_COMPILE = 28.0
"""With an empty cache."""


def settle(options: TrainingOptions, vae: VAE, steps: int, cost: int) -> TrainingOptions:
    """Replaces every auto that concerns the machine.

    Args:
        options: With batch size set.
        vae: The model that will be trained.
        steps: Of the whole run.
        cost: Multiplications a row of one pass.

    Raises:
        InputError: If the device or the compiler that was asked for is not there.
    """
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"device {device!r} was asked for, but torch sees no GPU: use device='cpu'")
    single = next(vae.parameters()).dtype == torch.float32
    precision = options.precision
    if precision == "auto":
        precision = "bfloat16" if single and cost >= WORTH_BFLOAT16 and fast_bfloat16(device) else "float32"
    size = cost * (options.batch_size or 1) * options.samples
    number = options.threads or (1 if size / ranks.world() < WORTH_THREADS else torch.get_num_threads())
    options = dataclasses.replace(options, device=device, precision=precision, threads=number)
    return dataclasses.replace(options, compile=compiling(options, vae, steps))


def compiling(options: TrainingOptions, vae: VAE, steps: int) -> Compile:
    """What to compile: counted rather than timed, so that a run can be repeated to the last digit.

    Args:
        options: Complete but for this.
        vae: The model.
        steps: Of the run.

    Raises:
        InputError: If what is asked for cannot be done.
    """
    device, likelihood = options.device, vae.decoder.likelihood
    if options.compile == "off" or (options.compile == "auto" and not can_compile(device)):
        return "off"
    if not can_compile(device):
        raise InputError(
            f"compile={options.compile!r} needs a C++ compiler (g++ or clang++) on the PATH: install one or use 'off'"
        )
    if options.compile == "likelihood" and not can_fuse(likelihood):
        raise InputError("compile='likelihood' is not for trained or optimal scales: use 'on' or 'off'")
    if options.compile != "auto":
        return options.compile
    saved = {"off": 0.0, "likelihood": 0.0, "on": 0.0}
    by_likelihood = seconds_saved(likelihood, (options.batch_size or 1) * options.samples * steps)
    if can_fuse(likelihood):
        saved["likelihood"] = by_likelihood - SECONDS_TO_FUSE
    if options.bound != "dreg" and not (device == "cpu" and any(isinstance(m, nn.Conv2d) for m in vae.modules())):
        saved["on"] = by_likelihood + steps * SECONDS_A_STEP - SECONDS_TO_COMPILE
    choices: tuple[Compile, ...] = ("off", "likelihood", "on")
    return max(choices, key=lambda how: saved[how])
