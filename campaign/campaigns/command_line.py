"""A sample of the spoiled files, given to the command itself as a process of its own."""

from pathlib import Path
from random import Random

from campaign import commands
from campaign.base import Campaign, Case, End
from campaign.campaigns.arrays import Arrays
from campaign.campaigns.images import Images
from campaign.campaigns.models import Models
from campaign.campaigns.tables import Tables
from campaign.judge import require_command, require_output


class CommandLine(Campaign):
    """The command on files of the other campaigns."""

    name, long, short = "command-line", 500, 5
    minutes, seconds, is_measured = 30.0, 60.0, False

    def prepare(self, folder: Path) -> None:
        """Prepares the other campaigns."""
        self.others = (Models(), Images(), Arrays(), Tables())
        for other in self.others:
            (folder / other.name).mkdir()
            other.prepare(folder / other.name)

    def make(self, random: Random, folder: Path) -> Case:
        """A case of one of them, and the command for it."""
        other = random.choice(self.others)
        case = other.make(random, folder)
        if isinstance(other, Models):
            use = random.choice(("evaluate", "sample", "reconstruct", "embed"))
            more = () if use == "sample" else (str(case.own),)
            numbers = ("--samples", "2") if use == "evaluate" else ("--out", "new.npy")
            words = (use, str(case.target), *more, *numbers)
        else:
            words = (
                "train",
                f"{case.target}{case.own[1] if isinstance(other, Arrays) else ''}",
                *commands.FAST,
                "--out",
                "new",
            )
            if random.random() < 0.3:
                words = (*words, "--stream", "on")
        again = f"python -m variate {' '.join(words)}"
        return Case(f"{other.name}: {case.what}", case.target, (*case.names, "--"), again, words)

    def attempt(self, case: Case) -> End:
        """Runs the command."""
        folder = Path.cwd()
        process = commands.spawn(case.own, folder)
        found = commands.finished(process)
        require_output(found.out)
        return "result" if require_command(found.code, found.err, case.names) else "sentence"
