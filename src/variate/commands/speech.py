"""What commands say on standard output."""


def say(text: str = "") -> None:
    """Prints a line at once, so that it stands before what a progress bar writes."""
    print(text, flush=True)  # noqa: T201
