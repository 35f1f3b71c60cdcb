"""All trained weights of a model as one vector, their optimiser, and their moving average.

Norm, optimiser and moving average are then one pass each over one vector, whatever the number of layers. Matrices of a
network that runs in bfloat16 are bfloat16 copies of their part of the vector, renewed after each step, so that a step
casts neither weights nor gradients; small updates are kept, since they are updates of the vector.
"""

import copy

import torch
from torch import Tensor, nn
from torch.optim.adam import adam  # the function: the class loads torch's compiler, which takes a second

from variate.models.base import Model
from variate.models.network import Network
from variate.training import schedule

BETAS = (0.9, 0.99)
"""Adam's decays. The shorter memory of squared gradients was measured to reach a given ELBO sooner."""

EPSILON = 1e-8
"""Adam's smallest root of a mean square."""

FRESHNESS = 0.01
"""The moving average, whose memory is 1 / (1 - decay) steps, takes in the weights once per this part of it."""

CAST = (nn.Linear, nn.modules.conv._ConvNd)
"""Layers whose weight autocast would cast at each use."""


class WeightVector:
    """The trained weights of a model while it is in training.

    Args:
        model: The model, changed in place: its weights become parts of the vector, or copies of them.
        decay: Decay of the moving average; with 0, the average is the vector.

    Attributes:
        vector: All trained weights, (P,), in the widest of their types.
        gradient: Their gradient, (P,), as `gather` left it.
        average: A model like this one whose trained weights are parts of `average_vector`.
        average_vector: The moving average, (P,).
        moments: Adam's memory: means of the gradient and of its square, (P,), and the number of steps taken, ().
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.model, self.decay = model, decay
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        dtypes = {p.dtype for p in self.parameters}
        dtype = torch.float64 if torch.float64 in dtypes else torch.float32
        total = sum(p.numel() for p in self.parameters)
        self.vector, self.gradient = (torch.zeros(total, dtype=dtype, device=model.device) for _ in range(2))
        self.average_vector = torch.zeros_like(self.vector) if decay else self.vector
        self.parts, self._gradients, averages = map(self.split, (self.vector, self.gradient, self.average_vector))
        self.average = copy.deepcopy(model).requires_grad_(False).eval()
        for p, q, part, average in zip(self.parameters, self._twins(), self.parts, averages, strict=True):
            part.copy_(p.detach())
            average.copy_(part)
            q.data = average
            p.grad = None
        self._lower()
        self.moving: Tensor | None = None
        self.moments = {
            "mean": torch.zeros_like(self.vector),
            "square": torch.zeros_like(self.vector),
            "steps": torch.zeros((), dtype=torch.float32, device=model.device),
        }

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a vector, (P,), each of the shape and memory order of its weight."""
        pieces = vector.split([p.numel() for p in self.parameters])
        likes = [torch.empty_like(p, device="meta") for p in self.parameters]  # in the same memory order
        return [piece.as_strided(like.shape, like.stride()) for piece, like in zip(pieces, likes, strict=True)]

    def _twins(self) -> list[Tensor]:
        """The average model's weights, in the order of `parameters`."""
        trained = {name for name, p in self.model.named_parameters() if p.requires_grad}
        return [p for name, p in self.average.named_parameters() if name in trained]

    def _lower(self) -> None:
        """Makes the model's weights parts of the vector, or copies of them in a lower precision."""
        types = _run_in(self.model)
        self.copies, self.sources = [], []
        for p, part in zip(self.parameters, self.parts, strict=True):
            dtype = types.get(p, part.dtype)
            p.data = part.to(dtype)
            if p.dtype != part.dtype:
                self.copies.append(p.data)
                self.sources.append(part)

    def gather(self) -> Tensor:
        """Collects the gradients that backward left, clears them for the next step, and returns their norm."""
        found = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        torch._foreach_copy_(self._gradients, found)
        for p in self.parameters:
            p.grad = None
        return torch.linalg.vector_norm(self.gradient)

    def hold(self, held: Tensor) -> None:
        """Keeps all weights where they are while `held`, (), is true, which the host need not know."""
        self.gradient.masked_fill_(held, 0)  # a gradient that is not finite would make 0 times itself NaN
        self.moving = (~held).float()

    def move(self, step: int, lr: float) -> None:
        """Takes the optimiser's step with the gradient as it is, and moves the average towards the new weights.

        Args:
            step: Number of the step, from 0.
            lr: Learning rate.

        References:
            Adam: A method for stochastic optimization (Kingma and Ba, 2015).
        """
        adam(
            [self.vector],
            [self.gradient],
            [self.moments["mean"]],
            [self.moments["square"]],
            max_exp_avg_sqs=[],
            state_steps=[self.moments["steps"]],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=lr if self.moving is None else self.moving * lr,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
        every = max(1, round(FRESHNESS / (1 - self.decay)))
        if self.decay and step + 1 < every:
            self.average_vector.copy_(self.vector)  # there is nothing yet to average
        elif self.decay and (step + 1) % every == 0:
            weight = 1 - schedule.average_decay(step, self.decay) ** every
            self.average_vector.lerp_(self.vector, weight)
        self._publish()

    def _publish(self) -> None:
        """Renews what the networks run with after the vector has changed."""
        if self.copies:
            torch._foreach_copy_(self.copies, self.sources)

    def state_dict(self) -> dict[str, Tensor]:
        """The model's state dict, with every trained weight in full."""
        full = dict(zip(self.parameters, self.parts, strict=True))
        return {name: full.get(p, p) for name, p in self.model.state_dict(keep_vars=True).items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restores what `state_dict` gave."""
        for name, tensor in self.state_dict().items():
            tensor.data.copy_(state[name])
        self._publish()

    def release(self) -> None:
        """Ends the training: every weight has memory of its own again, in full precision."""
        for p, part in zip(self.parameters, self.parts, strict=True):
            p.data, p.grad = part.clone(), None


def _run_in(model: Model) -> dict[Tensor, torch.dtype]:
    """The type of each weight that autocast would cast at every use."""
    types: dict[Tensor, torch.dtype] = {}
    for network in model.modules():
        if isinstance(network, Network) and network.precision is not None:
            types |= {m.weight: network.precision for m in network.modules() if isinstance(m, CAST)}
    return types
