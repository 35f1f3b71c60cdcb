"""The same work over HTTP and from Python: the default model of Fashion-MNIST, in a server of its own process."""

import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

import variate
from benchmarks.case import SYNTHETIC_ROWS, random_rows

SECONDS_TO_START = 600.0


class Side:
    """A server, its clients, and the same model in this process; its weights are not trained, which changes no time."""

    def setup(self, threads: int, synthetic: bool, rows: int) -> dict[str, Any]:
        """The model, the rows, the server.

        Args:
            threads: CPU threads of the server, and of this process.
            synthetic: Random rows of the same shape instead.
            rows: Rows that are asked for.
        """
        torch.set_num_threads(threads)
        data = variate.from_arrays(random_rows(SYNTHETIC_ROWS, 256)) if synthetic else variate.read("fashion-mnist")
        parts = variate.split(data)
        self.model = variate.build(parts).eval()
        self.rows = parts.test.select(np.arange(rows)).x.all()
        self.folder = tempfile.TemporaryDirectory()
        self.model.save(Path(self.folder.name) / "model.safetensors")
        self.token = secrets.token_urlsafe(24)
        self.server = subprocess.Popen(
            [sys.executable, "-m", "variate", "serve", self.folder.name, "--port", "0", "--max-waiting", "1000"],
            env=os.environ | {"VARIATE_TOKEN": self.token, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.server.stdout is not None
        found = re.search(r"at (http://\S+)", self.server.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        self.url = found[1]
        self.remote = variate.connect(self.url, self.token)
        return {"note": f"rows of {'x'.join(map(str, self.rows.shape[1:]))}, {type(self.model.likelihood).__name__}"}

    def python(self, action: str, batch: int) -> float:
        """Seconds per row in this process, in batches."""
        do = {"embed": self.model.embed, "score": lambda rows: variate.score(self.model, rows)}[action]
        return self._seconds_per_row(do, batch, 1)

    def http(self, action: str, batch: int, clients: int) -> float:
        """Seconds per row over HTTP, by some clients at once that send npy."""
        return self._seconds_per_row(getattr(self.remote, action), batch, clients)

    def _seconds_per_row(self, do: Any, batch: int, clients: int) -> float:  # noqa: ANN401  a method
        parts = [self.rows[start : start + batch] for start in range(0, len(self.rows), batch)]
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(do, parts))
        return (time.perf_counter() - start) / len(self.rows)

    def crowd(self, clients: int, seconds: float) -> dict[str, float]:
        """Clients that embed a row each, one after the other, all at once.

        Returns:
            Requests, errors, and the median and 99th percentile of their times in milliseconds.
        """
        end, times, errors = time.perf_counter() + seconds, list[float](), list[str]()
        barrier = threading.Barrier(clients)

        def ask(place: int) -> None:
            row = self.rows[place % len(self.rows)][None]
            with variate.connect(self.url, self.token) as own:
                barrier.wait()
                while time.perf_counter() < end:
                    start = time.perf_counter()
                    try:
                        own.embed(row)
                    except Exception as error:  # each is counted, whatever it is
                        errors.append(repr(error))
                    times.append(time.perf_counter() - start)

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(ask, range(clients)))
        cuts = statistics.quantiles(times, n=100)
        return {"requests": len(times), "errors": len(errors), "p50": 1e3 * cuts[49], "p99": 1e3 * cuts[98]}

    def memory(self, requests: int, clients: int) -> float:
        """The server's resident memory in MiB after so many requests of a row, of all kinds in turn."""
        asked = [self.remote.embed, self.remote.score, self.remote.reconstruct, lambda _: self.remote.sample(1)]
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda place: asked[place % 4](self.rows[place % len(self.rows)][None]), range(requests)))
        said = Path(f"/proc/{self.server.pid}/status").read_text()
        found = re.search(r"VmRSS:\s*(\d+)", said)
        assert found is not None
        return int(found[1]) / 2**10

    def stop(self) -> int:
        """Ends the server. Returns its exit code."""
        self.remote.close()
        self.server.send_signal(signal.SIGTERM)
        code = self.server.wait(SECONDS_TO_START)
        self.folder.cleanup()
        return code
