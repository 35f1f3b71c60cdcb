r"""Proposals for the latents of a row: mostly the encoder's posterior, sometimes the prior.

    r(z | x) = (1 - a) q(z | x) + a p(z)

An encoder may be far from p(z | x), above all for rows with gaps if it was trained on rows without. Then the weights
p(x | z) p(z) / q(z | x) have no bound, and a few of them decide everything without showing it. With the prior mixed in,
no weight exceeds p(x | z) / a (Hesterberg, 1995), at the price of the share a of the draws where the encoder is good.
Of a row of which nothing is known, the latents are distributed as in the prior, and a = 1.

References:
    Weighted average importance sampling and defensive mixture distributions (Hesterberg, 1995)
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from variate.data.batch import Batch
from variate.evaluation.groups import draw_posterior, log_posterior, log_prior, posterior_noise, prior_noise
from variate.models.base import Features, Model
from variate.runtime.random import RowStreams

PRIOR_SHARE = 0.1
"""Share of the proposals that comes from the prior, a."""


class ProposalNumbers(NamedTuple):
    """The random numbers of L proposals for each of N rows.

    Attributes:
        posterior: Standard normal numbers of each group for q, (L, N, *group.noise_shape).
        prior: Standard normal numbers of each group for p, (L, N, *group.prior_noise_shape).
        choice: Uniform numbers that choose between them, (L, N).
    """

    posterior: tuple[Tensor, ...]
    prior: tuple[Tensor, ...]
    choice: Tensor

    @classmethod
    def draw(cls, model: Model, streams: RowStreams, num_samples: int) -> "ProposalNumbers":
        """The next numbers of each row's stream."""
        posterior, prior = posterior_noise(model, streams, num_samples), prior_noise(model, streams, num_samples)
        return cls(posterior, prior, streams.uniform(num_samples, (), posterior[0]))

    def part(self, draws: slice) -> "ProposalNumbers":
        """Those of some of the L proposals."""
        posterior, prior = (tuple(noise[draws] for noise in own) for own in (self.posterior, self.prior))
        return ProposalNumbers(posterior, prior, self.choice[draws])

    def flat(self) -> "ProposalNumbers":
        """The same as one proposal for each of L N rows."""
        posterior, prior = (tuple(n.flatten(0, 1).unsqueeze(0) for n in own) for own in (self.posterior, self.prior))
        return ProposalNumbers(posterior, prior, self.choice.reshape(1, -1))


class Proposal(NamedTuple):
    """R(z|x) of N rows.

    Attributes:
        model: The model.
        batch: The rows, as the encoder takes them.
        features: What the model's `encode` gave for them.
        share: Share of the prior, a, of each row, (N,).
    """

    model: Model
    batch: Batch
    features: Features
    share: Tensor

    @classmethod
    def of(cls, model: Model, batch: Batch, share: Tensor) -> "Proposal":
        """The proposal for these rows."""
        return cls(model, batch, model.encode(batch), share)

    def draw(self, numbers: ProposalNumbers) -> tuple[Tensor, ...]:
        """Latents of each group, (L, N, *group.shape)."""
        q = draw_posterior(self.model, self.batch, numbers.posterior, self.features).latents
        p = self.model.complete(numbers.prior, self.batch.context)
        is_prior = numbers.choice < self.share
        return tuple(
            torch.where(is_prior.reshape(*is_prior.shape, *(1,) * (own.dim() - 2)), other, own)
            for own, other in zip(q, p, strict=True)
        )

    def log_ratio(self, latents: Sequence[Tensor]) -> Tensor:
        """Log p(z) - log r(z|x), (L, N), in nats, float64; at most -log a."""
        shape = latents[0].shape[:2]
        log_p = log_prior(self.model, latents, self.batch.context).double().expand(shape)
        log_q = log_posterior(self.model, latents, self.batch, self.features).double().expand(shape)
        share = self.share.double()
        log_r = torch.logaddexp(torch.log1p(-share) + log_q, share.log() + log_p)
        return torch.where(log_p == -torch.inf, log_p, log_p - log_r)
