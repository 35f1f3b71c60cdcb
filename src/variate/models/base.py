r"""The interface of a model: groups of latents, each conditional on the groups above it, and a likelihood of the row.

With groups g = 1 .. G from the top down, a row x and a context c,

    p(x, z | c) = p(x | z, c)  prod_g p(z_g | z_<g, c)        q(z | x, c) = prod_g q(z_g | z_<g, x, c)

A plain variational autoencoder has one group, a ladder has several. A model defines how one group follows from those
above it (`prior`, `posterior`, `extend`) and what the likelihood's parameters are at the end (`outputs`). Inference,
densities, generation and decoding are derived from these once, here; objectives, bounds, diagnostics and tasks use only
what is defined here.

Noise is passed in, so that everything here is a function of its arguments. Leading axes are (L, N): L draws per row, N
rows.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from variate.config.recipe import FORMAT, Recipe
from variate.data.batch import Batch
from variate.data.dataset import Dataset
from variate.data.wording import type_name
from variate.distributions.conditional import Conditional
from variate.distributions.gaps import RowsWithGaps
from variate.distributions.rows import RowDistribution
from variate.errors import InputError
from variate.likelihoods.base import Likelihood, LogProb
from variate.limits import Rows, Seed, Temperature, checked_arguments
from variate.models.capabilities import Moments, offers
from variate.models.checked import Array, Data, as_context, as_dataset, check_weights
from variate.models.contexts import Contexts
from variate.models.draws import Draws, Embedding, Group, Joint
from variate.models.finite import require_finite_weights
from variate.models.network import Network, evaluating
from variate.runtime import memory, tensor_files
from variate.runtime.random import Key, generator

Features = Any
"""What `Model.encode` returns. Its type is the model's own business."""
State = Any
"""What the top-down pass carries from group to group. Its type is the model's own business."""


