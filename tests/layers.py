"""The layers of the source, from the top down: the one list that the tests enforce and the docs show.

python tests/layers.py        writes the table into docs/architecture.md
"""

from pathlib import Path

LAYERS: tuple[dict[str, str], ...] = (
    {
        "cli": "the command line: one dataclass per command, and the names of its flags",
        "sklearn": "estimators for scikit-learn",
    },
    {
        "serve": "models as an HTTP API: requests read within limits, one thread per model",
        "client": "a served model from Python, over HTTP",
    },
    {"reports": "what is shown: a report as data, rendered to the terminal, JSON and pictures"},
    {"tasks": "what is done with a trained model: sampling, reconstructing, embedding, filling gaps, moving"},
    {"comparison": "whether a synthetic table is good, and whether it is a copy"},
    {"runs": "a run directory as an object"},
    {"doctor": "why a model is not better: measurements, and the rules that turn them into words"},
    {
        "evaluation": "how good a model is: bounds on log p(x), diagnostics, gap budget; draws given what is known; "
        "moves in latent space"
    },
    {"training": "`fit`: the loop and the step, what a run is, its state and its checkpoint"},
    {"objectives": "bounds on log p(x), and what training maximises"},
    {"models": "the protocol of a model, the plain VAE, posteriors, priors; building and loading"},
    {"likelihoods": "from a decoder's outputs to p(x given z)", "networks": "what lies between data and parameters"},
    {"distributions": "Gaussians over latents, distributions of rows; pure mathematics"},
    {"data": "readers, what values are, rows in memory and on disk, data sets and their parts"},
    {"config": "the recipe of a model and its run, and what `auto` means"},
    {"runtime": "processes, compilation, device, random numbers, files, memory, progress"},
    {
        "statistics": "means with standard errors, spread of rows, bits per dimension",
        "limits": "what values options and arguments may have",
    },
    {"errors": "what is said to users"},
)
"""Rooms from the top down, with what is in each. A module imports only from the lines below its own."""

PAGE = Path(__file__).parent.parent / "docs" / "architecture.md"
BEGIN, END = "<!-- layers: written by tests/layers.py -->\n", "<!-- end of layers -->\n"


def table() -> str:
    """The layers as a Markdown table."""
    lines = ["| room | what is in it |", "|---|---|"]
    for layer in LAYERS:
        rooms, said = ", ".join(f"`{room}`" for room in layer), "; ".join(layer.values())
        lines.append(f"| {rooms} | {said} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the table into the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
