"""The doctor on the screen: what is wrong, what it costs, what to change."""

import json
import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from variate.cli.speech import say
from variate.config.recipe import Recipe
from variate.data import Splits
from variate.errors import InputError
from variate.runs.opening import is_foreign, open_model, own_splits, rows_for, run_in

if TYPE_CHECKING:
    from variate.doctor import Diagnosis, Examination, Finding

WIDTH = 110
"""Of the text."""
SHOWN_LATENTS = 10
"""Latents whose rate is shown, the largest first."""


def doctor(model: str, data: str | None, seed: int) -> None:
    """Examines a model and says what to change."""
    from variate.doctor import diagnose

    vae, recipe = open_model(model)
    own = training_parts(recipe, data)
    held_out = rows_for(recipe, data) if is_foreign(data, recipe) or own is None else None
    test, part = (held_out.rows, held_out.part) if held_out else (own.test, f"test part of {own.name}")  # type: ignore[union-attr]
    run_in(vae, "auto")
    found = diagnose(
        vae,
        test,
        own.train if own else None,
        own.validation if own else None,
        levels=recipe.schema.levels if own and own.redraw else 0,
        history=records(model),
        seed=seed,
        show_progress=True,
    )
    report(found, part, own is not None, vae.decoder.likelihood.is_mass)


def training_parts(recipe: Recipe, data: str | None) -> Splits | None:
    """The parts of the model's own data; None where other data were given and its own are no longer there."""
    try:
        return own_splits(recipe)
    except InputError:
        if is_foreign(data, recipe):
            return None
        raise


def records(model: str) -> list[dict[str, object]]:
    """The run's metrics, if they lie beside the model."""
    path = (Path(model) if Path(model).is_dir() else Path(model).parent) / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def report(found: "Diagnosis", part: str, trained: bool, is_mass: bool) -> None:
    """Prints a diagnosis."""
    from variate.doctor import costs
    from variate.statistics import bits_per_dim

    seen = found.examination
    bits = f", {bits_per_dim(-seen.test.value, seen.dimensions):.3f} bits/dim" if is_mass else ""
    say(f"{part}: ELBO {seen.test.value:,.2f} ± {seen.test.stderr:.2f} nats a row{bits}")
    if not trained:
        say("its training rows are not here: over-fitting and under-training were not looked at")
    smaller = [finding for finding in found.findings if not finding.alarm]
    if found.alarms:
        say(f"\n{len(found.alarms)} alarm{'s' if len(found.alarms) > 1 else ''}, the costliest first")
        for number, finding in enumerate(found.alarms, 1):
            show(finding, number)
    else:
        say("\nno alarm")
    if smaller:
        say("\nsmaller things")
        for number, finding in enumerate(smaller, len(found.alarms) + 1):
            show(finding, number)
    say("\nwhat was measured, nats a row")
    for name, cost in costs(seen):
        error = "" if math.isnan(cost.stderr) else f"± {cost.stderr:.2f}"
        say(f"  {cost.value:10,.2f}  {error:9} {name}")
    for sentence in facts(seen):
        say(sentence)


def facts(seen: "Examination") -> list[str]:
    """What has no price but says how the rate is spent."""
    cut = seen.surgery
    limit = ", its ceiling: more rows would raise it" if cut.saturated else ""
    said = [
        f"\nof the rate of {cut.mean_rate.value:.2f}, {cut.mean_information.value:.2f} says which row it was "
        f"(at most log {len(cut.rate):,} = {cut.ceiling:.2f}{limit}), {cut.mean_hole.value:.2f} is prior hole"
    ]
    if seen.rates is not None:
        order = seen.rates.argsort(descending=True).tolist()
        shown = ", ".join(f"{seen.rates[i]:.2f} ({i})" for i in order[:SHOWN_LATENTS])
        rest = sum(seen.rates[i].item() for i in order[SHOWN_LATENTS:])
        more = f", {rest:.2f} in the other {len(order) - SHOWN_LATENTS}" if len(order) > SHOWN_LATENTS else ""
        said.append(f"rate by latent: {shown}{more}")
    return said


def show(finding: "Finding", number: int) -> None:
    """Prints one finding: what, how much, why, and what to do."""
    price = f": {finding.cost.value:,.2f} nats a row" if finding.cost else ""
    say(f"{number:3}. {finding.title}{price}")
    for label, text in (("because", finding.evidence), ("change", finding.advice)):
        lines = textwrap.wrap(text, WIDTH - 15)
        say(f"     {label:9} {lines[0]}")
        for line in lines[1:]:
            say(f"     {'':9} {line}")
