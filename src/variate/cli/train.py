"""`variate train`: from data to a run directory with a model, its numbers and its pictures."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from annotated_types import Interval

from variate.cli.arguments import OutIfAsked
from variate.cli.evaluate import judged_by_labels, over_seeds
from variate.cli.flags import as_flag
from variate.cli.output import say, warn
from variate.config.parts import NETWORKS
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.config.run_files import METRICS_FILE, REPORT_FILE, SEEDS_FILE
from variate.errors import InputError, Option, Sentence
from variate.limits import Checked
from variate.runtime.distributed import is_main_process, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from variate.reports.report import Report
    from variate.runs import Run
    from variate.runs.training import Plan
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
    out: OutIfAsked = None
    """Directory of the run; by default the next free one of runs/DATA, runs/DATA-2, ..."""
    resume: bool = False
    """Resume a run that was interrupted or killed: the one in --out, or the latest on these data."""
    seeds: Annotated[int, Interval(ge=1, le=1_000)] = 1
    """Train this many runs with the seeds that follow, in directories inside the first one's, and say how much every
    number varies among them."""
    start: Annotated[str | None, tyro.conf.arg(name="from", metavar="MODEL")] = None
    """Go on from a run directory or a model file with new rows of the same columns. Its model's options, columns and
    scalings stay; new categories, ranges and gaps get room."""
    no_report: bool = False
    """Leave out report.html, the page about the run."""
    data: DataOptions = field(default_factory=DataOptions)
    model: ModelOptions = field(default_factory=ModelOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)

    def __call__(self) -> None:
        """Plans, trains, evaluates and writes pictures; of several processes, only the main one does the last two."""
        from variate.data import describe
        from variate.runs.seeds import other_seeds
        from variate.runs.training import plan

        planned = plan(self.source, self.out, self.resume, self.data, self.model, self.training, self.start)
        say(f"{describe(planned.splits)}; {'; '.join(planned.reasons)}; {size(planned)}")
        for note in planned.splits.notes:
            say(Sentence("  ", note))
        with planned.claim.held(join()):
            if planned.latent_is_open:
                planned = search_latents(planned)
            trained = [self.run(own) for own in (planned, *other_seeds(planned, self.seeds))]
            if not is_main_process():
                return
            if len(trained) > 1:
                say(f"wrote {show_spread([run for run, _ in trained], [report for _, report in trained])}")
        path = planned.path
        say(f"next: variate sample {path} | variate embed {path} | variate evaluate {path} | variate doctor {path}")

    def run(self, planned: "Plan") -> "tuple[Run, Report]":
        """Trains a run; of several processes, only the main one evaluates it and writes its pictures.

        Raises:
            KeyboardInterrupt: If it was interrupted.
        """
        from variate.reports.report import Report
        from variate.runs.training import train

        if self.seeds > 1:
            say(f"seed {planned.recipe.training.seed}: {planned.path}")
        with planned.claim.held(join()):
            run, history = train(planned, show_progress=True)
            say(self.ending(history, run.path))
            if history.stopped == "interrupted":
                raise KeyboardInterrupt
            report = close(run, with_page=not self.no_report) if is_main_process() else Report("", ())
        for sentence in history.warnings:
            warn(sentence)
        return run, report

    def ending(self, history: "History", path: Path) -> Sentence:
        """How the training of the run in a directory ended."""
        from variate.runs.seeds import PREFIX

        kept = f"kept the weights of step {history.best_step:,}"
        if history.stopped == "interrupted":
            first = path if self.seeds == 1 or not path.name.startswith(PREFIX) else path.parent
            go_on = (Option("resume", True), " ", Option("out", str(first)))
            number = (" ", Option("seeds", self.seeds)) if self.seeds > 1 else ()
            return Sentence(f"interrupted: {kept}; go on with ", *go_on, *number)
        how = "stopped early" if history.stopped == "early" else "finished"
        return Sentence(f"{how}: {kept}, the best on the validation part")


def search_latents(planned: "Plan") -> "Plan":
    """The plan with the number of latents that a search finds; says before what it takes, and then what it found."""
    from variate.runs.training import with_latent
    from variate.training.latent_trials import Trials

    trials = Trials(planned.recipe, planned.splits)
    say(trials.cost().sentence)
    planned = with_latent(planned, trials.search(show_progress=True))
    say(planned.reasons[-1])
    return planned


def size(planned: "Plan") -> str:
    """How large the model is."""
    model = planned.recipe.model
    units = NETWORKS[model.network].units
    latents = "1 latent" if model.latent == 1 else f"{model.latent} latents"
    if planned.latent_is_open:
        latents = "latents by a search"
    return f"{model.depth} x {model.width} {units}, {latents}, {model.posterior} posterior"


def show_spread(runs: "Sequence[Run]", reports: "Sequence[Report]") -> Path:
    """Shows what runs of several seeds measured, and writes it into the directory of the first. Returns the file."""
    from variate.reports.seeds import record_of_seeds
    from variate.reports.terminal import show

    found = over_seeds(runs, reports, runs[0].held_out())
    show(found, as_flag)
    return runs[0].save_evaluation(record_of_seeds(reports[0], found), runs[0].path / SEEDS_FILE)


def close(run: "Run", with_page: bool = True) -> "Report":
    """Evaluates on the test part, and writes samples and, for images, reconstructions into the run directory.

    Args:
        run: The run, its model and its data in memory.
        with_page: Write the page about the run, too.

    Returns:
        The report of the evaluation.
    """
    from variate.evaluation.evaluate import evaluate
    from variate.reports.evaluation import evaluation_report
    from variate.reports.json import to_json
    from variate.reports.report_files import write_report
    from variate.reports.rows import write_reconstructions, write_rows
    from variate.reports.terminal import show
    from variate.tasks.reconstruct import reconstruct
    from variate.tasks.sample import sample, with_context

    schema, seed = run.recipe.schema, run.recipe.training.seed
    precision, held_out = run.use_precision(), run.held_out()
    found = evaluate(run.model, held_out.data)
    report = evaluation_report(found, run, held_out, seed=0, precision=precision)
    if held_out.data.labels is not None:
        try:
            report = judged_by_labels(report, run, held_out, run.splits().train, 0)
        except InputError as error:  # of labels that teach nothing; the model was trained without them
            warn(str(error))
    show(report, as_flag)
    written = [run.model_file, run.path / METRICS_FILE]
    if schema.is_image:
        written.append(run.path / "reconstructions.png")
        pairs = reconstruct(run, n=RECONSTRUCTIONS)
        write_reconstructions(written[-1], pairs.originals, pairs.decoded, schema)
    written.append(run.path / ("samples.png" if schema.is_image else "samples.csv"))
    write_rows(written[-1], *with_context(sample(run, SAMPLES, seed=seed), schema))
    if with_page:
        written.append(write_report([run], run.path / REPORT_FILE, record=to_json(report), seed=seed, speak=as_flag))
    say(f"wrote {', '.join(map(str, written))}")
    return report
