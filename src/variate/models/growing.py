"""`grow`: a model with room for what it has never seen, such as new categories, that knows all that it knew.

A weight belongs to a slot: to a feature that goes into a network or to an output of it (`variate.config.slots`). Both
models say what the slots at their places stand for, so the weights of the old one are put at the places that their
slots have in the new one. What has no weights yet starts so that as little as possible changes:

    features      weights 0: a new category is at first what it was before, a cell without a value
    categories    the mean of the weights of the column's others, with a log-frequency that makes all new ones together
                  at most as probable as names that were never seen (`CategoricalColumns.extend`)
    gaps          log-odds log(999) that a cell is observed, whatever z is

By torch's convention, axis 0 of a weight is that of outputs and axis 1 that of inputs. An axis has changed if its size
has, for slots are never lost.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from variate.config.recipe import Recipe
from variate.config.schema import Column, Schema
from variate.config.slots import Slot
from variate.data.dataset import Dataset, Splits
from variate.data.source import Source
from variate.data.wording import list_names, sides, told
from variate.errors import InputError
from variate.limits import checked_arguments
from variate.models.build import from_recipe
from variate.models.contexts import ContextChannels
from variate.models.entry import of_a_model
from variate.models.vae import VAE
from variate.networks.inputs import ColumnInputs
from variate.runtime.random import seeded

NEW = -1
"""In place of the old place of a slot: it has none."""
STARTING_LOG_ODDS = math.log(999)
"""Log-odds at the start that a cell is observed, in a column that had no gaps before."""


@of_a_model
@checked_arguments
def grow(model: VAE, data: Schema | Source | Splits | Dataset) -> VAE:
    """A model of the same rows and more: with the categories, ranges and gaps that its data have never had before.

        data = variate.split(variate.read("new.csv", schema=model.recipe.schema, grow=True))
        variate.fit(variate.grow(model, data), data)

    If nothing grew, it gives every row exactly the nats that the model gave. If columns have new categories, an old row
    loses at most -log(1 - e) nats for each of these columns, with e = 1 / (N + 2) for N rows that the scalings were set
    from; where a range became wider, rows lose what numbers in the new part of the range have.

    Args:
        model: A model with a recipe.
        data: What was read with its schema and `grow=True`, or the schema of that. If there are rows with conditions,
            p(c) is counted from them.

    Returns:
        A model of its own, with the weights of the old one. Its recipe names no data.

    Raises:
        InputError: If the model has no recipe, or the schema is not its own or one that grew out of it.
    """
    recipe = model.recipe if isinstance(model, VAE) else None
    if recipe is None:
        raise InputError("model", "a model with a recipe", "one without", "`build` it without parts of its own")
    if not isinstance(data, Schema | Source | Splits | Dataset):
        remedy = "`read` the data with schema=model.recipe.schema and grow=True"
        raise InputError("data", "what `read` or `split` gave, or a schema", told(data), remedy)
    schema = data if isinstance(data, Schema) else data.schema
    require_grown(schema, recipe.schema)
    grown = with_schema(model, recipe, schema)
    rows = data.train if isinstance(data, Splits) else data.dataset if isinstance(data, Source) else data
    if isinstance(rows, Dataset) and grown.conditions is not None:
        grown.conditions.count(_whole_contexts(rows))
    return grown.eval()


def require_grown(schema: Schema, old: Schema) -> None:
    """Refuses a schema that is not another one with more in its columns.

    Raises:
        InputError: If it is not.
    """
    remedy = "`read` the data with schema=model.recipe.schema and grow=True"
    for what in ("kind", "shape", "levels"):
        mine, others = getattr(old, what), getattr(schema, what)
        if mine != others:
            said = [sides(value) if isinstance(value, tuple) else repr(value) for value in (mine, others)]
            raise InputError("data", f"rows of {what} {said[0]}, as the model takes them", said[1], remedy)
    pairs = ((old.columns, schema.columns), (old.conditions, schema.conditions))
    for before, after in pairs:
        if [column.name for column in before] != [column.name for column in after]:
            wanted, got = (list_names([column.name for column in columns]) or "none" for columns in (before, after))
            raise InputError("data", f"the model's columns: {wanted}", got, remedy)
        changed = [a.name for b, a in zip(before, after, strict=True) if not _has_grown(b, a)]
        if changed:
            expected = "columns that the model's have grown to"
            raise InputError("data", expected, f"another kind or other categories of {list_names(changed)}", remedy)


def _has_grown(before: Column, after: Column) -> bool:
    """Whether a column is another one with more in it."""
    as_before = replace(
        after,
        categories=before.categories,
        gaps=before.gaps,
        pooled=before.pooled,
        low=before.low,
        high=before.high,
        ordered=before.ordered,
    )
    size = len(before.categories)
    first = after.categories[:size] == before.categories and (not before.pooled or len(after.categories) == size)
    if before.low is None or after.low is None or before.high is None or after.high is None:
        return as_before == before and first and before.low is after.low is None
    return as_before == before and first and after.low <= before.low and before.high <= after.high


def with_schema(model: VAE, recipe: Recipe, schema: Schema) -> VAE:
    """A model for a schema that the model's has grown to."""
    recipe = replace(recipe, schema=schema, source="", fingerprint="")
    if _holds_the_same(schema, model):
        same = copy.deepcopy(model)
        same.recipe = recipe
        return same
    with seeded(0):
        grown = from_recipe(recipe)
    if any(p.dtype == torch.float64 for p in model.parameters()):
        grown.double()
    with torch.no_grad():
        _fill(grown, model)
    return grown.to(model.device)


