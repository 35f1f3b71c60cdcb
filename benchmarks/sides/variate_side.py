"""variate: the engine of `fit` as a user gets it, its importance-weighted bound, and whole runs of `fit`."""

import copy
import resource
import time
import warnings
from typing import Any

import numpy as np
import torch

import variate
from benchmarks.case import SYNTHETIC_ROWS, Case, bits, random_rows
from benchmarks.sides.networks import count, prepare, set_linear, timed
from variate.config.recipe import ModelOptions, TrainingOptions
from variate.data.dataset import Dataset
from variate.evaluation.bounds import importance
from variate.objectives import elbo
from variate.runtime import distributed
from variate.runtime.distributed import Processes
from variate.runtime.random import Key, generator
from variate.statistics import bits_per_dim
from variate.training.setup import prepare as prepare_job
from variate.training.trainer import Loss, Trainer

SAME_WORK = {"clip": 0.0, "ema": 0.0, "schedule": "constant", "lr_warmup": 0.0}
"""Options with which a step does what everyone's does: no clipping, no average of the weights."""


def model_options(case: Case) -> ModelOptions:
    """The model of a case."""
    if case.network == "conv":
        sizes = {"network": "conv", "width": case.width, "depth": case.depth}
    else:
        sizes = {"network": "plain", "activation": "relu", "width": case.width, "depth": case.depth}
    return ModelOptions(latent=case.latent, likelihood="bernoulli", **sizes)  # type: ignore[arg-type]


