"""The autoencoder of Burda et al. (2016) on MNIST, trained as in the paper: are these the paper's numbers?

    python benchmarks/burda.py TRAIN_IMAGES [TEST_IMAGES] [--epochs 3280 | --short] [--bound elbo] [--samples 1]

TRAIN_IMAGES is MNIST's train-images-idx3-ubyte, plain or .gz; its t10k-images are looked for beside it. Any file of
that format will do, but the paper's numbers are about MNIST: with one stochastic layer and 5000 draws a test row,
negative log-likelihoods of 86.76 nats (VAE, k = 1; 19 of 50 latents active), 85.54 (IWAE, k = 5) and 84.78 (IWAE,
k = 50).

As in the paper: 784-200-200-50 tanh both ways, N(0, I), a diagonal posterior, grey levels drawn as bits anew at each
access, 59,600 training images, batches of 20, Adam at 0.001 * 10^(-i/7) for 3^i epochs, i = 0 .. 7, the last weights
kept. `--bound iwae --samples 1` takes the rate of the very draw, as the authors' code does for its VAE; `--bound elbo`
takes it in closed form, which has the same mean. What no option says, and so is variate's own: the encoder's inputs are
standardised pixel by pixel, a row's order is drawn anew each epoch, and Adam's second decay is 0.99 (theirs 0.999).

What it prints is about quality and, last, how long it took. `--short` is the same schedule compressed to a few minutes:
it tells whether all is well, not how good the model gets.

References:
    Importance weighted autoencoders (Burda et al., 2016), Table 1; https://github.com/yburda/iwae
"""

import argparse
import dataclasses
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import variate
from variate.data.dataset import Splits
from variate.data.describe import describe
from variate.data.source import Source
from variate.evaluation.diagnostics.latents import active_units

EPOCHS, SHORT_EPOCHS, SHORT_ROWS = 3280, 30, 1000
DRAWS = 5000
HELD_BACK = 1 / 150
"""Part of the training images that the authors held back, 400 of 60,000."""
MODEL = variate.ModelOptions(latent=50, network="plain", width=200, depth=2, activation="tanh", likelihood="bernoulli")
TRAINING = variate.TrainingOptions(
    batch_size=20, lr=1e-3, schedule="burda", lr_warmup=0.0, clip=0.0, ema=0.0, patience=0, precision="float32"
)


class Paper(NamedTuple):
    """What the paper reports: negative log-likelihood in nats, and how many latents are active."""

    nll: float
    active: str = ""


PAPER = {("elbo", 1): Paper(86.76, "19"), ("iwae", 1): Paper(86.76, "19")}
PAPER |= {("iwae", 5): Paper(85.54), ("iwae", 50): Paper(84.78)}


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def parse(arguments: list[str]) -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", metavar="TRAIN_IMAGES", type=Path, help="idx file of training images, plain or .gz")
    parser.add_argument("test", metavar="TEST_IMAGES", type=Path, nargs="?", help="by default the t10k file beside it")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=positive, help=f"the schedule is stretched over them ({EPOCHS})")
    length.add_argument("--short", action="store_true", help=f"{SHORT_EPOCHS} epochs, {SHORT_ROWS} rows")
    parser.add_argument("--bound", choices=["elbo", "iwae", "dreg"], default="elbo", help="what is maximised")
    parser.add_argument(
        "--samples", type=positive, default=1, metavar="K", help="posterior draws per row (%(default)s)"
    )
    parser.add_argument("--rows", type=positive, metavar="N", help="test rows for the log-likelihood; by default all")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep the run here, and go on with one that is there")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    asked.epochs = asked.epochs or (SHORT_EPOCHS if asked.short else EPOCHS)
    asked.rows = asked.rows or (SHORT_ROWS if asked.short else None)
    return asked


def read(train: Path, test: Path | None) -> Source:
    """Training images with the test images as official test set."""
    beside = train.with_name(train.name.removesuffix(".gz").replace("train", "t10k"))
    test = test or (beside if beside.exists() else beside.with_name(f"{beside.name}.gz"))
    rows, held_out = variate.read(str(train)), variate.read(str(test))
    if train == test or rows.schema != held_out.schema:
        raise variate.InputError(str(test), f"test images like those of {train}", "other images", "give the two files")
    return dataclasses.replace(rows, test=held_out.dataset)


def trained(data: Splits, options: variate.TrainingOptions, out: Path | None) -> variate.VAE:
    """The model with the weights of the last step: nothing is chosen on held-out rows, as in the paper."""
    vae = variate.build(data, MODEL, seed=options.seed)
    resume = out is not None and (out / "checkpoint").is_dir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", variate.VariateWarning)  # of collapsed latents: the table counts them
        variate.fit(vae, data.train, options=options, run=out, resume=resume, show_progress=True)
    return vae


def measured(vae: variate.VAE, data: Splits, options: variate.TrainingOptions, rows: int | None) -> list[list[str]]:
    """Lines of the table: what, here, in the paper."""
    found = variate.log_evidence(vae, data.test, DRAWS, num_rows=rows, seed=options.seed, show_progress=True)
    bound = variate.evaluate(vae, data.test.select(found.which.numpy()), seed=options.seed)
    active, noise = active_units(vae, data.test), found.reliable_noise
    paper = PAPER.get((options.bound, options.samples))
    nll = f"{-found.estimate.value:.2f} ± {found.estimate.stderr:.2f}"
    return [
        [f"-log p(x), {DRAWS} draws per row, nats", nll, f"{paper.nll:.2f}" if paper else ""],
        ["  rows", f"{len(found.khat):,}", f"{10_000:,}"],
        ["  rows with k-hat above 0.7", f"{found.unreliable:.1%}", ""],
        ["  noise of the other rows, nats", "-" if noise is None else f"{noise:.2g}", ""],
        ["-ELBO, nats", f"{-bound.elbo.value:.2f} ± {bound.elbo.stderr:.2f}", ""],
        ["  distortion, nats", f"{bound.distortion.value:.2f} ± {bound.distortion.stderr:.2f}", ""],
        ["  rate, nats", f"{bound.rate.value:.2f} ± {bound.rate.stderr:.2f}", ""],
        ["active latents of 50", str(int(active.sum())), paper.active if paper else ""],
        ["epochs", f"{options.epochs:,}", f"{EPOCHS:,}"],
    ]


def main(arguments: list[str]) -> None:
    asked = parse(arguments)
    binarized = variate.DataOptions(binarize="dynamic", validation=HELD_BACK, split_seed=asked.seed)
    try:
        data = variate.split(read(asked.train, asked.test), binarized)
        options = dataclasses.replace(
            TRAINING, epochs=asked.epochs, bound=asked.bound, samples=asked.samples, seed=asked.seed
        )
        print(describe(data), flush=True)
        start = time.perf_counter()
        vae = trained(data, options, asked.out)
        middle = time.perf_counter()
        lines = measured(vae, data, options, asked.rows)
    except variate.InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    lines.append(["minutes of training", f"{(middle - start) / 60:.1f}", ""])
    lines.append(["minutes of measuring", f"{(time.perf_counter() - middle) / 60:.1f}", ""])
    for what, here, paper in [["", "here", "paper (MNIST)"], *lines]:
        print(f"{what:<36}{here:>16}{paper:>16}")


if __name__ == "__main__":
    main(sys.argv[1:])
