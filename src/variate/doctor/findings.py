"""What the measurements mean, in words: one rule per cause, each with its evidence, its cost and what to change.

A finding is an alarm if it costs, beyond two standard errors, at least a tenth of a nat per dimension, which is about
the difference between generations of models in the literature. Costs below 0.02 nats per dimension are not reported.
Latents that carry nothing cost nothing themselves and are reported nevertheless.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from variate.config.recipe import ModelOptions, TrainingOptions
from variate.doctor.examination import NOTABLE, SURE, Examination, looseness
from variate.errors import Option, Sentence
from variate.evaluation.diagnostics.surgery import Surgery
from variate.objectives import is_bound
from variate.statistics import Estimate, estimate

ALARMING = 0.1
"""Costs from this many nats per dimension on are alarms."""
USEFUL = 0.05
"""A latent is of use if switching it off costs at least this many nats per row."""
MOSTLY = 0.5
"""A larger share of collapsed latents is an alarm."""


class Finding(NamedTuple):
    """Something that is wrong, or could be better.

    Attributes:
        name: A name for programs, in a word or two.
        title: What it is, in a sentence.
        cost: What it costs, in nats per row; None if it has no price.
        evidence: The numbers that show it.
        advice: What to change; a `Sentence` that names options.
        alarm: Whether it costs too much to be ignored.
    """

    name: str
    title: str
    cost: Estimate | None
    evidence: str
    advice: str
    alarm: bool


Rule = Callable[[Examination], Finding | None]


def findings(found: Examination) -> list[Finding]:
    """What is wrong: alarms, the costliest first; then unused latents; then smaller costs, the costliest first."""
    named = [finding for rule in RULES if (finding := rule(found)) is not None]

    def place(finding: Finding) -> tuple[bool, float]:
        priceless = -math.inf if not finding.alarm else 0.0
        return (not finding.alarm, -finding.cost.value if finding.cost else priceless)

    return sorted(named, key=place)


def priced(
    found: Examination, cost: Estimate | None, name: str, title: str, evidence: str, advice: str
) -> Finding | None:
    """A finding, if it costs enough to be reported."""
    if cost is None:
        return None
    least = (cost.value - SURE * (0.0 if math.isnan(cost.stderr) else cost.stderr)) / found.dimensions
    if least < NOTABLE:
        return None
    return Finding(name, title, cost, evidence, advice, least >= ALARMING)


def options(found: Examination) -> tuple[ModelOptions, TrainingOptions]:
    """The options of the run; if they are not known, the defaults."""
    return (found.recipe.model, found.recipe.training) if found.recipe else (ModelOptions(), TrainingOptions())


def objective(found: Examination) -> Finding | None:
    """The model was trained for an objective that is not its likelihood."""
    _, training = options(found)
    if found.trial is None or is_bound(training):
        return None
    weighted = training.beta != 1
    used = Option("beta", training.beta) if weighted else Option("free_bits", training.free_bits)
    return priced(
        found,
        found.trial.gain,
        "kl-weight" if weighted else "free-bits",
        Sentence("trained with ", used, ", which is not the likelihood of the data"),
        f"{found.trial.steps} more steps without it change the test ELBO by {nats(found.trial.gain)}",
        Sentence("train with ", Option("beta", 1.0), " and ", Option("free_bits", 0.0)),
    )


def under_training(found: Examination) -> Finding | None:
    """More of the same training would help."""
    _, training = options(found)
    if found.trial is None or not is_bound(training):
        return None
    length = f"; the run had {found.epochs:.3g} epochs" if found.epochs else ""
    return priced(
        found,
        found.trial.gain,
        "under-training",
        "the weights can still be improved by training",
        f"{found.trial.steps} more steps change the test ELBO by {nats(found.trial.gain)}{length}",
        Sentence("train for more ", Option("epochs")),
    )


def over_fitting(found: Examination) -> Finding | None:
    """The model fits its training rows better than others."""
    cost = found.overfitting
    if cost is None:
        return None
    return priced(
        found,
        cost,
        "over-fitting",
        "the model fits its training rows better than rows that it has not seen",
        f"ELBO {found.test.value + cost.value:,.2f} on training rows, {found.test.value:,.2f} on test rows",
        Sentence(
            "use more rows, a smaller ", Option("width"), " or ", Option("depth"),
            *(() if searched(found) else (", a smaller ", Option("latent"))), ", or fewer ", Option("epochs"),
        ),
    )  # fmt: skip


def amortization(found: Examination) -> Finding | None:
    """The encoder does not find the best posterior of its family."""
    budget = found.budget
    if budget is None:
        return None
    return priced(
        found,
        budget.amortization,
        "weak-encoder",
        "the encoder does not find the best posterior of its family (amortisation gap)",
        f"fitting q(z|x) to each of {len(budget.elbo)} rows raises their ELBO from {budget.elbo.mean():,.2f} to "
        f"{budget.best.mean():,.2f}",
        Sentence(
            "use a larger encoder (", Option("depth"), ", ", Option("width"), "), more rows, or more ", Option("epochs")
        ),
    )


def approximation(found: Examination) -> Finding | None:
    """The family of the posterior is too small."""
    model, _ = options(found)
    if model.posterior == "full" or found.budget is None:
        return None
    family = f"{model.posterior} posterior" if found.recipe else "family of the posterior"
    return priced(
        found,
        found.budget.covariance,
        "small-posterior",
        f"the {family} is too simple (approximation gap)",
        f"of {nats(found.budget.approximation)} between the best q(z|x) and log p(x){looseness(found.budget)}, a full "
        f"covariance closes {nats(found.budget.covariance)}",
        Sentence("use ", Option("posterior", "full")),
    )


def prior_hole(found: Examination) -> Finding | None:
    """The prior does not match the posteriors."""
    if found.prior is None:
        return None
    return priced(
        found,
        found.prior.estimate,
        "prior-hole",
        "the prior does not match the posteriors (prior hole), so samples are worse than reconstructions",
        f"{found.prior.name} as prior gains {nats(found.prior.estimate)} on rows that it was not fitted to"
        + rate_parts(found),
        Sentence("use ", Option("prior", "mixture"), " or ", Option("prior", "vamp"), ", or a flow from Python"),
    )


def rate_parts(found: Examination) -> str:
    """How much of the rate is prior hole, as the end of a sentence."""
    parts = found.surgery
    return "" if parts is None else f"; of the rate of {parts.mean_rate.value:.2f}, {hole_of(parts)}"


def hole_of(parts: Surgery) -> str:
    """`3.20 is prior hole`; where the information is at its ceiling, the hole is an upper bound and this says so."""
    hole = f"{parts.mean_hole.value:.2f} is prior hole"
    if not parts.saturated:
        return hole
    return f"at most {hole}, since the information is at its ceiling of log {len(parts.rate):,} = {parts.ceiling:.2f}"


def sigma(found: Examination) -> Finding | None:
    """All scales of p(x|z) are too wide or too narrow."""
    if found.rescaling is None:
        return None
    factor = found.rescaling.factor
    way = f"{1 / factor:.2g} times too wide" if factor < 1 else f"{factor:.2g} times too narrow"
    gain = nats(found.rescaling.estimate)
    return priced(
        found,
        found.rescaling.estimate,
        "sigma",
        f"sigma is {way}",
        f"multiplying every scale of p(x|z) by {factor:.2g} gains {gain}; {coverage(found)}",
        Sentence("let it be learned: use ", Option("scale", "dimension"), " or ", Option("scale", "conditional")),
    )


def shape(found: Examination) -> Finding | None:
    """P(x|z) has another shape than the data: what recalibration gains beyond the best factor on the scale."""
    scale = found.rescaling.estimate if found.rescaling else Estimate(0.0, 0.0)
    return priced(
        found,
        Estimate(found.calibration.cost - scale.value, scale.stderr),
        "likelihood-shape",
        "p(x|z) has another shape than the data",
        coverage(found),
        Sentence(
            "use another ", Option("likelihood"), ", more ", Option("mixtures"), ", or ", Option("scale", "conditional")
        ),
    )


def coverage(found: Examination) -> str:
    """How much of the data lies in the central intervals of p(x|z)."""
    half, most, all_but = (found.calibration.mean_coverage[level].value for level in (0.5, 0.9, 0.99))
    return f"the central 50 % of p(x|z) hold {half:.0%} of the data, its 90 % {most:.0%}, its 99 % {all_but:.1%}"


def wasted(found: Examination) -> Finding | None:
    """Latents that the decoder does not use although they have a rate."""
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
        f"the decoder does not use {listed(useless)}, which {'has' if len(useless) == 1 else 'have'} a rate",
        "switching them off, one at a time, raises the ELBO",
        Sentence(
            "train for more ", Option("epochs"), *(() if searched(found) else (", or use a smaller ", Option("latent")))
        ),
    )


def collapsed(found: Examination) -> Finding | None:
    """Latents that carry nothing, or almost nothing."""
    spare = unused(found)
    if not spare:
        return None
    total, used = len(found.active), len(found.active) - len(spare)
    many = len(spare) > MOSTLY * total
    if found.trial is not None and bool(found.trial.revived.any()):
        advice = Sentence(
            "train longer, or with ", Option("kl_warmup"), " or ", Option("free_bits"),
            ": a little more training makes some of them carry something",
        )  # fmt: skip
    else:
        advice = Sentence(*fewer(found, used), Option("kl_warmup"), " may make more of them carry something")
    return Finding(
        "latents-to-spare" if many else "collapsed-latents",
        f"{len(spare)} of {total} latents are collapsed: they carry almost nothing",
        None,
        f"{listed(spare)}: the mean does not vary with x, or switching it off costs below {USEFUL} nats{since(found)}",
        advice,
        many,
    )


def searched(found: Examination) -> tuple[int, ...]:
    """The numbers of latents that a search compared before the run, rising; none if there was no search."""
    return found.recipe.compared_latents if found.recipe else ()


def fewer(found: Examination, used: int) -> tuple[str | Option, ...]:
    """That as many latents as are used are enough. A search that found that fewer lose nats is not contradicted."""
    tried, own = searched(found), len(found.active)
    rejected = max((number for number in tried if number < own), default=0)
    if used <= rejected or not used:
        return ()
    if tried:
        return Option("latent", used), f" is enough: the search compared no number between {rejected} and {own}; "
    by_search = (Option("latent", "auto"), " finds the fewest that do not lose nats on held-out rows; ")
    return Option("latent", used), " is enough for this likelihood, and ", *by_search


def unused(found: Examination) -> list[int]:
    """The latents that do not vary with x, or whose loss would cost almost nothing."""
    idle = ~found.active
    if found.switched_off is not None:
        idle = idle | (-found.switched_off.mean(0) < USEFUL)
    return idle.nonzero().flatten().tolist()


def since(found: Examination) -> str:
    """Since when latents are collapsed, if the run's history shows it."""
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
    return f"{estimate.plus_minus()} nats"


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
