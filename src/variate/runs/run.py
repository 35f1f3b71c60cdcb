"""A run directory opened as an object."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard, TypeVar

from variate.config.model_file import recipe_in
from variate.config.recipe import DataOptions, Precision, Recipe
from variate.config.run_files import DIAGNOSIS_FILE, EVALUATION_FILE, METRICS_FILE, MODEL_FILE
from variate.config.schema import Schema
from variate.data import Dataset, Source, Splits, fingerprint, held_out_rows, read, rows_with_conditions, split
from variate.data.readers.sources import read_original
from variate.data.schema.fits import open_numbers
from variate.errors import InputError, Option, Sentence, warn_caller
from variate.runs.directory import absolute
from variate.runs.records import parsed_record, read_record, record_text, write_record
from variate.runtime import files
from variate.runtime.reading import opened
from variate.runtime.tensor_header import read_tensor_header

if TYPE_CHECKING:
    from variate.data.readers.originals import Original
    from variate.models.base import Model

T = TypeVar("T")


class HeldOut(NamedTuple):
    """Rows to judge a model by.

    Attributes:
        data: The rows, in memory.
        part: What they are, in words.
        source: Name or path of the data.
        fingerprint: Fingerprint of the data that they are from.
    """

    data: Dataset
    part: str
    source: str
    fingerprint: str


class Examined(NamedTuple):
    """What a diagnosis needs of the data.

    Attributes:
        held_out: The rows to judge the model by, and what they are.
        data: These rows as the test part of the model's own data, or alone if its own data are not available.
    """

    held_out: HeldOut
    data: Splits | Dataset


class Run:
    """A trained model with its data, its history and what was measured of it.

    Each part is read on its first use, the recipe and the data without torch.

    Args:
        path: A run directory, or a model file; the run is then the directory that the file is in.
        model: The model, if it is in memory.
        splits: The data as they were split for its training, if they are in memory.
        mask_folder: Folder of the mask pictures of other images than the model's own.

    Attributes:
        name: The path as it was given.
        path: The run directory.
        model_file: The file of the model.

    Raises:
        InputError: If there is no model file.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        model: "Model | None" = None,
        splits: Splits | None = None,
        mask_folder: str | None = None,
    ) -> None:
        given = files.as_path(path, "path", "the path of a run directory or a model file")
        self.name = str(path)
        is_directory = model is not None or os.path.isdir(given)  # noqa: PTH112  which raises nothing
        self.path = given if is_directory else given.parent
        self.model_file = self.path / MODEL_FILE if is_directory else given
        self._splits, self.mask_folder = splits, mask_folder
        if model is not None:
            self.model = model
        elif not os.path.isfile(self.model_file):  # noqa: PTH113
            raise InputError(self.name, "a run directory or a model file", _absence(self.model_file, is_directory))

    @cached_property
    def model(self) -> "Model":
        """The model, in evaluation mode, on the CPU.

        Raises:
            InputError: If its file is damaged, or not a model with a recipe.
        """
        from variate.models.load import load

        return load(self.model_file)

    @cached_property
    def recipe(self) -> Recipe:
        """How the model was built and trained, and on what.

        Raises:
            InputError: As for `model`.
        """
        saved = None if "model" in vars(self) else _saved_recipe(self.model_file)
        recipe = saved or self.model.recipe
        if recipe is None:
            raise InputError(self.name, "a model with a recipe", "one without")
        return recipe

    def splits(self, labels: str | None = None) -> Splits:
        """The model's own data, split as they were for training.

        Args:
            labels: What the rows are to be labelled with, a column or `label`; by default as for training.

        Raises:
            InputError: If they cannot be read, or have changed since.
        """
        if labels not in (None, self.recipe.data.labels):
            return self._split(labels)
        if self._splits is None:
            self._splits = self._split(self.recipe.data.labels)
        return self._splits

    def _split(self, labels: str | None) -> Splits:
        """The model's own data with some labels."""
        options = replace(self.recipe.data, labels=labels)
        splits = split(self._reading(self.recipe.source, read, labels), options)
        if splits.fingerprint != self.recipe.fingerprint:
            raise InputError(
                self.recipe.source,
                "the data that the model was trained on",
                "data that have changed since, so that no part of them is known to be held out",
                Sentence("give the rows to use as ", Option("data")),
            )
        return splits

    def held_out(self, data: str | None = None, labels: str | None = None) -> HeldOut:
        """Rows to judge the model by.

        Args:
            data: Name or path of other data, all rows of which are taken (of data larger than memory, some, spread
                evenly); by default the test part of the model's own data.
            labels: As for `splits`; of other data by default none.

        Raises:
            InputError: If the data cannot be used.
        """
        if not self.is_other(data):
            own = self.splits(labels)
            return HeldOut(own.test, f"test part of {own.name}", self.recipe.source, own.fingerprint)
        source = _complete(self._reading(data, read, labels))
        rows = held_out_rows(source, self.recipe.data.split_seed)
        part = data
        if len(rows) < len(source):
            part = f"{len(rows):,} of the {len(source):,} rows of {data}, spread evenly"
        return HeldOut(rows, part, absolute(data), fingerprint(source))

    def examined(self, data: str | None = None) -> Examined:
        """What a diagnosis needs: rows to judge the model by and, if they are available, those that it was trained on.

        Args:
            data: As for `held_out`.

        Raises:
            InputError: If the data cannot be used; the model's own only if no other data were named.
        """
        held_out = self.held_out(data)
        if not self.is_other(data):
            return Examined(held_out, self.splits())
        try:
            return Examined(held_out, replace(self.splits(), test=held_out.data))
        except InputError:
            return Examined(held_out, held_out.data)

    def all_rows(self, data: str | None = None) -> Dataset:
        """All rows in the order of their source, those of an official test set last; large data stay on disk.

        Args:
            data: Name or path of the data; by default the model's own.

        Raises:
            InputError: If the data cannot be used, or are grey levels on disk and the model is of bits.
        """
        return self.named_rows(data)[0]

    def named_rows(self, data: str | None = None) -> tuple[Dataset, tuple[str, ...]]:
        """As `all_rows`, with the path of each row's file, where rows are files."""
        source = _complete(self._reading(self.recipe.source if data is None else data, read))
        return source.all_rows(), source.names

    def rows_to_score(self, data: str | None = None) -> tuple[Dataset, tuple[str, ...]]:
        """As `named_rows`, where bits and counts may be any numbers."""
        named = self.recipe.source if data is None else data
        source = _complete(self._reading(named, lambda name, how, schema: read(name, how, open_numbers(schema))))
        return source.all_rows().replace(schema=self.recipe.schema), source.names

    def rows_to_classify(self, data: str | None = None) -> HeldOut:
        """Rows whose conditions a model is to tell, with their own as labels where they have one.

        Args:
            data: Name or path of other data, which need not have them; by default the test part of the model's own.

        Raises:
            InputError: If the data cannot be used.
        """
        conditions = self.recipe.schema.conditions
        label = conditions[0].name if len(conditions) == 1 else None
        if not self.is_other(data):
            return self.held_out(labels=label)
        try:
            source = self._reading(data, read, label, conditional=False)
        except InputError as error:
            if error.argument != "labels":
                raise
            source = self._reading(data, read, conditional=False)
        return HeldOut(source.all_rows(), data, absolute(data), fingerprint(source))

    def is_other(self, data: str | None) -> TypeGuard[str]:
        """Whether this names data other than those that the model was trained on."""
        return data is not None and absolute(data) != absolute(self.recipe.source)

    def original(self, data: str | None = None) -> "Original":
        """A table as it came, beside its rows as the model takes them.

        Args:
            data: Path of the table; by default the model's own.

        Raises:
            InputError: If it is no table, or cannot be used.
        """
        return self._reading(self.recipe.source if data is None else data, read_original)

    def _reading(
        self,
        data: str,
        reading: Callable[[str, DataOptions, Schema], T],
        labels: str | None = None,
        conditional: bool = True,
    ) -> T:
        """What is read for the model; whether other data than its own stay on disk depends on their own size."""
        own, schema = replace(self.recipe.data, labels=labels), self.recipe.schema
        if not conditional:
            own, schema = replace(own, condition=()), replace(schema, conditions=())
        if self.is_other(data):
            rows = replace(own, split_by=None, split_time=None, weight=None)
            other = replace(rows, stream="auto", mask_folder=self.mask_folder)
            return reading(data, other, schema)
        if self.mask_folder is not None:
            remedy = "leave it out: the model's own images have the mask pictures that it was trained with"
            raise InputError("mask_folder", "other images to use it on", "none", remedy)
        try:
            return reading(data, own, schema)
        except InputError as error:
            if error.argument != "source":  # which is said of what does not exist
                raise
            got = "nothing: they are no longer there" if data else "rows in memory, which are not kept"
            raise InputError(
                data or self.name,
                "the data that the model was trained on",
                got,
                Sentence("give the rows to use as ", Option("data")),
            ) from None

    def use_precision(self, precision: Precision = "auto") -> str:
        """Sets the precision of the model's networks.

        Args:
            precision: "auto" takes the one that the model was trained in, if the machine is fast at it.

        Returns:
            The precision, "float32" or "bfloat16".
        """
        import torch

        from variate.runtime.device import fast_bfloat16

        if precision == "auto":
            as_trained = self.recipe.training.precision == "bfloat16" and fast_bfloat16(self.model.device.type)
            precision = "bfloat16" if as_trained else "float32"
        self.model.set_precision(torch.bfloat16 if precision == "bfloat16" else None)
        return precision

    @property
    def history(self) -> list[dict[str, Any]]:
        """What training measured at each validation: the records of metrics.jsonl, none if there is no such file."""
        path = self.path / METRICS_FILE
        return [parsed_record(path, line) for line in (record_text(path) or "").splitlines()]

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """The last evaluation, as `save_evaluation` wrote it; None if there is none."""
        return read_record(self.path / EVALUATION_FILE)

    @property
    def diagnosis(self) -> dict[str, Any] | None:
        """The last diagnosis, as `save_diagnosis` wrote it; None if there is none."""
        return read_record(self.path / DIAGNOSIS_FILE)

    def save_evaluation(self, record: Mapping[str, Any], path: Path | None = None) -> Path:
        """Writes an evaluation, as JSON values, to evaluation.json or another file. Returns the file."""
        return write_record(path or self.path / EVALUATION_FILE, record)

    def save_diagnosis(self, record: Mapping[str, Any]) -> Path:
        """Writes a diagnosis, as JSON values, to diagnosis.json. Returns the file."""
        return write_record(self.path / DIAGNOSIS_FILE, record)


def _complete(source: Source) -> Source:
    """The rows that a model with conditions can be used on; a warning counts those that are left out."""
    found = rows_with_conditions(source)
    if len(found) < len(source):
        warn_caller(found.notes[-1])
    return found


def _saved_recipe(path: Path) -> Recipe | None:
    """The recipe in the header of a model file, read without torch.

    Returns:
        The recipe; None for a file that is anything but a model with a recipe. Loading it says why.
    """
    try:
        with opened(path, "a model file") as file:
            return recipe_in(path, read_tensor_header(file))
    except ValueError:
        return None


def _absence(model_file: Path, is_directory: bool) -> str:
    """What is there instead of a model file."""
    try:
        model_file.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return f"a directory without {MODEL_FILE}" if is_directory else "no file"
    except OSError as error:
        return files.system_reason(error)
    return "something that is no file"
