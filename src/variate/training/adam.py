"""Adam on one vector, in one pass."""

import torch
from torch import Tensor

BETAS = (0.9, 0.99)
"""The shorter memory of squared gradients was measured to reach a given ELBO sooner."""

EPSILON = 1e-8


class Adam:
    """Adam by torch's fused kernel, called straight: what `torch.optim` does around it takes as long as a small layer.

    Args:
        vector: What it moves, (P,).

    Attributes:
        moments: Its memory: running means of the gradient and of its square, (P,), and how many steps were taken, ().

    References:
        Adam: A method for stochastic optimization (Kingma and Ba, 2015).
    """

    def __init__(self, vector: Tensor) -> None:
        self.vector = vector
        steps = torch.zeros((), dtype=torch.float32, device=vector.device)
        self.moments = {"mean": torch.zeros_like(vector), "square": torch.zeros_like(vector), "steps": steps}

    def step(self, gradient: Tensor, lr: float, divisor: Tensor | None = None, held: Tensor | None = None) -> None:
        """Moves the vector.

        Args:
            gradient: (P,). It is divided in place.
            lr: Learning rate.
            divisor: What the gradient is divided by first, (), float32.
            held: 1 to leave everything as it is, else 0, (), float32; it need not be known to the host.
        """
        mean, square, steps = self.moments.values()
        steps += 1
        torch._fused_adam_(
            [self.vector],
            [gradient],
            [mean],
            [square],
            [],
            [steps],
            amsgrad=False,
            lr=lr,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
            grad_scale=divisor,
            found_inf=held,
        )
        if held is not None:
            steps -= held

    def load(self, moments: dict[str, Tensor]) -> None:
        """Puts the moments back."""
        for name, tensor in self.moments.items():
            tensor.copy_(moments[name])
