r"""The best Gaussian of a family for each single row: what a perfect encoder would say.

q*(z|x) maximises ELBO[q] = E_q[log p(x,z) - log q(z)] over one row's own mean and scale, so that

    log p(x) - ELBO[q] = (log p(x) - ELBO[q*])  +  (ELBO[q*] - ELBO[q])
                         approximation gap         amortisation gap

(Cremer et al., 2018). It is found by stochastic gradients, starting at q = N(m, A A^T), in coordinates in which q is
standard, so that one step size suits every model: with all parameters starting at 0,

    mean  m + A delta,    scale  A exp(lambda)  or, for a full covariance,  A (diag exp(lambda) + strictly lower T).

The gradient leaves out the score of q, whose expectation is zero: it then vanishes where q is the true posterior.

References:
    Inference suboptimality in variational autoencoders (Cremer et al., 2018)
    Sticking the landing (Roeder et al., 2017)
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor

from variate.distributions import DiagonalGaussian, FullGaussian, Gaussian, IsotropicGaussian
from variate.errors import InputError
from variate.models.vae import VAE, Array, evaluating
from variate.runtime import device as machine
from variate.runtime.progress import progress
from variate.runtime.random import RowStreams

Family = Literal["same", "full"]

STEP_SIZE = 0.1
"""Of Adam at the start, in standard deviations of the encoder's q; it falls to zero as half a cosine."""


class Adjusted:
    """A Gaussian with parameters of its own for each row, starting at a given one.

    Args:
        q_z: The start, batch shape (N,).
        family: Stay in its family, or let the covariance be full.
    """

    def __init__(self, q_z: Gaussian, family: Family) -> None:
        self.start = q_z.detached()
        self.delta = torch.zeros_like(q_z.loc).requires_grad_()
        shared = isinstance(q_z, IsotropicGaussian) and family == "same"
        self.log_factor = torch.zeros_like(q_z.loc[..., :1] if shared else q_z.loc).requires_grad_()
        self.parameters = [self.delta, self.log_factor]
        self.full = family == "full" or isinstance(q_z, FullGaussian)
        if self.full:
            self.start = FullGaussian(self.start.loc, self.start.scale_tril)
            self.below = torch.zeros_like(self.start.scale_tril).requires_grad_()
            self.parameters.append(self.below)

    def groups(self) -> list[dict[str, Any]]:
        """The parameters with their step sizes: d numbers of a row of T together move as far as one elsewhere."""
        row = math.sqrt(self.delta.shape[-1])
        return [{"params": p, "peak": STEP_SIZE / (row if p.dim() > self.delta.dim() else 1)} for p in self.parameters]

    def __call__(self) -> Gaussian:
        """The Gaussian at the present parameters."""
        start, loc = self.start, self.start.loc + self.start.color(self.delta)
        if self.full:
            return FullGaussian(loc, start.scale_tril @ (torch.diag_embed(self.log_factor.exp()) + self.below.tril(-1)))
        if isinstance(start, IsotropicGaussian):
            return IsotropicGaussian(loc, start.log_scale + self.log_factor)
        assert isinstance(start, DiagonalGaussian)
        return DiagonalGaussian(loc, start.log_scale + self.log_factor)


def fit_posterior(
    vae: VAE,
    x: Array,
    family: Family = "same",
    *,
    steps: int = 300,
    num_samples: int = 8,
    chunk: int | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> Gaussian:
    """The member of the posterior's family, or the Gaussian of any covariance, that is best for each row on its own.

    Args:
        vae: The model, not changed.
        x: Rows as they are, (N, *event); a few dozen will do.
        family: "same" stays in the encoder's family; "full" lets every covariance be full.
        steps: Of the optimiser.
        num_samples: Draws a row and step.
        chunk: Rows at a time; the default suits the size of a row.
        seed: Of the draws.
        show_progress: Show a progress bar on standard error, on a terminal.

    Returns:
        q*, with batch shape (N,).

    Raises:
        InputError: If a number is not positive, or the rows are not what the model takes.
    """
    rows = vae.rows(x)
    for name, value in (("rows of x", len(rows)), ("steps", steps), ("num_samples", num_samples), ("chunk", chunk)):
        if value is not None and value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    chunk = chunk or machine.rows_at_once(num_samples * math.prod(vae.event_shape), vae.device)
    found = []
    with evaluating(vae), progress("fitting posteriors", steps * len(rows), show_progress) as tell:
        for part in torch.arange(len(rows)).split(chunk):
            streams = RowStreams(seed, part.tolist(), "posterior")
            batch = rows[part].to(vae.device)
            adjusted = Adjusted(vae.posterior(batch), family)
            optimizer = torch.optim.Adam(adjusted.groups())
            averaged = [torch.zeros_like(p) for p in adjusted.parameters]
            for step in range(steps):
                for group in optimizer.param_groups:
                    group["lr"] = 0.5 * group["peak"] * (1 + math.cos(math.pi * step / steps))
                eps = streams.normal(num_samples, adjusted.delta.shape[-1], adjusted.delta)
                _climb(vae, batch, adjusted, eps, optimizer)
                if step >= steps // 2:
                    torch._foreach_add_(averaged, adjusted.parameters, alpha=1 / (steps - steps // 2))
                tell(len(part))
            torch._foreach_copy_(adjusted.parameters, averaged)
            found.append(adjusted().detached())
    return _joined(found)


def _climb(vae: VAE, x: Tensor, adjusted: Adjusted, eps: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """One step up the ELBO of each row; the model's own parameters take no part."""
    with torch.enable_grad():
        q_z = adjusted()
        z = q_z.loc + q_z.color(eps)
        log_w = vae.likelihood(z).log_prob(x) + vae.prior.log_prob(z) - q_z.detached().log_prob(z)
        loss = -log_w.mean(0).sum()
    for parameter, gradient in zip(adjusted.parameters, torch.autograd.grad(loss, adjusted.parameters), strict=True):
        parameter.grad = gradient
    optimizer.step()


def _joined(parts: list[Gaussian]) -> Gaussian:
    """One Gaussian of the batches of several of one family."""
    loc = torch.cat([q.loc for q in parts])
    if isinstance(parts[0], FullGaussian):
        return FullGaussian(loc, torch.cat([q.scale_tril for q in parts]))
    log_scale = torch.cat([q.log_scale for q in parts if isinstance(q, IsotropicGaussian | DiagonalGaussian)])
    return (IsotropicGaussian if isinstance(parts[0], IsotropicGaussian) else DiagonalGaussian)(loc, log_scale)
