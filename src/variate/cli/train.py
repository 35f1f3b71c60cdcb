"""`variate train`: from data to a run directory with a model, its numbers and its pictures."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from variate.cli.flags import as_flag
from variate.cli.output import say, warn
from variate.config.parts import NETWORKS
from variate.config.recipe import DataOptions, ModelOptions, Recipe, TrainingOptions
from variate.config.run_files import METRICS_FILE
from variate.errors import Option, Sentence
from variate.limits import Checked
from variate.runtime.distributed import is_main_process, join

if TYPE_CHECKING:
    from variate.runs import Run
    from variate.training import History

RECONSTRUCTIONS, SAMPLES = 48, 64
"""Number of images in the pictures."""


@dataclass(frozen=True)
class Train(Checked):
    """Train a model on images or a table, and show what it learned.

    DATA is digits, fashion-mnist, a folder or zip of images, a table (.csv and other text, .xlsx, .feather, .parquet),
    an .npy or .npz array, a folder of .npy or .parquet files, or MNIST-format idx files. Everything else has a default
    that suits the data.
    """

    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="DATA", name="data")]
    """The data: a name or a path."""
    out: str | None = None
    """Directory of the run; by default the next free one of runs/DATA, runs/DATA-2, ..."""
    resume: bool = False
    """Resume a run that was interrupted or killed: the one in --out, or the latest on these data."""
    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def __call__(self) -> None:
        """Plans, trains, evaluates and writes pictures; of several processes, only the main one does the last two."""
        from variate.data import describe
        from variate.runs.training import plan, train

        planned = plan(self.source, self.out, self.resume, self.data, self.model, self.training)
        say(f"{describe(planned.splits)}; {'; '.join(planned.reasons)}; {size(planned.recipe)}")
        for note in planned.splits.notes:
            say(Sentence("  ", note))
        with planned.claim.held(join()):
            run, history = train(planned, show_progress=True)
            say(ending(history, run.path))
            if history.stopped == "interrupted":
                raise KeyboardInterrupt
            if not is_main_process():
                return
            close(run)
        for sentence in history.warnings:
            warn(sentence)
        path = run.path
        say(f"next: variate sample {path} | variate embed {path} | variate evaluate {path} | variate doctor {path}")


def size(recipe: Recipe) -> str:
    """How large the model is."""
    model = recipe.model
    units = NETWORKS[model.network].units
    latents = "1 latent" if model.latent == 1 else f"{model.latent} latents"
    return f"{model.depth} x {model.width} {units}, {latents}, {model.posterior} posterior"


def ending(history: "History", run: Path) -> Sentence:
    """How training ended."""
    kept = f"kept the weights of step {history.best_step:,}"
    if history.stopped == "interrupted":
        go_on = (Option("resume", True), " ", Option("out", str(run)))
        return Sentence(f"interrupted: {kept}; go on with ", *go_on)
    how = "stopped early" if history.stopped == "early" else "finished"
    return Sentence(f"{how}: {kept}, the best on the validation part")


def close(run: "Run") -> None:
    """Evaluates on the test part, and writes samples and, for images, reconstructions into the run directory."""
    from variate.evaluation.evaluate import evaluate
    from variate.reports.evaluation import evaluation_report
    from variate.reports.rows import write_reconstructions, write_rows
    from variate.reports.terminal import show
    from variate.tasks.reconstruct import reconstruct
    from variate.tasks.sample import sample, with_context

    schema, seed = run.recipe.schema, run.recipe.training.seed
    precision, held_out = run.use_precision(), run.held_out()
    show(evaluation_report(evaluate(run.model, held_out.data), run, held_out, seed=0, precision=precision), as_flag)
    written = [run.model_file, run.path / METRICS_FILE]
    if schema.is_image:
        written.append(run.path / "reconstructions.png")
        pairs = reconstruct(run, n=RECONSTRUCTIONS)
        write_reconstructions(written[-1], pairs.originals, pairs.decoded, schema)
    written.append(run.path / ("samples.png" if schema.is_image else "samples.csv"))
    write_rows(written[-1], *with_context(sample(run, SAMPLES, seed=seed), schema))
    say(f"wrote {', '.join(map(str, written))}")