def _holds_the_same(schema: Schema, model: VAE) -> bool:
    """Whether a schema has the same columns as the model's."""
    old = model.recipe.schema if model.recipe else None
    return old is not None and (old.columns, old.conditions) == (schema.columns, schema.conditions)


def _whole_contexts(rows: Dataset) -> Tensor:
    """The contexts of the rows that have one."""
    if rows.context is None:
        raise InputError("data", "rows with the conditions of the model", "rows without any", "`read` them with it")
    return torch.from_numpy(np.asarray(rows.context.all())[rows.has_context()])


def _fill(new: VAE, old: VAE) -> None:
    """Gives a model what another one has, wherever its slots have places there."""
    old = copy.deepcopy(old).cpu()
    new.encoder.inputs.grow_from(old.encoder.inputs)
    new.likelihood.grow_from(old.likelihood)
    contexts = _Map([], [])
    if new.conditions is not None and old.conditions is not None:
        new.conditions.grow_from(old.conditions)
        contexts = _Map(old.conditions.inputs.slots, new.conditions.inputs.slots)
    encoded = _inputs(new, old).beside(_channels(new, old, contexts))
    latents = _same(new.latent).beside(contexts)
    outputs = _Map(old.likelihood.slots, new.likelihood.slots) if isinstance(new.encoder.inputs, ColumnInputs) else None
    before = old.state_dict()
    for name, tensor in new.state_dict().items():
        if name.startswith("encoder.network."):
            tensor.copy_(encoded.into(before[name], tensor, 1))
        elif name.startswith("frame."):
            tensor.copy_(contexts.into(before[name], tensor, 1))
        elif name.startswith("latent_prior."):
            inputs = contexts if name.endswith(".by_context") else encoded
            tensor.copy_(inputs.into(before[name], tensor, 1))
        elif name.startswith("decoder.network."):
            found = latents.into(before[name], tensor, 1)
            tensor.copy_(found if outputs is None else outputs.started(found, tensor))


class _Map:
    """Where the slots of a grown axis were before.

    Args:
        old: The slots before.
        new: The slots now.
    """

    def __init__(self, old: Sequence[Slot], new: Sequence[Slot]) -> None:
        places = {slot: place for place, slot in enumerate(old)}
        self.old, self.new, self.size = old, new, len(old)
        self.sources = torch.tensor([places.get(slot, NEW) for slot in new], dtype=torch.int64)

    def beside(self, other: "_Map") -> "_Map":
        """The map of two axes put together."""
        both = copy.copy(self)
        moved = torch.where(other.sources < 0, NEW, other.sources + self.size)
        both.size, both.sources = self.size + other.size, torch.cat([self.sources, moved])
        return both

    def into(self, old: Tensor, like: Tensor, axis: int) -> Tensor:
        """A weight with the entries of an axis at their new places and zeros at new ones, if the axis has grown."""
        if old.dim() <= axis or old.shape[axis] == like.shape[axis]:
            return old
        zeros = torch.zeros_like(old.narrow(axis, 0, 1))
        sources = torch.where(self.sources < 0, self.size, self.sources)
        return torch.cat([old, zeros], axis).index_select(axis, sources)

    def started(self, old: Tensor, like: Tensor) -> Tensor:
        """A weight with the outputs at their new places and a start for new ones, if there are any."""
        weight = self.into(old, like, 0)
        if weight is old:
            return old
        columns: dict[str, list[int]] = {}
        for place, (slot, source) in enumerate(zip(self.new, self.sources.tolist(), strict=True)):
            if slot.what == "category" and source != NEW:
                columns.setdefault(slot.owner, []).append(place)
        for place in (self.sources == NEW).nonzero().flatten().tolist():
            slot = self.new[place]
            if slot.what == "category":
                weight[place] = weight[columns[slot.owner]].mean(0)
            elif weight.dim() == 1:
                weight[place] = STARTING_LOG_ODDS
        return weight


def _same(size: int) -> _Map:
    """The map of an axis that stays."""
    found = _Map([], [])
    found.size, found.sources = size, torch.arange(size)
    return found


def _inputs(new: VAE, old: VAE) -> _Map:
    """The map of the features of rows, as the encoder's network takes them."""
    if isinstance(new.encoder.inputs, ColumnInputs) and isinstance(old.encoder.inputs, ColumnInputs):
        return _Map(old.encoder.inputs.slots, new.encoder.inputs.slots)
    shape = new.encoder.inputs.shape
    as_channels = new.encoder.beside is not None and new.encoder.beside.as_channels
    return _same(shape[0] if as_channels else math.prod(shape))


def _channels(new: VAE, old: VAE, contexts: _Map) -> _Map:
    """The map of what stands beside the features of rows, from that of the features of contexts."""
    now, before = new.encoder.beside, old.encoder.beside
    if now is None or before is None or not now.as_channels:
        return contexts
    return _narrowed(now, before, contexts)


def _narrowed(now: ContextChannels, before: ContextChannels, contexts: _Map) -> _Map:
    """The map of the channels of contexts; where there are fewer of them than features, fills the layer between."""
    if isinstance(now.narrow, torch.nn.Identity):
        return contexts
    weight, bias = now.narrow.weight, now.narrow.bias
    if isinstance(before.narrow, torch.nn.Linear):
        weight.copy_(contexts.into(before.narrow.weight, weight, 1))
        bias.copy_(before.narrow.bias)
        return _same(len(bias))
    weight[: contexts.size] = torch.eye(contexts.size + 1)[: contexts.size, contexts.sources]
    bias[: contexts.size] = 0
    found = _Map([], [])
    found.size = contexts.size
    found.sources = torch.cat([torch.arange(contexts.size), torch.full((len(bias) - contexts.size,), NEW)])
    return found
