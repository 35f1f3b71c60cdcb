"""JAX with optax, in the manner of flax's VAE example: rows on the device, a jitted step, donated state.

The steps of a block run as `lax.scan` within one compiled function, or as calls of a jitted step, whichever is faster
here; in bfloat16, products give float32 or bfloat16, whichever is faster. XLA takes as many threads as it has cores.
"""

import functools
import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.case import SIDE, Case, batches, bits
from benchmarks.measure import decide
from benchmarks.worker import AbsentError

Layers = list[dict[str, jax.Array]]
SCANNED = 32
"""Steps a call of the scan, at most; a call costs microseconds."""


def layers(key: jax.Array, sizes: list[int]) -> Layers:
    """Glorot's weights and no biases."""
    made = []
    for inputs, outputs in itertools.pairwise(sizes):
        key, own = jax.random.split(key)
        bound = math.sqrt(6 / (inputs + outputs))
        weight = jax.random.uniform(own, (inputs, outputs), minval=-bound, maxval=bound)
        made.append({"weight": weight, "bias": jnp.zeros(outputs)})
    return made


def product(x: jax.Array, weight: jax.Array, precision: str) -> jax.Array:
    """A matrix product in float32, or in bfloat16 with its result in one of the two."""
    if precision == "float32":
        return jnp.dot(x, weight)
    kind = jnp.float32 if precision == "bfloat16 to float32" else jnp.bfloat16
    return jnp.dot(x.astype(jnp.bfloat16), weight.astype(jnp.bfloat16), preferred_element_type=kind)


def network(weights: Layers, x: jax.Array, precision: str) -> jax.Array:
    """Affine maps with relu between; float32 out."""
    for i, layer in enumerate(weights):
        y = product(x, layer["weight"], precision)
        x = y + layer["bias"].astype(y.dtype)
        x = jax.nn.relu(x) if i < len(weights) - 1 else x
    return x.astype(jnp.float32)


def loss(weights: dict[str, Layers], x: jax.Array, eps: jax.Array, precision: str) -> jax.Array:
    """Minus the ELBO, nats per row."""
    mu, log_var = jnp.split(network(weights["encoder"], x, precision), 2, axis=-1)
    z = mu + eps * jnp.exp(0.5 * log_var)
    logits = network(weights["decoder"], z, precision)
    cross = optax.sigmoid_binary_cross_entropy(logits, x).sum(-1)
    kl = -0.5 * jnp.sum(1 + log_var - mu**2 - jnp.exp(log_var), axis=-1)
    return (cross + kl).mean()


