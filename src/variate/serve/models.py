"""Models that are served, each by a thread of its own: requests as bytes come in, and answers as bytes go out."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from variate.data.source import concatenated
from variate.errors import InputError, did_you_mean
from variate.limits import ScoreMethod
from variate.runs import Run
from variate.runs.calibration import KeptScores, calibration_of
from variate.serve.actions import ALONE, TAKES, Ranking, answer_of, per_row
from variate.serve.answers import Answer, Encoded, encoded
from variate.serve.asked import ModelRequest, ReadRequest, given_rows
from variate.serve.failures import LOG
from variate.serve.given import NAME, read_given
from variate.serve.limits import ServeLimits, too_slow
from variate.serve.options import read_options
from variate.serve.worker import AbandonedError, QueuedJob, Worker

if TYPE_CHECKING:
    from variate.evaluation.scores.measures import ScoreSettings

MOST_ROWS = 4096
"""Rows of several requests that are computed together."""


class ServedModel:
    """A model that answers requests.

    Args:
        run: Its run.
        name: What requests call it.
        limits: What one request may cost.
    """

    def __init__(self, run: Run, name: str, limits: ServeLimits = ServeLimits()) -> None:  # noqa: B008  frozen
        self.run, self.name, self.limits = run, name, limits
        self._kept: dict[ScoreMethod, KeptScores] = {}
        self._method: ScoreMethod = "bound"
        self._worker = Worker(f"model {name}", self.work)

    def start(self) -> None:
        """Loads the model, and the scores that new rows are ranked among, and starts its thread.

        Raises:
            InputError: If the model cannot be loaded, or its kept scores are damaged.
        """
        from variate.evaluation.scores.measures import default_method

        schema, _ = self.run.recipe.schema, self.run.model
        self._method = default_method(schema, has_held_out=True)
        found = calibration_of(self.run, score_settings(self._method))
        if found.reference is None:
            self._method = default_method(schema, has_held_out=False)
        self._kept[self._method] = found
        self._worker.start()

    def close(self) -> bool:
        """Ends the thread after what it has begun. Returns whether it has ended in the time that a request may take."""
        return self._worker.close(self.limits.timeout)

    async def answer(self, asked: ModelRequest) -> Encoded:
        """The answer to a request.

        Raises:
            InputError: If it cannot be answered as it is.
            RefusedError: If it asks for too much, or takes too long.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Any] = loop.create_future()

        def deliver(result: object) -> None:
            with contextlib.suppress(RuntimeError):  # of a loop that was closed
                loop.call_soon_threadsafe(_settle, found, result)

        seconds = self.limits.timeout
        job = QueuedJob(asked, seconds, deliver)
        self._worker.submit(job)
        try:
            async with asyncio.timeout(seconds):
                result = await found
        except TimeoutError:
            raise too_slow(seconds) from None
        finally:
            job.drop()
        if isinstance(result, BaseException):
            raise result
        return result

    # What follows runs in the model's own thread.

    def work(self, jobs: Sequence[QueuedJob]) -> None:
        """Does jobs and delivers each, those together that can be computed so."""
        groups: dict[object, list[ReadRequest]] = {}
        for job in jobs:
            with _delivering([job]):
                read = self._read(job)
                groups.setdefault(read.kind, []).append(read)
        for group in groups.values():
            for part in _of_few_rows(group):
                with _delivering([read.job for read in part]):
                    self._do(part)

    def _read(self, job: QueuedJob) -> ReadRequest:
        """A request with its rows read."""
        if not job.is_wanted:
            raise AbandonedError
        asked: ModelRequest = job.content
        given = read_given(asked.content, asked.form, self.limits)
        options = read_options(TAKES[asked.action], asked.options, given.members)
        rows, schema = None, self.run.recipe.schema
        if asked.action != "sample":
            rows = given_rows(given, self.run.model, schema, self.run.recipe.data, asked.action == "score")
        return ReadRequest(job, asked, given, options, rows)

    def _do(self, group: Sequence[ReadRequest]) -> None:
        """Computes requests of one kind together; those with an error alone, so that it is said to the right one."""
        first = group[0]
        if first.asked.action in ALONE:
            for read in group:
                with _delivering([read.job]):
                    self._deliver(read, ALONE[read.asked.action](self.run, read, self.limits))
            return
        try:
            self._do_together(group)
        except InputError:
            if len(group) == 1:
                raise
            for read in group:
                with _delivering([read.job]):
                    self._do([read])

    def _do_together(self, group: Sequence[ReadRequest]) -> None:
        """Computes requests together."""
        rows = [read.rows for read in group if read.rows is not None]
        action, jobs = group[0].asked.action, [read.job for read in group]
        whole = rows[0] if len(rows) == 1 else concatenated(*rows)
        arrays = per_row(action, self.run, whole, group[0].options, self._rank, jobs)
        start = 0
        for read, own in zip(group, rows, strict=True):
            part = {name: array[start : start + len(own)] for name, array in arrays.items()}
            start += len(own)
            schema = self.run.recipe.schema
            with _delivering([read.job]):
                self._deliver(read, answer_of(action, part, schema, own.notes, read.given.by_columns))

    def _deliver(self, read: ReadRequest, answer: Answer) -> None:
        read.job.deliver(encoded(answer, read.asked.answer, read.asked.form, self.run.recipe.schema))

    def _rank(self, method: ScoreMethod | None) -> Ranking:
        """How rows are scored; the scores of held-out rows are made on their first use.

        Raises:
            InputError: If the method needs some and there are none. What it says of files is for the log.
        """
        from variate.evaluation.scores.score import RELATIVE

        method = method or self._method
        if method not in self._kept:
            try:
                self._kept[method] = calibration_of(self.run, score_settings(method))
            except InputError as error:
                if error.argument in ("method", "model", "calibration"):
                    raise
                logging.getLogger(LOG).exception("no scores to rank among")
                raise InputError("method", "one whose held-out scores are there", repr(method), "use 'bound'") from None
        if self._kept[method].reference is None and method in RELATIVE:
            expected = f"held-out rows, which method {method!r} compares with"
            raise InputError("method", expected, "none on this server", "use 'bound'")
        return Ranking(method, self._kept[method])


