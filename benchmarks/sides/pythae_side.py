"""pythae: its own trainer on its own dataset, and its own importance-weighted likelihood.

One call of `BaseTrainer.train_step` is an epoch, so a shorter block draws fewer rows from the same dataset through the
same DataLoader. As many loader processes as are fastest, none (its default) or two. It has no bfloat16 on a CPU, and
for "bce" none on a GPU, so it always computes in float32.

Its decoders give probabilities, hence the sigmoid. References: https://github.com/clementchadebec/benchmark_VAE
"""

import tempfile
import time
from functools import partial
from typing import Any

import torch
from pythae.data.datasets import BaseDataset, collate_dataset_output
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler

from benchmarks.case import Case, batches
from benchmarks.measure import decide
from benchmarks.sides.networks import SHAPE, check, count, data, networks, prepare, timed

LOADERS = (0, 2)


class Encoder(BaseEncoder):
    """The network's outputs under pythae's names."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> ModelOutput:
        """Mean and log-variance."""
        mu, log_var = self.network(x).chunk(2, -1)
        return ModelOutput(embedding=mu, log_covariance=log_var)


class Decoder(BaseDecoder):
    """The network's outputs as probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor) -> ModelOutput:
        """Probabilities."""
        return ModelOutput(reconstruction=torch.sigmoid(self.network(z)))


class Side:
    """pythae."""

    def setup(self, case: dict[str, Any], trial: int = 0, loaders: int = 0) -> dict[str, Any]:
        """Model, dataset, trainer, and a first step.

        Args:
            case: A `Case`; its precision is not looked at.
            trial: Steps after which to decide on the number of loader processes; with 0, not at all.
            loaders: Loader processes where that is not to be decided.
        """
        self.case = Case(**case)
        prepare(self.case)
        rows = data(self.case)
        start = time.perf_counter()
        encoder, decoder = networks(self.case)
        shape = SHAPE if self.case.network == "conv" else (rows.shape[1],)
        config = VAEConfig(input_dim=shape, latent_dim=self.case.latent, reconstruction_loss="bce")
        self.model = VAE(config, Encoder(encoder), Decoder(decoder))
        self.dataset = BaseDataset(rows, torch.zeros(len(rows)))
        self.folder = tempfile.TemporaryDirectory()
        training = BaseTrainerConfig(
            output_dir=self.folder.name,
            per_device_train_batch_size=self.case.batch_size,
            learning_rate=self.case.lr,
            no_cuda=self.case.device == "cpu",
        )
        self.trainer = BaseTrainer(self.model, self.dataset, training_config=training)
        self.trainer.prepare_training()
        self.epoch, self.loaders = 0, loaders
        self._steps(1)
        found = {"parameters": count(self.model), "seconds": time.perf_counter() - start}
        if trial:
            self.loaders = int(decide({str(n): partial(self._trial, n, trial) for n in LOADERS}))
        turn = trial if self.loaders else 1  # starting processes is paid once an epoch, so none is cut short
        return found | {
            "turn": turn,
            "loaders": self.loaders,
            "note": f"loader processes {self.loaders}, precision float32",
        }

    def _trial(self, loaders: int, steps: int) -> float:
        self.loaders = loaders
        return timed(lambda: self._steps(steps), self.case.device)

    def _steps(self, steps: int) -> None:
        for number in batches(len(self.dataset), self.case.batch_size, steps):
            self.epoch += 1
            self.trainer.train_loader = self._loader(number)
            self.trainer.train_step(self.epoch)
            self.trainer.callback_handler.on_epoch_end(training_config=self.trainer.training_config)

    def _loader(self, steps: int) -> DataLoader[Any]:
        """As `BaseTrainer.get_train_dataloader`, an epoch of so many steps."""
        return DataLoader(
            dataset=self.dataset,
            batch_size=self.case.batch_size,
            num_workers=self.loaders,
            sampler=RandomSampler(self.dataset, num_samples=steps * self.case.batch_size),
            collate_fn=collate_dataset_output,
        )

    def run(self, steps: int) -> dict[str, float]:
        """Seconds that so many steps take."""
        return {"seconds": timed(lambda: self._steps(steps), self.case.device), "steps": steps}

    def score(self) -> float:
        """Mean ELBO of the test rows in nats, one draw a row."""
        self.model.eval()
        torch.manual_seed(0)
        test = data(self.case, "test")
        with torch.no_grad():
            parts = [self._loss(batch).double() * len(batch) for batch in test.split(1000)]
        return -float(torch.stack(parts).sum()) / len(test)

    def _loss(self, x: Tensor) -> Tensor:
        return self.model({"data": x.to(self.case.device)}).loss

    def check(self, file: str) -> dict[str, float]:
        """See `variate_side.Side.check`."""
        return check(self.model, self._loss, file)

    def evidence(self, rows: int, draws: int, batch_size: int = 100) -> dict[str, float]:
        """Seconds that `get_nll` takes, and the bound; it takes whole batches of draws, and at least one."""
        if draws % batch_size:
            raise ValueError(f"draws must be a multiple of batch_size {batch_size}, got {draws}")
        x = data(self.case, "test")[:rows].to(self.case.device)
        self.model.eval()
        found: list[float] = []
        with torch.no_grad():
            nll = self.model.get_nll
            seconds = timed(lambda: found.append(float(nll(x, draws, batch_size))), self.case.device)
        return {"seconds": seconds, "value": found[0]}
