"""What the measurements mean, in words: one rule a cause, each with its evidence, its cost and what to change.

A finding is an alarm if it costs, beyond two standard errors, at least a tenth of a nat a dimension: about what
separates the generations of models in the literature. Less than a fiftieth is not spoken of. Latents that carry nothing
cost nothing themselves, and are spoken of all the same.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from variate.config.recipe import ModelOptions, TrainingOptions
from variate.doctor.examination import NOTABLE, SURE, Examination
from variate.objectives import Training
from variate.statistics import Estimate, estimate

ALARMING = 0.1
"""Nats a dimension from which on a cost is an alarm."""
USEFUL = 0.05
"""Nats a row that switching a latent off must cost for it to be of use."""
MOSTLY = 0.5
"""Share of collapsed latents from which on their number is itself a fault."""


class Finding(NamedTuple):
    """Something that is wrong, or could be better.

    Attributes:
        name: What it is, in a word or two.
        title: The same in a sentence.
        cost: What it costs, in nats a row; None where it has no price.
        evidence: The numbers that say so.
        advice: What to change.
        alarm: Whether it costs too much to be left alone.
    """

    name: str
    title: str
    cost: Estimate | None
    evidence: str
    advice: str
    alarm: bool


Rule = Callable[[Examination], Finding | None]


def findings(found: Examination) -> list[Finding]:
    """What is wrong: alarms, the costliest first; then latents without use; then what is smaller, costliest first."""
    named = [finding for rule in RULES if (finding := rule(found)) is not None]

    def place(finding: Finding) -> tuple[bool, float]:
        priceless = -math.inf if not finding.alarm else 0.0
        return (not finding.alarm, -finding.cost.value if finding.cost else priceless)

    return sorted(named, key=place)


def priced(
    found: Examination, cost: Estimate | None, name: str, title: str, evidence: str, advice: str
) -> Finding | None:
    """A finding, if it costs enough to be spoken of."""
    if cost is None:
        return None
    least = (cost.value - SURE * (0.0 if math.isnan(cost.stderr) else cost.stderr)) / found.dimensions
    if least < NOTABLE:
        return None
    return Finding(name, title, cost, evidence, advice, least >= ALARMING)


def options(found: Examination) -> tuple[ModelOptions, TrainingOptions]:
    """The options of the run; where they are not known, those of no particular run."""
    return (found.recipe.model, found.recipe.training) if found.recipe else (ModelOptions(), TrainingOptions())


def objective(found: Examination) -> Finding | None:
    """The model was trained for something else than its likelihood."""
    _, training = options(found)
    if found.trial is None or Training(training).is_bound:
        return None
    what = f"beta={training.beta:g}" if training.beta != 1 else f"free_bits={training.free_bits:g}"
    return priced(
        found,
        found.trial.gain,
        "kl-weight" if training.beta != 1 else "free-bits",
        f"trained with {what}, which is not the likelihood of the data",
        f"{found.trial.steps} steps more without it change the test ELBO by {nats(found.trial.gain)}",
        "train with --beta 1 and --free-bits 0" if found.recipe else "train with beta=1 and free_bits=0",
    )


def under_training(found: Examination) -> Finding | None:
    """More of the same training would help."""
    _, training = options(found)
    if found.trial is None or not Training(training).is_bound:
        return None
    length = f"; the run had {found.epochs:.3g} epochs" if found.epochs else ""
    return priced(
        found,
        found.trial.gain,
        "under-training",
        "the weights are not yet where training takes them",
        f"{found.trial.steps} steps more change the test ELBO by {nats(found.trial.gain)}{length}",
        "more --epochs",
    )


def over_fitting(found: Examination) -> Finding | None:
    """The model knows its training rows better than others."""
    cost = found.overfitting
    if cost is None:
        return None
    return priced(
        found,
        cost,
        "over-fitting",
        "the model knows its training rows better than rows it has not seen",
        f"ELBO {found.test.value + cost.value:,.2f} on training rows, {found.test.value:,.2f} on test rows",
        "more rows, a smaller --width or --depth, fewer --latent, or fewer --epochs",
    )


def amortization(found: Examination) -> Finding | None:
    """The encoder does not find the posterior that its family holds."""
    budget = found.budget
    return priced(
        found,
        budget.amortization,
        "weak-encoder",
        "the encoder misses the posterior that its family could give (amortisation gap)",
        f"fitting q(z|x) to each of {len(budget.elbo)} rows raises their ELBO from {budget.elbo.mean():,.2f} to "
        f"{budget.best.mean():,.2f}",
        "a larger encoder (--depth, --width), more rows, or more --epochs",
    )


def approximation(found: Examination) -> Finding | None:
    """The posterior's family is too small."""
    model, _ = options(found)
    if model.posterior == "full":
        return None
    return priced(
        found,
        found.budget.covariance,
        "small-posterior",
        f"the {model.posterior} posterior is too simple (approximation gap)" if found.recipe else
        "the posterior family is too simple (approximation gap)",
        f"of {nats(found.budget.approximation)} between the best q(z|x) and log p(x), a full covariance closes "
        f"{nats(found.budget.covariance)}",
        "--posterior full",
    )  # fmt: skip