def score_settings(method: ScoreMethod) -> "ScoreSettings":
    """What is measured of rows and of those that they are ranked among."""
    from variate.evaluation.scores.measures import ScoreSettings, default_samples

    return ScoreSettings(method, default_samples(method), 0)


def _settle(future: "asyncio.Future[Any]", result: object) -> None:
    """Sets a result for which somebody still waits."""
    if not future.done():
        future.set_result(result)


@contextlib.contextmanager
def _delivering(jobs: Sequence[QueuedJob]) -> Iterator[None]:
    """Delivers what the block raises, so that the thread of a model lives on."""
    try:
        yield
    except BaseException as error:
        said = error
        if isinstance(error, InputError) and error.argument == "x":  # as Python calls the rows of a model
            said = InputError(NAME, error.expected, error.got, error.remedy)
        for job in jobs:
            job.deliver(said)


def _of_few_rows(group: Sequence[ReadRequest]) -> Iterator[list[ReadRequest]]:
    """A group in parts of not too many rows."""
    part: list[ReadRequest] = []
    size = 0
    for read in group:
        if part and size + read.given.num_rows > MOST_ROWS:
            yield part
            part, size = [], 0
        part.append(read)
        size += read.given.num_rows
    if part:
        yield part


class ServedModels:
    """The models of a server, by name.

    Args:
        models: The models, by the names that requests have for them.
    """

    def __init__(self, models: Mapping[str, ServedModel]) -> None:
        self.models = dict(models)

    def named(self, name: str | None) -> ServedModel:
        """A model.

        Args:
            name: Its name; None where there is only one.

        Raises:
            InputError: If there is none of this name, or several and no name.
        """
        if name is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        if name is None or name not in self.models:
            got = "none" if name is None else repr(name)
            remedy = did_you_mean(name or "", self.models) or "name one as in ?model=NAME"
            raise InputError("model", f"one of {', '.join(self.models)}", got, remedy)
        return self.models[name]


def served_runs(runs: Sequence[str], limits: ServeLimits) -> dict[str, ServedModel]:
    """The models of run directories or model files, by name.

    Args:
        runs: Paths, each with a name before it if that is not to be the directory's own: `NAME=PATH`.
        limits: What one request may cost.

    Raises:
        InputError: If there is no model at a path, or two have one name.
    """
    found: dict[str, ServedModel] = {}
    for said in runs:
        given, _, path = said.rpartition("=") if "=" in said and not Path(said).exists() else ("", "", said)
        run = Run(path)
        name = given or run.path.resolve().name
        if name in found:
            got, remedy = f"two that are called {name}", "name one of them, as in NAME=RUN"
            raise InputError("runs", "models with different names", got, remedy)
        found[name] = ServedModel(run, name, limits)
    return found
