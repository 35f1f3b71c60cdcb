import torch
from scipy import special

from variate.distributions.interop import call_scipy, numpy_generator


def test_functions_of_scipy_broadcast_and_give_float64():
    a, x = torch.rand(3, 1, dtype=torch.float32), torch.rand(4, requires_grad=True)
    found = call_scipy("gammaincc", a, x)
    assert (found.dtype, found.shape, found.requires_grad) == (torch.float64, (3, 4), False)
    torch.testing.assert_close(found, torch.from_numpy(special.gammaincc(a.double().numpy(), x.detach().numpy())))
    assert call_scipy("expit", torch.tensor(0.0)).shape == ()


def test_a_numpy_generator_follows_the_torch_generator():
    draws = [numpy_generator(torch.Generator().manual_seed(seed)).random(3).tolist() for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    generator = torch.Generator().manual_seed(1)
    assert numpy_generator(generator).random() != numpy_generator(generator).random()
    torch.manual_seed(1)
    assert numpy_generator(None).random(3).tolist() == draws[0]
