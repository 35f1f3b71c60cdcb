"""What a run writes to its directory while it trains.

Of several processes the main one writes, and what it is refused is raised on all. A directory that was removed during
training is made again, since the run is in memory only and to end it would lose it; a directory that has become another
run's is left alone.
"""

from collections.abc import Callable
from pathlib import Path

from variate.errors import InputError, Option, Sentence
from variate.runtime.claims import Claim
from variate.runtime.distributed import Processes


class Output:
    """The directory of a run in training.

    Args:
        claim: The directory, held.
        processes: The processes of the run.

    Attributes:
        has_checkpoint: Whether the run can be resumed from it.
        is_renewed: Whether it was made again, and has not been completed since.
        notes: What happened to it, one sentence each.
    """

    def __init__(self, claim: Claim, processes: Processes) -> None:
        self.claim, self.processes = claim, processes
        self.has_checkpoint = self.is_renewed = False
        self.notes: list[Sentence] = []

    @property
    def directory(self) -> Path:
        """The path of the directory."""
        return self.claim.path

    def write(self, write_to: Callable[[Path], None]) -> None:
        """Writes something to the directory; all processes call it.

        Args:
            write_to: Writes to a directory.

        Raises:
            InputError: If it cannot be written, or another directory is in its place.
        """
        if self.processes.on_main(self.claim.renew):
            self.is_renewed, self.has_checkpoint = True, False
            what = f"{str(self.directory)!r} was removed or renamed during training"
            self.notes.append(Sentence(f"{what}; the run was written there again"))
        try:
            self.processes.on_main(lambda: write_to(self.directory))
        except InputError as error:
            if not self.has_checkpoint:
                raise
            go_on = f"mend that, then continue from the last complete checkpoint in {str(self.directory)!r} with "
            remedy = Sentence(go_on, Option("resume", True))
            raise InputError(error.argument, error.expected, error.got, remedy) from error
