"""What the options leave to the machine: device, precision, compilation and threads."""

import dataclasses
import shutil

import torch
from torch import nn

from variate import ranks
from variate.errors import InputError
from variate.machine import fast_bfloat16
from variate.recipe import TrainingOptions
from variate.vae import VAE

WORTH_BFLOAT16 = 100_000
"""Multiplications a row from which bfloat16 pays: below, casting costs more than the products save."""

WORTH_THREADS = 20_000_000
"""Multiplications a step from which a second thread pays: below, waking and waiting for it costs more than it does."""

WORTH_COMPILING = 1.5e12
"""Multiplications of a run from which compiling saves more than it costs: an MLP's step on a CPU then takes three
quarters of its time. Convolutions there were measured to gain nothing."""


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
    compiling = options.compile
    if compiling == "auto":
        convolves = device == "cpu" and any(isinstance(m, nn.Conv2d) for m in vae.modules())
        worth = size * steps >= WORTH_COMPILING and options.bound != "dreg" and not convolves
        compiling = "on" if worth and can_compile(device) else "off"
    elif compiling == "on" and not can_compile(device):
        raise InputError("compile='on' needs a C++ compiler (g++ or clang++) on the PATH: install one or use 'off'")
    return dataclasses.replace(options, device=device, precision=precision, compile=compiling, threads=number)


def can_compile(device: str) -> bool:
    """Whether torch.compile finds the compiler it needs."""
    return device.startswith("cuda") or any(shutil.which(name) for name in ("g++", "clang++"))