class Side:
    """variate."""

    def __init__(self) -> None:
        self.scored: variate.VAE | None = None

    def setup(
        self,
        case: dict[str, Any],
        options: dict[str, Any] | None = None,
        same_work: bool = True,
        own: bool = False,
        model: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The model and the first step, compiled where `fit` would compile.

        Args:
            case: A `Case`.
            options: Further training options.
            same_work: Neither clip nor average, as no other side does.
            own: Leave batch size, learning rate and precision to variate too.
            model: Model options for grey levels, instead of the case's model of bits.
        """
        self.case = Case(**case)
        prepare(self.case)
        if model is None:
            self.rows = bits(self.case)
        else:
            self._read_grey(case)
        given = {"device": self.case.device, **(SAME_WORK if same_work and not own else {}), **(options or {})}
        if not own:
            given |= {"batch_size": self.case.batch_size, "lr": self.case.lr, "precision": self.case.precision}
        start = time.perf_counter()
        vae = variate.build(self.rows, model_options(self.case) if model is None else ModelOptions(**model))
        seconds_to_build = time.perf_counter() - start
        self.begin(vae, TrainingOptions(), given)
        seconds_to_begin = timed(lambda: self._steps(1), self.case.device)
        chosen = {name: getattr(self.options, name) for name in ("compile", "precision", "threads", "batch_size")}
        return {
            "parameters": count(vae),
            "seconds": seconds_to_build + self.seconds_to_prepare + seconds_to_begin,
            "steps_per_epoch": len(self.rows) / chosen["batch_size"],
            "epochs": self.options.epochs,
            "note": ", ".join(f"{name} {value}" for name, value in chosen.items()),
        }

    def begin(self, vae: variate.VAE, options: TrainingOptions, given: dict[str, Any]) -> None:
        """Makes the engine, as `fit` does."""
        start = time.perf_counter()
        processes = distributed.join()
        job = prepare_job(vae, self.rows, None, options, given, processes)
        self.options, self.steps = job.options, job.steps
        torch.set_num_threads(job.options.threads or torch.get_num_threads())
        self.trainer = Trainer(vae, job, processes)
        self.seconds_to_prepare = time.perf_counter() - start

    def _steps(self, steps: int) -> None:
        for _ in range(steps):
            self.trainer.step()

    def run(self, steps: int) -> dict[str, float]:
        """Seconds that so many steps take."""
        return {"seconds": timed(lambda: self._steps(steps), self.case.device), "steps": steps}

    def score(self) -> float:
        """Mean ELBO of the test rows under the weights that `fit` would keep, in nats, one draw per row."""
        average = copy.deepcopy(self.trainer.state.average).eval()
        average.set_precision(None)
        return float(elbo(average, self._test(), batch_size=1000).elbo.double().mean())

    def _test(self) -> np.ndarray:
        return bits(self.case, "test")

    def memory(self) -> float:
        """Most resident memory so far, in GiB."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    def check(self, file: str) -> dict[str, float]:
        """The loss of given weights and rows in nats per row, the inputs not standardised and no mean's logit added."""
        given = dict(np.load(file))
        vae = variate.build(self.rows, model_options(self.case)).to(self.case.device)
        set_linear(vae.encoder.network, given, "encoder")
        set_linear(vae.decoder.network, given, "decoder")
        vae.encoder.inputs.offset.zero_()
        vae.encoder.inputs.unit.fill_(1)
        vae.likelihood.mean_logit.zero_()
        with torch.no_grad():
            bias = [m for m in vae.encoder.network.modules() if isinstance(m, torch.nn.Linear)][-1]
            bias.weight[self.case.latent :] /= 2  # it says log sigma where the others say log sigma^2
            bias.bias[self.case.latent :] /= 2
        self.scored = vae
        loss = Loss(vae.train(), TrainingOptions(), Processes())
        rows = torch.from_numpy(given["rows"]).reshape(-1, *vae.event_shape)
        noise = vae.posterior_noise(Key(generator(int(given["seed"])), len(rows)), 1, len(rows))
        value, _ = loss(variate.Batch(rows), noise, torch.ones(()))
        value.backward()
        gradient = bias.weight.grad[: self.case.latent]  # type: ignore[index]
        scale = loss.dimensions
        return {"loss": float(value) * scale, "gradient": float(gradient.norm()) * scale}

    def evidence(self, rows: int, draws: int) -> dict[str, float]:
        """Seconds that the bound of so many test rows takes, and the bound; of the checked weights if there are any."""
        test, found = self._test()[:rows], []
        vae = self.scored or variate.build(self.rows, model_options(self.case)).to(self.case.device)
        vae.set_precision(torch.bfloat16 if self.case.precision == "bfloat16" else None)
        seconds = timed(lambda: found.append(variate.log_evidence(vae, test, draws)), self.case.device)
        return {"seconds": seconds, "value": found[0].estimate.value}

    def evidence_of_digits(self, draws: int, reuse: bool) -> dict[str, float]:
        """Seconds that the bound of scikit-learn's digits takes in an untrained default model.

        Args:
            draws: Posterior draws per row.
            reuse: Whether freed memory is kept for the next buffers, as `log_evidence` does.
        """
        if not reuse:
            importance.reuse_freed_memory = lambda: None  # type: ignore[attr-defined]
        data = variate.split(variate.read("digits"))
        vae = variate.build(data)
        return {"seconds": timed(lambda: variate.log_evidence(vae, data.test, draws), "cpu")}

    def fit_for(self, seconds: float, model: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
        """A run of `fit` on grey levels whose schedule ends after about so long, as `fit` describes it."""
        held_out = self._read_grey(case)
        given = {"device": self.case.device}
        trial = variate.build(self.rows, ModelOptions(**model))
        return self._fit(
            model, given | {"epochs": self._affordable(trial, given, seconds, len(held_out[0]))}, *held_out
        )

    def fit(self, model: dict[str, Any], case: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        """A run of `fit` on grey levels: what it took and what its test rows get."""
        held_out = self._read_grey(case)
        return self._fit(model, {"device": self.case.device} | options, *held_out)

    def _read_grey(self, case: dict[str, Any]) -> tuple[Dataset, Dataset]:
        """Validation and test rows as `variate train` takes them; `rows` are those of training."""
        self.case = Case(**case)
        prepare(self.case)
        synthetic = self.case.synthetic
        parts = variate.split(
            variate.from_arrays(random_rows(SYNTHETIC_ROWS, levels=256)) if synthetic else variate.read("fashion-mnist")
        )
        few = [
            part if self.case.rows is None else part.select(np.arange(min(self.case.rows, len(part))))
            for part in (parts.train, parts.validation, parts.test)
        ]
        self.rows = few[0]
        return few[1], few[2]

    def _fit(
        self, model: dict[str, Any], options: dict[str, Any], validation: Dataset, test: Dataset
    ) -> dict[str, Any]:
        vae = variate.build(self.rows, ModelOptions(**model), seed=options.get("seed", 0))
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", variate.VariateWarning)
            history = variate.fit(vae, self.rows, validation, **options)
        seconds = time.perf_counter() - start
        found, chosen = variate.evaluate(vae, test), history.options
        return {
            "seconds": seconds,
            "epochs": chosen.epochs,
            "elbo": found.elbo.value,
            "bits_per_dim": bits_per_dim(-found.elbo.value, found.dimensions),
            "stderr": bits_per_dim(found.elbo.stderr, found.dimensions),
            "note": f"compile {chosen.compile}, precision {chosen.precision}, stopped {history.stopped}",
        }

    def _affordable(self, vae: variate.VAE, given: dict[str, Any], seconds: float, held_out: int) -> int:
        """Epochs that end in so many seconds, from a trial: compilation, steps, and a validation per epoch."""
        self.begin(vae, TrainingOptions(), given)
        first = self.seconds_to_prepare + timed(lambda: self._steps(2), self.case.device)
        trial = 10
        step = timed(lambda: self._steps(trial), self.case.device) / trial
        batch = self.trainer.batches.batch_size
        epoch = (len(self.rows) + held_out / 3) / batch * step
        return max(1, int((seconds - first) / epoch))
