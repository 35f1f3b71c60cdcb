"""A model on a server, with the methods of a model: arrays and data frames go in and come out."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike
from pyarrow import ipc

from variate.client.transport import Response, Transport
from variate.data.conversion import Frame, as_array, is_frame
from variate.data.readers.contents import array_bytes, array_in, table_bytes
from variate.data.readers.frames import as_arrow
from variate.errors import InputError
from variate.limits import Copies, Fill, Rows, Samples, ScoreMethod, Seed, Temperature, Timeout, checked_arguments

JSON, NPY, ARROW = "application/json", "application/x-npy", "application/vnd.apache.arrow.stream"
NATS = "nats "
"""How the names of the columns begin that hold the nats of cells."""


class RemoteEmbedding(NamedTuple):
    """The latent coordinates of N rows.

    Attributes:
        mean: Mean of q(z|x), (N, latents).
        std: Its standard deviation, (N, latents).
    """

    mean: np.ndarray
    std: np.ndarray


class RemoteScores(NamedTuple):
    """How odd N rows are; as `variate.score` says it.

    Attributes:
        score: Larger is odder, (N,).
        p_value: The share of ordinary rows that are at least as odd, (N,); None if the server has no held-out rows.
        bound: A lower bound on log p(x), (N,), in nats.
        rate: The cost of the latents, (N,), in nats.
        unseen: Number of cells with a value that was never seen, (N,); None where rows have no such cells.
        nats: log p of each cell, (N,) per column, in nats; empty without `attribution`.
        remainder: What averaging importance weights leaves over, (N,), in nats; None without `attribution`.
    """

    score: np.ndarray
    p_value: np.ndarray | None
    bound: np.ndarray
    rate: np.ndarray
    unseen: np.ndarray | None
    nats: Mapping[str, np.ndarray]
    remainder: np.ndarray | None


class RemoteModel:
    """A model on a server. It may be used in several threads.

    Args:
        transport: Sends requests.
        model: Its name; None where the server has only one.
    """

    def __init__(self, transport: Transport, model: str | None) -> None:
        self._transport, self.model = transport, model

    def __enter__(self) -> "RemoteModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections to the server; a later call makes a new one."""
        self._transport.close()

    @property
    def health(self) -> dict[str, Any]:
        """Whether the server is up, and how busy it is.

        Raises:
            ServerError: If it does not answer.
        """
        return dict(json.loads(self._transport.ask("health", {}).content))

    @property
    def schema(self) -> dict[str, Any]:
        """What rows of the model are: kind, shape, columns, conditions.

        Raises:
            ServerError: If the server does not answer.
        """
        found = json.loads(self._transport.ask("schema", {"model": self.model}).content)["models"]
        if len(found) > 1:
            raise InputError("model", f"one of {', '.join(found)}", "None", "give its name to `connect`")
        return dict(next(iter(found.values())))

    def embed(self, data: ArrayLike | Frame) -> RemoteEmbedding:
        """Mean and standard deviation of the posterior of each row.

        Args:
            data: Rows, (N, *event), or a table in memory.

        Raises:
            InputError: If the rows are not what the model takes.
            ServerError: If the server does not answer.
        """
        found = _array_in(self._rows("embed", data, {"std": True}, NPY))
        half = found.shape[1] // 2
        return RemoteEmbedding(found[:, :half], found[:, half:])

    def reconstruct(self, data: ArrayLike | Frame) -> Any:  # noqa: ANN401  a data frame of any library
        """E[x|z] at the posterior mean of each row.

        Args:
            data: Rows, (N, *event), or a table in memory.

        Returns:
            Of an array an array, of a data frame one of the same library.

        Raises:
            InputError: If the rows are not what the model takes.
            ServerError: If the server does not answer.
        """
        return self._alike("reconstruct", data, {})

    @checked_arguments
    def score(
        self,
        data: ArrayLike | Frame,
        *,
        method: ScoreMethod | None = None,
        attribution: bool = False,
    ) -> RemoteScores:
        """How odd each row is.

        Args:
            data: Rows, (N, *event), or a table in memory.
            method: What is measured, as for `variate.score`, and so is the default.
            attribution: Give the nats of each cell.

        Raises:
            InputError: If the rows are not what the model or the method takes.
            ServerError: If the server does not answer.
        """
        options = {"method": method, "attribution": attribution}
        table = _table_in(self._rows("score", data, options, ARROW))
        found = {name: column.to_numpy() for name, column in zip(table.column_names, table.columns, strict=True)}
        nats = {name.removeprefix(NATS): own for name, own in found.items() if name.startswith(NATS)}
        beside = (found.get("unseen"), nats, found.get("remainder"))
        return RemoteScores(found["score"], found.get("p_value"), found["bound"], found["rate"], *beside)

    @checked_arguments
    def impute(
        self,
        data: ArrayLike | Frame,
        *,
        fill: Fill | None = None,
        draws: Copies | None = None,
        std: bool = False,
        num_samples: Samples = 1000,
        seed: Seed = 0,
    ) -> Any:  # noqa: ANN401  a data frame of any library
        """Rows with their gaps filled.

        Args:
            data: An array in which NaN, or what a masked array masks, is missing; or a table in memory.
            fill: As for `variate.impute`, and so are the other options.
            draws: Number of completed copies of a table.
            std: Add a column NAME_std for each column of a table that is filled.
            num_samples: Importance draws per row.
            seed: Seed of all draws.

        Returns:
            Of an array an array, of a data frame one of the same library.

        Raises:
            InputError: If the rows or the options cannot be used.
            ServerError: If the server does not answer.
        """
        options = {"fill": fill, "draws": draws, "std": std, "num_samples": num_samples, "seed": seed}
        return self._alike("impute", data, options)

    @checked_arguments
    def sample(
        self,
        n: Rows = 1,
        *,
        temperature: Temperature = 1.0,
        noise: bool = False,
        given: tuple[str, ...] = (),
        num_samples: Samples | None = None,
        seed: Seed | None = None,
    ) -> np.ndarray | pa.Table:
        """New rows.

        Args:
            n: How many.
            temperature: Factor on the standard deviation of the prior.
            noise: Draw the pixels of images, too, instead of giving their means.
            given: Conditions, such as "city=Oslo", "age=30..40" or "label=7".
            num_samples: Proposals for rows with conditions on columns.
            seed: Seed of the draws; by default they differ from call to call.

        Returns:
            An array (n, *event), or of a model of tables a table, which has `.to_pandas()`.

        Raises:
            InputError: If an option cannot be used.
            ServerError: If the server does not answer.
        """
        options = {"n": n, "temperature": temperature, "noise": noise, "given": list(given)}
        accept = ARROW if self._is_of_tables else NPY
        asked = {**options, "num_samples": num_samples, "seed": seed, "model": self.model}
        found = self._transport.ask("sample", asked, b"", accept=accept)
        return _table_in(found) if accept == ARROW else _array_in(found)

    @property
    def _is_of_tables(self) -> bool:
        """Whether rows of the model have named columns; asked once."""
        if "_kind" not in vars(self):
            self._kind = self.schema["kind"]
        return bool(self._kind == "table")

    def _rows(self, route: str, data: ArrayLike | Frame, options: Mapping[str, Any], accept: str) -> Response:
        """The answer to a request with rows."""
        asked = {**options, "model": self.model}
        if is_frame(data):
            table = as_arrow(data, keep_index=route == "impute").table
            return self._transport.ask(route, asked, table_bytes(table), ARROW, accept)
        values, mask = as_array(data, "data")
        if mask is not None:
            values = np.where(mask, values, np.nan)
        return self._transport.ask(route, asked, array_bytes(values), NPY, accept)

    def _alike(self, route: str, data: ArrayLike | Frame, options: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Rows of the kind that was given: an array, or a data frame of the same library."""
        if not is_frame(data):
            return _array_in(self._rows(route, data, options, NPY))
        return _of_library(_table_in(self._rows(route, data, options, ARROW)), data)


def _array_in(found: Response) -> np.ndarray:
    """The array of an answer, which may be changed."""
    return np.require(array_in(found.content, "the answer"), requirements=["C", "W"])


def _table_in(found: Response) -> pa.Table:
    """The table of an answer."""
    return ipc.open_stream(found.content).read_all()


def _of_library(table: pa.Table, frame: Frame) -> Any:  # noqa: ANN401  a data frame of any library
    """A table as a data frame of the library of another one; as it is for other libraries."""
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        return table.to_pandas()
    if polars is not None and isinstance(frame, polars.DataFrame):
        return polars.from_arrow(table)
    return table


@checked_arguments
def connect(url: str, token: str | None = None, *, model: str | None = None, timeout: Timeout = 120.0) -> RemoteModel:
    """A model on a server that `variate serve` runs, with the methods of a model.

        model = variate.connect("http://127.0.0.1:8000", token)
        model.score(frame).p_value

    Args:
        url: The address of the server.
        token: What it asks for.
        model: Name of the model, where the server has several.
        timeout: Seconds to wait for an answer.

    Raises:
        InputError: If the address is none of a server, or it has no model of this name.
        ServerError: If it does not answer.
    """
    found = RemoteModel(Transport(url, token, timeout), model)
    known: Sequence[str] = found.health["models"]
    if model is not None and model not in known:
        raise InputError("model", f"one of {', '.join(known)}", repr(model))
    if model is None and len(known) > 1:
        raise InputError("model", f"one of {', '.join(known)}", "None", "say which one")
    return found
