import pytest
import torch
from torch.distributions import Independent, Laplace

import variate
from variate.distributions import DiagonalGaussian, FullGaussian, IsotropicGaussian, StandardNormal
from variate.distributions.foreign import Foreign, Pushforward
from variate.distributions.mixture import GaussianMixture
from variate.models import capabilities
from variate.models.capabilities import offers

GAUSSIANS = {
    "isotropic": IsotropicGaussian(torch.zeros(3, 2), torch.zeros(3, 1)),
    "diagonal": DiagonalGaussian(torch.zeros(3, 2), torch.zeros(3, 2)),
    "full": FullGaussian(torch.zeros(3, 2), torch.eye(2)),
    "standard": StandardNormal(2),
}
MIXTURE = GaussianMixture(torch.zeros(3), GAUSSIANS["diagonal"])
FOREIGN = Foreign(Independent(Laplace(torch.zeros(2), torch.ones(2)), 1))
FLOW = Pushforward(FOREIGN.distribution, GAUSSIANS["standard"], torch.exp)
CONDITIONALS = {**GAUSSIANS, "mixture": MIXTURE, "foreign": FOREIGN, "flow": FLOW}

OFFERED = {
    "Moments": {*GAUSSIANS, "mixture"},
    "Marginals": {*GAUSSIANS, "mixture"},
    "Bounded": {"foreign", "flow"},
    "PerRow": {*GAUSSIANS},
    "Convertible": {*GAUSSIANS},
    "Pairwise": {*GAUSSIANS},
    "Precisions": {*GAUSSIANS},
    "Adjustable": {*GAUSSIANS},
    "OffersFeatures": set(),
}


def protocols():
    found = {name: value for name, value in vars(capabilities).items() if getattr(value, "_is_protocol", False)}
    found.pop("Protocol", None)
    return found


def test_every_capability_is_in_the_table():
    assert OFFERED.keys() == protocols().keys()


@pytest.mark.parametrize("name", CONDITIONALS)
@pytest.mark.parametrize("capability", OFFERED)
def test_conditionals_offer_what_the_table_says(capability, name):
    conditional = CONDITIONALS[name]
    found = offers(conditional, protocols()[capability])
    assert found is (conditional if name in OFFERED[capability] else None)


def test_a_vae_offers_the_features_of_rows_and_what_is_missing_is_not_read():
    rows = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    vae = variate.build(rows.numpy(), variate.ModelOptions(latent=2, width=8, depth=1))
    found = offers(vae, capabilities.OffersFeatures)
    assert found is vae
    mask = torch.ones(9, 4, dtype=torch.bool)
    mask[0, 1] = False
    features = found.features(rows.where(mask, torch.nan), mask)
    assert features[0, 1] == 0
    torch.testing.assert_close(features[1:], ((rows - rows.mean(0)) / rows.std(0, correction=0))[1:].to(features))
