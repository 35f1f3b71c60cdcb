"""A side in a process of its own: torch's and JAX's thread pools would disturb each other in one.

    python -m benchmarks.worker MODULE          for example benchmarks.sides.torch_side

The worker makes the module's `Side()` and obeys JSON lines on its standard input,

    {"call": "run", "arguments": {"steps": 100}}     ->     {"value": {"seconds": 1.2, "steps": 100}}
                                                     or     {"error": "ValueError: ...", "absent": false}

one at a time, and blocks on the pipe between them. Its standard output is the protocol; whatever a library prints there
goes to standard error, of which the end is shown when a worker fails. A worker ends with its standard input, so none
outlives the parent.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

ROOT = Path(__file__).parent.parent
TAIL = 2000
"""Characters of a worker's complaints that are shown."""
GRACE = 5.0
"""Seconds a worker has to end by itself."""


class WorkerError(RuntimeError):
    """A worker failed."""


class AbsentError(WorkerError):
    """A side cannot be had here: its library or its device is missing."""


class Worker:
    """The parent's end.

    Args:
        module: Name of the side's module.
        threads: CPU threads; where the machine has more, the worker is kept on as many cores.
        environment: Variables to set.
    """

    def __init__(self, module: str, threads: int, environment: Mapping[str, str] | None = None) -> None:
        self.module, self.log = module, tempfile.TemporaryFile()  # noqa: SIM115  closed in `close`
        inherited = os.environ | {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=inherited | {"PYTHONPATH": path} | dict(environment or {}),
            start_new_session=True,
        )

    def call(self, name: str, /, **arguments: Any) -> Any:  # noqa: ANN401  any JSON value
        """What the side's method of this name answers.

        Raises:
            AbsentError: If the side cannot be had here.
            WorkerError: If it failed or ended.
        """
        try:
            self._stdin.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
            self._stdin.flush()
            line = self._stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"{self.module} ended during {name!r}:\n{self._complaints()}")
        answer = json.loads(line)
        if "error" in answer:
            kind = AbsentError if answer["absent"] else WorkerError
            raise kind(answer["error"] if answer["absent"] else f"{self.module}: {answer['error']}")
        return answer["value"]

    @property
    def _stdin(self) -> IO[str]:
        assert self.process.stdin
        return self.process.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self.process.stdout
        return self.process.stdout

    def _complaints(self) -> str:
        self.process.wait(GRACE)
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-TAIL:]

    def release(self) -> None:
        """Tells the worker that nothing more will be asked."""
        with suppress(BrokenPipeError):
            self._stdin.close()

    def close(self) -> None:
        """Ends the worker and whatever it started, by force if need be."""
        try:
            self.release()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(GRACE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._stdout.close()
            self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def uncached(folder: str) -> dict[str, str]:
    """Variables with which torch.compile finds nothing compiled before."""
    return {"TORCHINDUCTOR_CACHE_DIR": folder, "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"}


@contextmanager
def workers(threads: int, modules: Mapping[str, str], **environment: str) -> Iterator[dict[str, Worker]]:
    """Several workers by name, all of them ended at the end."""
    running: dict[str, Worker] = {}
    try:
        for name, module in modules.items():
            running[name] = Worker(module, threads, environment)
        yield running
    finally:
        for worker in running.values():
            worker.release()
        for worker in running.values():
            worker.close()


def answer(side: object, line: str) -> dict[str, Any]:
    """Obeys one line."""
    try:
        request = json.loads(line)
        if request["call"].startswith("_"):
            raise AttributeError(f"{request['call']!r} is nothing to ask for")
        return {"value": getattr(side, request["call"])(**request["arguments"])}
    except (ImportError, AbsentError) as error:
        return {"error": str(error), "absent": True}
    except Exception as error:  # whatever it is, the parent shall hear of it
        traceback.print_exc()
        return {"error": "".join(traceback.format_exception(error))[-TAIL:], "absent": False}


def confine(threads: int) -> None:
    """Keeps this process on as many cores as it may use threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def serve(module: str, threads: int) -> None:
    """The worker's end: obeys until standard input ends."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # the libraries' chatter
        confine(threads)
        side: object = None
        for line in sys.stdin:
            if side is None:
                try:
                    side = importlib.import_module(module).Side()
                except ImportError as error:
                    out.write(json.dumps({"error": str(error), "absent": True}) + "\n")
                    out.flush()
                    continue
            out.write(json.dumps(answer(side, line)) + "\n")
            out.flush()


if __name__ == "__main__":
    from benchmarks.worker import serve as serve_as_imported  # with the errors that the sides raise

    serve_as_imported(sys.argv[1], int(sys.argv[2]))
