"""What commands say on standard output."""

from variate.runtime import distributed as ranks


def say(text: str = "") -> None:
    """Prints a line at once, so that it stands before what a progress bar writes; of several ranks, the first."""
    if ranks.leads():
        print(text, flush=True)  # noqa: T201