class Model(nn.Module, ABC):
    """Groups of latents and a likelihood of the row that they generate.

    Args:
        groups: The groups of latents, from the top down.
        recipe: The recipe that the model was built from; a model with one can be loaded from its file alone.

    Attributes:
        takes_context: Whether the model is conditional on a context.
        conditions: What the elements of a context are; None for a model without, or with contexts of its own kind.
    """

    takes_context = False

    def __init__(self, groups: Sequence[Group], recipe: Recipe | None = None) -> None:
        super().__init__()
        self.groups, self.recipe = tuple(groups), recipe
        self.conditions: Contexts | None = None

    @property
    @abstractmethod
    def likelihood(self) -> Likelihood:
        """The family of p(x|z, c)."""

    @abstractmethod
    def encode(self, batch: Batch) -> Features:
        """The bottom-up pass: what the posteriors need from the rows, computed once per row."""

    @abstractmethod
    def start(self, context: Tensor | None, lead: tuple[int, int]) -> State:
        """The top-down state before the first group.

        Args:
            context: What to condition on, (N, *c).
            lead: (L, N).
        """

    @abstractmethod
    def prior(self, g: int, state: State) -> Conditional:
        """p(z_g | z_<g, c), with a batch shape that broadcasts with (L, N)."""

    @abstractmethod
    def posterior(self, g: int, state: State, features: Features) -> Conditional:
        """q(z_g | z_<g, x, c), with a batch shape that broadcasts with (L, N)."""

    @abstractmethod
    def extend(self, g: int, state: State, z: Tensor) -> State:
        """The state once z_g is known, (L, N, *groups[g].shape)."""

    @abstractmethod
    def outputs(self, state: State) -> Tensor:
        """The likelihood's parameters once all latents are known, (L, N, *likelihood.out_shape)."""

    def fit_scaling(self, rows: Tensor, context: Tensor | None = None) -> None:
        """Sets the scalings and starting biases, which are buffers, from the training rows.

        Args:
            rows: The rows, (N, *event).
            context: What they are conditional on, (N, *c).
        """
        self.likelihood.fit_scaling(rows)

    # Derived from the methods above.

    def infer(
        self,
        batch: Batch,
        noise: Sequence[Tensor],
        *,
        features: Features = None,
        proposal: Sequence[Conditional] | None = None,
        log_prob: LogProb | None = None,
    ) -> Draws:
        """Draws z ~ q(z|x, c), differentiably, and scores the rows under each draw.

        Args:
            batch: N rows on the model's device, which are not checked here.
            noise: Standard normal numbers for each group, (L, N, *group.noise_shape).
            features: What `encode` returned for these rows, if it has been called already.
            proposal: Conditionals to draw from, one per group, instead of the model's posteriors.
            log_prob: Computes log p(x|z); by default the likelihood's own `log_prob`.

        Returns:
            L draws per row.
        """
        if features is None and proposal is None:
            features = self.encode(batch)
        state = self.start(batch.context, (noise[0].shape[0], noise[0].shape[1]))
        latents, q, p = [], [], []
        for g, own in enumerate(noise):
            p.append(self.prior(g, state))
            q.append(self.posterior(g, state, features) if proposal is None else proposal[g])
            latents.append(q[-1].from_noise(own))
            state = self.extend(g, state, latents[-1])
        log_px = (log_prob or self.likelihood.log_prob)(self.outputs(state), batch.x, batch.mask)
        return Draws(tuple(latents), tuple(noise), tuple(q), tuple(p), log_px)

    def log_joint(self, latents: Sequence[Tensor], batch: Batch, log_prob: LogProb | None = None) -> Joint:
        """The parts log p(x|z, c) and log p(z|c) of log p(x, z|c), differentiable in the latents.

        Args:
            latents: Latents of each group, (L, N, *group.shape).
            batch: N rows on the model's device, which are not checked here.
            log_prob: Computes log p(x|z); by default the likelihood's own `log_prob`.

        Returns:
            Both (L, N), in nats.
        """
        state = self.start(batch.context, (latents[0].shape[0], latents[0].shape[1]))
        log_pz = []
        for g, z in enumerate(latents):
            log_pz.append(self.prior(g, state).log_prob(z))
            state = self.extend(g, state, z)
        log_px = (log_prob or self.likelihood.log_prob)(self.outputs(state), batch.x, batch.mask)
        return Joint(log_px, sum(log_pz[1:], log_pz[0]))

    def complete(
        self,
        noise: Sequence[Tensor],
        context: Tensor | None = None,
        *,
        prefix: Sequence[Tensor] = (),
        temperature: float = 1.0,
    ) -> tuple[Tensor, ...]:
        """Draws latents from the prior: those of all groups, or of the groups below a given prefix.

        Args:
            noise: Standard normal numbers for each group, (L, N, *group.prior_noise_shape); those of the groups in the
                prefix are not used.
            context: What to condition on, (N, *c).
            prefix: Latents of the first groups, (L, N, *group.shape).
            temperature: Factor on the standard deviations of the priors.

        Returns:
            Latents of each group, (L, N, *group.shape).

        Raises:
            InputError: If the temperature is not 1 and a prior has no standard deviations that can be multiplied.
        """
        state = self.start(context, (noise[0].shape[0], noise[0].shape[1]))
        latents = []
        for g, own in enumerate(noise):
            z = prefix[g] if g < len(prefix) else self.prior(g, state).tempered(temperature).from_noise(own)
            latents.append(z)
            state = self.extend(g, state, z)
        return tuple(latents)

    def decode(self, latents: Sequence[Tensor], context: Tensor | None = None) -> RowDistribution:
        """p(x | z, c), with batch shape (L, N)."""
        return self.likelihood(self.outputs_at(latents, context))

    def outputs_at(self, latents: Sequence[Tensor], context: Tensor | None = None) -> Tensor:
        """The likelihood's parameters for latents (L, N, *group.shape), (L, N, *likelihood.out_shape)."""
        state = self.start(context, (latents[0].shape[0], latents[0].shape[1]))
        for g, z in enumerate(latents):
            state = self.extend(g, state, z)
        return self.outputs(state)

    # Noise, data, and what every model can be used for.

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the latents: float64 if the first weight has it, else float32, whatever the networks run in."""
        first = next((p.dtype for p in self.parameters() if p.is_floating_point()), torch.float32)
        return torch.float64 if first == torch.float64 else torch.float32

    @property
    def num_latents(self) -> int:
        """Number of latents, all groups together."""
        return sum(math.prod(group.shape) for group in self.groups)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one row."""
        return tuple(self.likelihood.event_shape)

    def posterior_noise(self, key: Key, num_samples: int, num_rows: int) -> tuple[Tensor, ...]:
        """Noise for `infer`: (num_samples, num_rows, *group.noise_shape) for each group.

        Args:
            key: The random numbers of the whole batch.
            num_samples: Draws per row, L.
            num_rows: Rows that this process has of the batch.
        """
        shapes = [(num_samples, num_rows, *group.noise_shape) for group in self.groups]
        return tuple(key.normal(shape, self.dtype, axis=1) for shape in shapes)

    def prior_noise(self, key: Key, num_samples: int, num_rows: int) -> tuple[Tensor, ...]:
        """Noise for `complete`, (num_samples, num_rows, *group.prior_noise_shape); see `posterior_noise`."""
        shapes = [(num_samples, num_rows, *group.prior_noise_shape) for group in self.groups]
        return tuple(key.normal(shape, self.dtype, axis=1) for shape in shapes)

    def dataset(self, data: Data, name: str = "x") -> Dataset:
        """Data as a dataset in memory that is checked against the model.

        Args:
            data: An array of rows as they are, (N, *event); a table in memory, as the model was trained on; a dataset,
                of which a sample is taken if it is on disk, and whose bits are drawn once if training draws them anew
                in each batch; or splits: their test part.
            name: What errors call the data.

        Raises:
            InputError: If there is no row, the shape, a value or the kind of data is not what the model takes, or the
                weights cannot be used.
        """
        check_weights(self)
        return as_dataset(data, self, name)

    def contexts(self, context: Array | None, num_rows: int) -> Tensor | None:
        """What rows to be drawn are conditioned on, checked against the model, on the CPU.

        Args:
            context: One context per row, (num_rows, *c); None for a model that takes none.
            num_rows: Number of rows to draw.

        Raises:
            InputError: If it is missing, not wanted, not one per row or not finite, or the weights cannot be used.
        """
        check_weights(self)
        return as_context(context, self, num_rows)

    @checked_arguments
    def embed(self, data: Data, batch_size: Rows = 1024) -> Embedding:
        """Mean and standard deviation of the top group's posterior for each row: deterministic.

        Args:
            data: Rows, (N, *event).
            batch_size: Rows at a time.

        Returns:
            Both (N, *shape), on the CPU.

        Raises:
            InputError: If the rows are not what the model takes, or the posterior has no moments.
        """

        def moments(batch: Batch) -> Tensor:
            q = self.posterior(0, self.start(batch.context, (1, batch.num_rows)), self.encode(batch))
            found = offers(q, Moments)
            if found is None:
                raise InputError("model", "a posterior with mean and variance", type(q).__name__)
            return torch.stack([found.mean, found.variance.sqrt()])

        mean, std = torch.cat(list(self._batches(moments, self.dataset(data), batch_size)), dim=1)
        return Embedding(mean, std)

    @checked_arguments
    def reconstruct(self, data: Data, batch_size: Rows = 1024) -> Tensor:
        """E[x|z, c] at the posterior means of each row: deterministic.

        Args:
            data: Rows, (N, *event).
            batch_size: Rows at a time.

        Returns:
            Means, (N, *event), on the CPU.

        Raises:
            InputError: If the rows are not what the model takes.
        """

        def decoded(batch: Batch) -> Tensor:
            return self.decode(self.mean_path(batch), batch.context).mean.squeeze(0)

        return torch.cat(list(self._batches(decoded, self.dataset(data), batch_size)))

    def mean_path(self, batch: Batch) -> tuple[Tensor, ...]:
        """The latents of each group at noise 0, (1, N, *group.shape): of a Gaussian posterior, the mean."""
        noise = [torch.zeros(1, batch.num_rows, *g.noise_shape, dtype=self.dtype) for g in self.groups]
        features, state = self.encode(batch), self.start(batch.context, (1, batch.num_rows))
        latents = []
        for g, own in enumerate(noise):
            latents.append(self.posterior(g, state, features).from_noise(own.to(batch.x.device)))
            state = self.extend(g, state, latents[-1])
        return tuple(latents)

    @checked_arguments
    def sample(
        self,
        n: Rows,
        *,
        temperature: Temperature = 1.0,
        mean: bool = False,
        context: Array | None = None,
        seed: Seed | None = None,
        batch_size: Rows = 1024,
    ) -> Tensor:
        """New rows: z ~ p(z|c), then x ~ p(x|z, c).

        Args:
            n: Number of rows.
            temperature: Factor on the standard deviations of the priors.
            mean: Return E[x|z, c] instead of a draw from p(x|z, c).
            context: What to condition on, (n, *c), for a model that takes a context.
            seed: Seed of the draws; by default they differ from call to call.
            batch_size: Rows at a time.

        Returns:
            Rows, (n, *event), on the CPU; NaN in the gaps of a model of gaps.

        Raises:
            InputError: If a number is out of range, the rows do not fit in memory, the context is missing, surplus or
                of another length, the weights cannot be used, or the temperature is not 1 and the prior has no standard
                deviations that can be multiplied.
        """
        self._require_room(n)
        conditions = self.contexts(context, n)
        source = generator(torch.Generator().seed() if seed is None else seed)
        noise = self.prior_noise(Key(source, n), 1, n)
        draws = source if self.device.type == "cpu" else generator(source.initial_seed(), self.device)
        found = []
        with evaluating(self):
            for rows in torch.arange(n).split(batch_size):
                own = None if conditions is None else conditions[rows].to(self.device)
                latents = self.complete([e[:, rows].to(self.device) for e in noise], own, temperature=temperature)
                p_x = self.decode(latents, own)
                x = p_x.mean if mean else p_x.sample(generator=draws)
                if isinstance(p_x, RowsWithGaps) and not mean:
                    x = torch.where(p_x.sample_mask(generator=draws), x, torch.nan)
                found.append(x.squeeze(0).cpu())
        return torch.cat(found)

    def _require_room(self, n: int) -> None:
        """Refuses a number of rows that do not fit in memory with their noise, before any is drawn.

        Raises:
            InputError: If they do not.
        """
        numbers = 2 * math.prod(self.event_shape) + sum(math.prod(group.prior_noise_shape) for group in self.groups)
        size = n * numbers * self.dtype.itemsize  # the rows are held twice while their pieces are joined
        memory.require(size, "n", "a number of rows that fit", "draw fewer at a time")

    def _batches(self, function: Callable[[Batch], Tensor], data: Dataset, batch_size: int) -> Iterator[Tensor]:
        """What the function returns for each batch, without gradients, on the CPU."""
        with evaluating(self):
            for batch in data.batches(batch_size):
                yield function(batch.to(self.device)).cpu()

    def set_precision(self, precision: torch.dtype | None) -> None:
        """Runs the networks in this type by autocast; None runs them in the type of their weights.

        Raises:
            InputError: If the weights are float64, which autocast does not cast.
        """
        if precision is not None and self.dtype == torch.float64:
            got = type_name(precision)
            raise InputError("precision", "full precision for a model in float64", got, "use .float() first")
        for module in self.modules():
            if isinstance(module, Network):
                module.precision = precision

    def use_recipe(self, **changes: Any) -> None:  # noqa: ANN401  fields of Recipe
        """Changes fields of the recipe, if the model has one."""
        if self.recipe is not None:
            self.recipe = replace(self.recipe, **changes)

    def save(self, path: str | Path) -> None:
        """Writes the weights, the scalings and the recipe to one safetensors file, completely or not at all.

        Raises:
            InputError: If the weights are not finite, or the file cannot be written.
        """
        require_finite_weights(self, self.state_dict(), "model", "train it again")
        metadata = {"format": str(FORMAT), "recipe": self.recipe.to_json() if self.recipe else ""}
        tensor_files.write_tensors(Path(path), self.state_dict(), metadata)
