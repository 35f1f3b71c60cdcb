"""What test_compile.py runs in a process of its own: the compiler cannot trace what the type checks of the tests wrap.

python compiled_worker.py             compiles, which takes a minute where nothing is in the compiler's cache
python compiled_worker.py traced      traces and differentiates what would be compiled, and runs the traces as they are

Prints one JSON object.
"""

import json
import sys
import warnings

import torch
import torch._inductor.config as inductor

from variate import Column, ModelOptions, VariateWarning, build, fit, likelihoods, log_evidence
from variate.likelihoods import fused as fusing
from variate.likelihoods.fused import fused, scoring
from variate.runtime.compile import compiled

EVENT = (3, 2)
NARROW = [Column(str(i), "counts", step=1, low=0, high=9) for i in range(3)]
WIDE = [Column(str(i), "real", step=1e-4, low=0, high=1e7) for i in range(3, 6)]  # cells of tiny widths
FAMILIES = {
    "bernoulli": (likelihoods.Bernoulli(EVENT), 2),
    "logistic mixture": (likelihoods.DiscretizedLogistic(EVENT, 16, 3, "conditional", None), 16),
    "categorical": (likelihoods.Categorical(EVENT, 16), 16),
    "poisson": (likelihoods.Poisson(EVENT), 9),
    "numbers of columns": (likelihoods.QuantileLogisticColumns([*NARROW, *WIDE], 2), 9),
}


def outputs_and_rows(name, draws=()):
    """A likelihood, random outputs of a decoder, and rows."""
    likelihood, levels = FAMILIES[name]
    x = torch.randint(0, levels, (7, *likelihood.event_shape))
    return likelihood, torch.randn(*draws, 7, *likelihood.out_shape, dtype=torch.float64, requires_grad=True), x


def differences(name, log_prob, draws=()):
    """The largest differences of a fused likelihood and of its gradient from autograd's."""
    likelihood, outputs, x = outputs_and_rows(name, draws)
    upstream = torch.rand(outputs.shape[: len(draws) + 1], dtype=torch.float64)
    results = []
    for way in (likelihood.log_prob, log_prob):
        found = way(outputs, x)
        results.append((found, torch.autograd.grad((upstream * found).sum(), outputs)[0]))
    return [float((a - b).abs().max()) for a, b in zip(*results, strict=True)]


def fused_differences():
    """Those of each family, once as they are compiled and once more in the opposite order.

    They are functions of the same code: none may run what was compiled for another, nor count towards its limit.
    """
    ways = {name: fused(likelihood) for name, (likelihood, _) in FAMILIES.items()}
    draws = {"bernoulli": (2,)}
    with torch._dynamo.config.patch(recompile_limit=1):
        return [differences(name, ways[name], draws.get(name, ())) for name in (*ways, *reversed(ways))]


def masked_differences():
    """The largest differences where a mask is given, which is scored without compilation."""
    likelihood, outputs, x = outputs_and_rows("logistic mixture")
    mask = torch.rand(x.shape) < 0.5
    expected = likelihood(outputs).log_prob(x, mask)
    ways = fused(likelihood), scoring(likelihood, (7,), 10**12, torch.device("cpu"))
    return [float((log_prob(outputs, x, mask) - expected).abs().max()) for log_prob in ways]


def elbo(compile, width, **options):
    """The validation ELBO of the last weights of a short run."""
    rows = torch.randint(0, 16, (40, 6), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    vae = build(rows, ModelOptions(latent=2, width=width, depth=1), seed=3)
    options = {"epochs": 4, "batch_size": 20, "lr": 1e-2, "ema": 0.0, "precision": "float32", **options}
    return fit(vae, rows, rows, compile=compile, **options).records[-1]["validation_elbo"]


def evidence(fast):
    """The bound of 13 rows, some of them in a last block of another shape."""
    fusing.SECONDS_TO_FUSE = 0 if fast else 1e99
    rows = torch.randint(0, 16, (13, 6), generator=torch.Generator().manual_seed(4)).to(torch.uint8)
    vae = build(rows, ModelOptions(latent=2, width=8, depth=1), seed=3)
    return log_evidence(vae, rows, 250, batch_size=500).log_evidence.tolist()


def broken():
    """What a compiler that does not work leads to: the warnings and the results of two calls."""
    inductor.cpp.cxx = ("/bin/false",)
    inductor.force_disable_caches = True
    function = compiled(lambda x: x.sin() * 3 + 1)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        results = [function(torch.zeros(5)).tolist() for _ in range(2)]
    return [str(w.message) for w in seen if issubclass(w.category, VariateWarning)], results


def without_compiler(compile=torch.compile):
    """Replaces torch.compile by one that leaves out the last step, the generation of C++."""

    def traced(function, **given):
        given = {name: value for name, value in given.items() if name != "options"}  # those of the last step
        return compile(function, **given, backend="aot_eager")

    torch.compile = traced


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    warnings.filterwarnings("error", "torch.compile failed")
    is_traced = sys.argv[1:] == ["traced"]
    if is_traced:
        without_compiler()
    found = {"fused": fused_differences(), "masked": masked_differences()}
    if is_traced:
        print(json.dumps(found))
        return
    plain, fast = [evidence(fast) for fast in (False, True)]
    found |= {"evidence": {"plain": plain, "fast": fast}}
    runs = {how: elbo(how, 8) for how in ("off", "on")}
    runs |= {f"{how}, wider": elbo(how, 12, samples=3, bound="iwae") for how in ("off", "likelihood")}
    print(json.dumps({**found, "runs": runs, "broken": broken()}))


if __name__ == "__main__":
    main()
