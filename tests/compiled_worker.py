"""What test_compiling.py runs in its own process: the compiler cannot trace what the type checks of the tests wrap.

Prints one JSON object of largest differences.
"""

import json
import warnings

import torch
import torch._inductor.config as inductor

from variate import ModelOptions, build, fit, likelihoods, log_evidence
from variate.distributions.support import trusting
from variate.runtime import compile as compiling
from variate.runtime.compile import compiled, fused

EVENT = (3, 2)
FAMILIES = {
    "bernoulli": (likelihoods.Bernoulli(EVENT), 2),
    "logistic mixture": (likelihoods.DiscretizedLogistic(EVENT, 16, 3, "conditional", None), 16),
    "categorical": (likelihoods.Categorical(EVENT, 16), 16),
    "poisson": (likelihoods.Poisson(EVENT), 9),
}


def fused_differences(name, draws):
    """Of a fused likelihood and its gradient from autograd's."""
    likelihood, levels = FAMILIES[name]
    x = torch.randint(0, levels, (7, *EVENT))
    outputs = torch.randn(*draws, len(x), *likelihood.out_shape, dtype=torch.float64, requires_grad=True)
    upstream = torch.rand(*draws, len(x), dtype=torch.float64)
    expected = likelihood(outputs).log_prob(x)
    (gradient,) = torch.autograd.grad((upstream * expected).sum(), outputs)
    with trusting():
        found = fused(likelihood)(outputs, x)
    (found_gradient,) = torch.autograd.grad((upstream * found).sum(), outputs)
    return [float((found - expected).abs().max()), float((found_gradient - gradient).abs().max())]


def of_their_own():
    """What three functions of the same code give, in two orders."""
    x = torch.arange(3.0)
    functions = [compiled(lambda x, factor=factor: x * factor) for factor in (2.0, 5.0, 7.0)]
    return [f(x).tolist() for f in (*functions, *reversed(functions))]


def elbo(compile, width, **options):
    """Of a short run."""
    rows = torch.randint(0, 16, (60, 6), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    vae = build(rows, ModelOptions(latent=2, width=width, depth=1), seed=3)
    options = {"epochs": 4, "batch_size": 20, "lr": 3e-3, "precision": "float32", **options}
    record = fit(vae, rows, rows, compile=compile, **options).records[-1]
    assert vae.decoder.score is None
    return record["validation_elbo"]


def evidence(fast):
    """The bound of 13 rows, some of them in a last block of another shape."""
    compiling.SECONDS_TO_FUSE = 0 if fast else 1e99
    torch.manual_seed(4)
    rows = torch.randint(0, 16, (13, 6)).to(torch.uint8)
    vae = build(rows, ModelOptions(latent=2, width=8, depth=1), seed=3)
    result = log_evidence(vae, rows, 250, chunk=500).log_evidence.tolist()
    assert vae.decoder.score is None
    return result


def broken():
    """What comes of a compiler that does not work: the warning, and the result."""
    inductor.cpp.cxx = ("/bin/false",)
    inductor.force_disable_caches = True
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = compiled(lambda x: x.sin() * 3 + 1)(torch.zeros(5)).tolist()
    return [[str(w.message) for w in seen if issubclass(w.category, compiling.VariateWarning)], result]


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    runs = {f"{how} {width}": elbo(how, width) for width in (8, 12) for how in ("off", "likelihood", "on")}
    runs |= {f"{how} of three draws": elbo(how, 8, samples=3, bound="iwae") for how in ("off", "likelihood")}
    fusions = {name: fused_differences(name, ()) for name in FAMILIES}
    fusions["bernoulli of two draws"] = fused_differences("bernoulli", (2,))
    found = {"runs": runs, "fused": fusions, "own": of_their_own()}
    found |= {"evidence": [evidence(fast) for fast in (True, False)], "broken": broken()}
    print(json.dumps(found))
