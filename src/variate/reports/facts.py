"""What a result is about: the facts that every report of a run holds."""

from importlib.metadata import version
from typing import Any

from variate.runs import HeldOut, Run


def run_facts(run: Run, held_out: HeldOut) -> dict[str, Any]:
    """The version, the model and the data, as JSON values."""
    return {
        "variate": version("variate"),
        "model": run.name,
        "recipe": run.recipe.digest,
        "data": {"source": held_out.source, "part": held_out.part, "fingerprint": held_out.fingerprint},
    }
