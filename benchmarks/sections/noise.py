"""Whether the reported noise of an importance-weighted bound covers what repeated draws do to it.

Each figure is the root mean square of the distance of bounds to their mean over repeats, divided by that of the
reported noise: above 1, too little was reported. Nothing here is a time.

*Weights of known tails.* With p(z|x) = N(m, S) in d dimensions and q(z|x) = N(m, s^2 S), s < 1, as of an encoder that
is too sure of itself,

    log w = log p(x) + d log s + (1 - s^2) / 2 chi^2_d,

whose upper tail is a Pareto distribution of shape k = 1 - s^2, up to powers of its logarithm.

*A trained model.* Grey digits, by the k-hat of the draws, and by the median k-hat of a row over the repeats, because a
row whose draws happen to lack large weights has a small k-hat and a bound that is too low.

Four estimates of the noise of a row are compared: the delta method, 1 / ESS - 1 / K; the same with the M largest
weights replaced by quantiles of the fitted Pareto distribution, none beyond the largest weight (Vehtari et al., 2024);
the bootstrap over draws; and variate's own (`variate.evaluation.bounds.weights`). Then the mean over the rows that are
not flagged: as if its rows had not been chosen by their draws, and as variate reports it.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

import variate
from benchmarks.settings import Settings, Table, say
from variate.evaluation.bounds.importance import log_weights_of
from variate.evaluation.bounds.weights import UNRELIABLE, WeightStatistics, flagged_excess
from variate.models.network import evaluating
from variate.runtime.random import RowStreams

SHAPES = {2: (0.3, 0.5, 0.6, 0.7, 0.8), 20: (0.1, 0.2, 0.3, 0.4, 0.5)}
"""Numbers of latents -> shapes k."""
DRAWS, QUICK_DRAWS = {100: 100, 1000: 40, 5000: 20}, {100: 5}
"""Draws per row -> repeats."""
ROWS = 64
RESAMPLED = 100
"""Bootstrap samples."""
PASSES = 6400
"""Passes through the decoder at a time."""
EDGES = (-math.inf, 0.3, 0.5, UNRELIABLE, 1.0, math.inf)
"""Of the ranges of k-hat."""
MODEL_DRAWS, MODEL_ROWS = 1000, 32


def measure(settings: Settings) -> Iterator[Table]:
    """A table of known tails, and one of a trained model."""
    yield known_tails(settings)
    yield trained_model(settings)


class Repeats(NamedTuple):
    """What happened, and what was reported, in each repeat; all (repeats, rows).

    Attributes:
        error: IW_K of each row less its mean over repeats, in nats.
        khat: Pareto k-hat.
        reported: What each way reports as the row's noise, in nats.
        excess: `flagged_excess` of the row.
    """

    error: Tensor
    khat: Tensor
    reported: dict[str, Tensor]
    excess: Tensor

    @property
    def unflagged(self) -> Tensor:
        """Which rows are not flagged."""
        return self.khat <= UNRELIABLE


def known_tails(settings: Settings) -> Table:
    """One line per case: draws per row, latents, shape."""
    mean = f"mean of {ROWS} rows"
    table = Table(
        "Noise of the importance-weighted bound, weights of known tails",
        ("draws", "latents", "k", "flagged", *WAYS, "flagged rows: variate", f"{mean}: unchosen", f"{mean}: variate"),
    )
    cases = QUICK_DRAWS if settings.quick else DRAWS
    for draws, repeats in cases.items():
        for latents, shapes in SHAPES.items():
            say(f"  {draws} draws, {latents} latents")
            for shape in shapes:
                found = repeated(log_weights(shape, latents, draws, repeats * ROWS, seed=draws), repeats, alike=True)
                table.rows.append({"draws": draws, "latents": latents, "k": shape} | line(found))
    many = ", ".join(f"{repeats} of {draws:,} draws" for draws, repeats in cases.items())
    table.notes.append("deviation over repeats / reported noise, above 1 where too little is reported")
    table.notes.append(f"{ROWS} rows; repeats: {many}; flagged: k-hat above {UNRELIABLE}")
    return table


def line(found: Repeats) -> dict[str, str]:
    """The figures of a case."""
    mean = f"mean of {ROWS} rows"
    error, unchosen, reported = of_means(found)
    return {
        "flagged": f"{1 - found.unflagged.double().mean():.0%}",
        **{way: ratio(found.error[found.unflagged], own[found.unflagged]) for way, own in found.reported.items()},
        "flagged rows: variate": ratio(found.error[~found.unflagged], found.reported[OURS][~found.unflagged]),
        f"{mean}: unchosen": ratio(error, unchosen),
        f"{mean}: variate": ratio(error, reported),
    }


def of_means(found: Repeats) -> tuple[Tensor, Tensor, Tensor]:
    """Error of the mean over rows that are not flagged; its reported noise without and with `excess`; (repeats,)."""
    count = found.unflagged.sum(1)
    own = torch.where(found.unflagged, found.reported[OURS], 0).square().sum(1).sqrt() / count
    error = torch.where(found.unflagged, found.error, 0).sum(1) / count
    some = count > 0
    return error[some], own[some], torch.hypot(own, found.excess.sum(1) / count)[some]


def ratio(error: Tensor, reported: Tensor) -> str:
    """Root mean square over root mean square; a dash for fewer than 20 values."""
    return "-" if len(error) < 20 else f"{(error.square().mean() / reported.square().mean()).sqrt():.2f}"


def log_weights(shape: float, latents: int, draws: int, rows: int, seed: int) -> Tensor:
    """Log-weights, (draws, rows), in nats, up to a constant; the number of latents is even."""
    source = torch.Generator().manual_seed(seed)
    total = torch.zeros(draws, rows, dtype=torch.float64)
    for _ in range(latents // 2):  # chi^2 with 2 degrees of freedom is twice an exponential number
        total += torch.empty_like(total).exponential_(generator=source)
    return shape * total


def repeated(log_w: Tensor, repeats: int, alike: bool) -> Repeats:
    """Bounds and everything that is reported of them.

    Args:
        log_w: Log-weights, (K, repeats * rows), repeat by repeat.
        repeats: How many there are.
        alike: Whether all rows have the same expected bound.
    """
    weights = statistics_of(log_w)
    tail = weights.tail()
    reported = {way: of(log_w, weights) for way, of in WAYS.items()}
    excess = flagged_excess(tail.shape, reported[OURS], len(log_w))
    bound, khat, excess = (values.reshape(repeats, -1) for values in (weights.log_mean, tail.shape, excess))
    error = bound - (bound.mean() if alike else bound.mean(0))
    if not alike:
        error *= math.sqrt(repeats / (repeats - 1))
    return Repeats(error, khat, {way: own.reshape(repeats, -1) for way, own in reported.items()}, excess)


def statistics_of(log_w: Tensor) -> WeightStatistics:
    """The statistics of weights that are all here."""
    weights = WeightStatistics(log_w.shape[1], len(log_w), (), len(log_w))
    weights.add(log_w)
    return weights


def delta(log_w: Tensor, weights: WeightStatistics) -> Tensor:
    """The delta method."""
    return (1 / weights.ess - 1 / len(log_w)).clamp(min=0).sqrt()


def smoothed(log_w: Tensor, weights: WeightStatistics) -> Tensor:
    """The delta method with the largest weights smoothed."""
    tail, size = weights.tail(), len(weights.largest) - 1
    drawn = torch.exp(weights.largest[:size] - weights.largest[0])
    smooth = tail.quantiles(-((torch.arange(size, dtype=drawn.dtype) + 0.5) / size).log()).clamp(max=1)
    first, second = (
        torch.exp(weights.log_sums[i] - (i + 1) * weights.largest[0]) + (smooth ** (i + 1) - drawn ** (i + 1)).sum(0)
        for i in range(2)
    )
    return (second / first.square() - 1 / len(log_w)).clamp(min=0).sqrt()


def bootstrap(log_w: Tensor, weights: WeightStatistics) -> Tensor:
    """The standard deviation over samples with replacement from the draws."""
    w = torch.exp(log_w - weights.largest[0]).float()
    source = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(w), (RESAMPLED, len(w)), generator=source)
    counts = torch.zeros(RESAMPLED, len(w)).scatter_add_(1, chosen, torch.ones(RESAMPLED, len(w)))
    return (counts @ w).double().log().std(0)


OURS = "variate"
WAYS: dict[str, Callable[[Tensor, WeightStatistics], Tensor]] = {
    "delta": delta,
    "smoothed": smoothed,
    "bootstrap": bootstrap,
    OURS: lambda _, weights: weights.noise(weights.tail()),
}
"""Estimates of the noise of a row."""


def trained_model(settings: Settings) -> Table:
    """One line per range of k-hat."""
    say("  a trained model")
    rows, repeats = (10, 5) if settings.quick else (MODEL_ROWS, DRAWS[MODEL_DRAWS])
    by_median = "variate, by median k-hat"
    title = "Noise of the importance-weighted bound, a trained model of digits, by k-hat"
    table = Table(title, ("k-hat", "share", *WAYS, by_median))
    found = repeated(model_weights(rows, repeats, epochs=1 if settings.quick else 20), repeats, alike=False)
    for low, high in pairwise(EDGES):
        chosen, usual = ((khat > low) & (khat <= high) for khat in (found.khat, found.khat.median(0).values))
        ratios = {way: ratio(found.error[chosen], own[chosen]) for way, own in found.reported.items()}
        ratios[by_median] = ratio(found.error[:, usual].flatten(), found.reported[OURS][:, usual].flatten())
        table.rows.append({"k-hat": f"{low} to {high}", "share": f"{chosen.double().mean():.0%}"} | ratios)
    error, unchosen, reported = of_means(found)
    table.notes.append(f"{MODEL_DRAWS} draws per row, {repeats} repeats of {rows} rows")
    table.notes.append(
        f"mean over the rows that are not flagged: {ratio(error, unchosen)} as if they had not been chosen by their "
        f"draws, {ratio(error, reported)} as variate reports it"
    )
    return table


def model_weights(rows: int, repeats: int, epochs: int) -> Tensor:
    """Log-weights of test rows of a model of digits, (draws, repeats * rows), repeat by repeat."""
    data = variate.split(variate.read("digits"))
    vae = variate.build(data, variate.ModelOptions(latent=8, width=64, depth=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", variate.VariateWarning)
        variate.fit(vae, data, epochs=epochs, compile="off", precision="float32")
    batch, found = data.test.take(range(rows)), []
    with evaluating(vae):
        for seed in range(repeats):
            streams = RowStreams(seed, range(rows), "noise")
            tiles = log_weights_of(vae, batch, streams, MODEL_DRAWS, PASSES, None, vae.likelihood.log_prob)
            found.append(torch.cat(list(tiles)).double())
    return torch.stack(found, 1).flatten(1)