class Side:
    """JAX."""

    def setup(self, case: dict[str, Any], trial: int = 8) -> dict[str, Any]:
        """Weights, rows on the device, the compiled step.

        Args:
            case: A `Case` of an MLP.
            trial: Steps after which to decide how to run.
        """
        self.case = Case(**case)
        if self.case.network != "mlp":
            raise AbsentError("the convolutions are modules of torch")
        try:
            device = jax.devices("gpu" if self.case.device == "cuda" else "cpu")[0]
        except RuntimeError as error:
            raise AbsentError(f"JAX sees no GPU: {error}") from None
        jax.config.update("jax_default_device", device)
        if self.case.device == "cuda":
            jax.config.update("jax_default_matmul_precision", "highest")  # float32, as torch's default is
        self.rows = jnp.asarray(bits(self.case).reshape(-1, SIDE**2), dtype=jnp.float32)
        self.optimizer, self.numpy = optax.adam(self.case.lr), np.random.default_rng(0)
        self.scanned = min(SCANNED, max(1, trial), len(self.rows) // self.case.batch_size)
        self.state = self._start()
        self.made: dict[tuple[str, str], Callable[..., Any]] = {}
        start = time.perf_counter()
        precisions = ["float32"]
        if self.case.precision == "bfloat16":
            precisions = ["bfloat16 to float32", "bfloat16"]
        ways = [(how, precision) for how in ("scan", "step") for precision in precisions]
        chosen = decide({", ".join(way): functools.partial(self._trial, *way, trial) for way in ways})
        self.how, self.precision = chosen.split(", ")
        self.call = self.made[self.how, self.precision]
        parameters = sum(leaf.size for leaf in jax.tree.leaves(self.state[0]))
        note = f"{self.how}, products {self.precision}"
        return {"parameters": parameters, "seconds": time.perf_counter() - start, "note": note}

    def _start(self) -> tuple[Any, Any, jax.Array]:
        hidden = [self.case.width] * self.case.depth
        keys = jax.random.split(jax.random.key(0), 3)
        weights = {
            "encoder": layers(keys[0], [SIDE**2, *hidden, 2 * self.case.latent]),
            "decoder": layers(keys[1], [self.case.latent, *hidden, SIDE**2]),
        }
        return weights, self.optimizer.init(weights), keys[2]

    def _trial(self, how: str, precision: str, steps: int) -> float:
        self.how, self.precision = how, precision
        if (how, precision) not in self.made:
            self._compile()
            self._steps(self.scanned)
        self.call = self.made[how, precision]
        done = self.run(steps)
        return done["seconds"] / done["steps"]

    def _compile(self) -> None:
        """Makes `self.call`, which takes state, rows and row numbers and gives the next state."""
        case, optimizer, precision = self.case, self.optimizer, self.precision

        def step(state: Any, rows: jax.Array, index: jax.Array) -> Any:  # noqa: ANN401  a tree of arrays
            weights, moments, key = state
            key, own = jax.random.split(key)
            eps = jax.random.normal(own, (case.batch_size, case.latent))
            _, gradients = jax.value_and_grad(loss)(weights, rows[index], eps, precision)
            updates, moments = optimizer.update(gradients, moments, weights)
            return optax.apply_updates(weights, updates), moments, key

        def scan(state: Any, rows: jax.Array, order: jax.Array) -> Any:  # noqa: ANN401  a tree of arrays
            return jax.lax.scan(lambda s, index: (step(s, rows, index), None), state, order)[0]

        chosen: Callable[..., Any] = scan if self.how == "scan" else step
        self.call = self.made[self.how, precision] = jax.jit(chosen, donate_argnums=0)

    def _steps(self, steps: int) -> int:
        """Takes these steps, with the scan up to its whole calls; says how many."""
        taken, size = 0, self.case.batch_size
        for number in batches(len(self.rows), size, steps):
            order = self.numpy.permutation(len(self.rows))[: number * size].reshape(number, size)
            if self.how == "scan":
                calls = number // self.scanned
                for part in order[: calls * self.scanned].reshape(calls, self.scanned, size):
                    self.state = self.call(self.state, self.rows, part)
                taken += calls * self.scanned
            else:
                for index in order:
                    self.state = self.call(self.state, self.rows, index)
                taken += number
        jax.block_until_ready(self.state)
        return taken

    def run(self, steps: int) -> dict[str, float]:
        """Seconds that so many steps take; with the scan, a multiple of its length."""
        steps = max(steps, self.scanned)
        start = time.perf_counter()
        taken = self._steps(steps)
        return {"seconds": time.perf_counter() - start, "steps": taken}

    def check(self, file: str) -> dict[str, float]:
        """See `variate_side.Side.check`."""
        given = dict(np.load(file))
        weights = {
            name: [
                {"weight": jnp.asarray(given[f"{name}.{i}.weight"].T), "bias": jnp.asarray(given[f"{name}.{i}.bias"])}
                for i in range(self.case.depth + 1)
            ]
            for name in ("encoder", "decoder")
        }
        x, eps = jnp.asarray(given["rows"], dtype=jnp.float32), jnp.asarray(given["eps"])
        own = functools.partial(loss, x=x, eps=eps, precision="float32")
        value, gradients = jax.value_and_grad(own)(weights)
        gradient = gradients["encoder"][-1]["weight"][:, : self.case.latent]
        return {"loss": float(value), "gradient": float(jnp.linalg.norm(gradient))}