def prior_hole(found: Examination) -> Finding | None:
    """The prior is not where the posteriors are."""
    if found.prior is None:
        return None
    hole, kept = found.surgery.mean_hole, found.surgery
    said = (
        f"the information meets its ceiling of log {len(kept.rate)} = {kept.ceiling:.1f}, so the hole of "
        f"{hole.value:.1f} is an upper bound"
        if kept.saturated
        else f"of the rate of {kept.mean_rate.value:.1f}, {hole.value:.1f} is not information about x"
    )
    return priced(
        found,
        found.prior.estimate,
        "prior-hole",
        "the prior is not where the posteriors are (prior hole), so samples are worse than reconstructions",
        f"{found.prior.name} in place of it wins {nats(found.prior.estimate)} on rows it was not fitted to; {said}",
        "--prior mixture or --prior vamp, or a flow from Python",
    )


def sigma(found: Examination) -> Finding | None:
    """All scales of p(x|z) are too wide or too narrow."""
    if found.rescaling is None:
        return None
    factor = found.rescaling.factor
    way = f"{1 / factor:.2g} times too wide" if factor < 1 else f"{factor:.2g} times too narrow"
    return priced(
        found,
        found.rescaling.estimate,
        "sigma",
        f"sigma is {way}",
        f"multiplying every scale of p(x|z) by {factor:.2g} wins {nats(found.rescaling.estimate)}; {coverage(found)}",
        "let it be learned: --scale dimension, or --scale conditional",
    )


def shape(found: Examination) -> Finding | None:
    """No factor on its scale makes p(x|z) what the data are: what recalibration wins beyond that of the best factor."""
    scale = found.rescaling.estimate if found.rescaling else Estimate(0.0, 0.0)
    return priced(
        found,
        Estimate(found.calibration.cost - scale.value, scale.stderr),
        "likelihood-shape",
        "p(x|z) has another shape than the data",
        coverage(found),
        "another --likelihood, more --mixtures, or --scale conditional",
    )


def coverage(found: Examination) -> str:
    """How much of the data lies in the central intervals of p(x|z)."""
    half, most, all_but = (found.calibration.mean_coverage[level].value for level in (0.5, 0.9, 0.99))
    return f"the central 50 % of p(x|z) hold {half:.0%} of the data, its 90 % {most:.0%}, its 99 % {all_but:.1%}"


def wasted(found: Examination) -> Finding | None:
    """Latents whose rate the decoder makes nothing of."""
    if found.switched_off is None:
        return None
    per_latent = [estimate(gain) for gain in found.switched_off.T]
    useless = [i for i, gain in enumerate(per_latent) if gain.value > SURE * gain.stderr and gain.value > 0]
    if not useless:
        return None
    return priced(
        found,
        estimate(found.switched_off[:, useless].sum(1)),
        "wasted-rate",
        f"{listed(useless)} cost a rate that the decoder makes nothing of",
        "switching them off, one at a time, raises the ELBO",
        "more --epochs, or fewer --latent",
    )


def collapsed(found: Examination) -> Finding | None:
    """Latents that carry nothing, or next to nothing."""
    spare = unused(found)
    if not spare:
        return None
    total, used = len(found.active), len(found.active) - len(spare)
    many = len(spare) > MOSTLY * total
    revived = found.trial is not None and bool(found.trial.revived.any())
    advice = f"--latent {max(1, used)} is enough for this likelihood; --kl-warmup may make more of them carry something"
    if revived:
        advice = "train longer, or with --kl-warmup or --free-bits: a little more training brings some back"
    return Finding(
        "latents-to-spare" if many else "collapsed-latents",
        f"{len(spare)} of {total} latents are collapsed: they carry nothing to speak of",
        None,
        f"{listed(spare)}: the mean does not vary with x, or switching it off costs below {USEFUL} nats{since(found)}",
        advice,
        many,
    )


def unused(found: Examination) -> list[int]:
    """The latents that do not vary with x, or whose loss would hardly be felt."""
    idle = ~found.active
    if found.switched_off is not None:
        idle = idle | (-found.switched_off.mean(0) < USEFUL)
    return idle.nonzero().flatten().tolist()


def since(found: Examination) -> str:
    """Since when latents are collapsed, if the run's history tells."""
    if not found.collapsed_since:
        return ""
    first, last = min(found.collapsed_since.values()), max(found.collapsed_since.values())
    span = f"epoch {first:.3g}" if first == last else f"epochs {first:.3g} to {last:.3g}"
    return f"; collapsed since {span} of {found.epochs:.3g}"


def listed(latents: list[int]) -> str:
    """Some latents by number: `latents 0, 3, 7 and 12 more`."""
    shown = ", ".join(map(str, latents[:8]))
    more = f" and {len(latents) - 8} more" if len(latents) > 8 else ""
    return f"latent {shown}" if len(latents) == 1 else f"latents {shown}{more}"


def nats(estimate: Estimate) -> str:
    """`3.20 ± 0.15 nats`."""
    return f"{estimate.value:,.2f} ± {estimate.stderr:.2f} nats"


RULES: tuple[Rule, ...] = (
    objective,
    under_training,
    over_fitting,
    amortization,
    approximation,
    prior_hole,
    sigma,
    shape,
    wasted,
    collapsed,
)
