"""Everything that may be passed as rows or as a model, and what each public function makes of it.

Run as a program, it calls every function with every case and prints what happened as JSON. It has an interpreter of its
own, since the tests' type checker would be quicker than the functions to refuse most of it.
"""

import copy
import json
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import torch
from scipy import sparse
from torch.utils.data import DataLoader, TensorDataset

import variate
from variate import ModelOptions, Schema, TrainingOptions, from_arrays
from variate.data.source import Source

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype(np.float32).astype(np.float64)
COUNTS = RNG.poisson(4, (12, 4))
SMALL = ModelOptions(latent=2, width=8, depth=1)
SHORT = {"epochs": 1, "compile": "off", "precision": "float32"}


def fitted(model, *data, **options):
    """The mean ELBO of the last steps of a copy that is trained on the data."""
    with torch.inference_mode(False):
        copied = copy.deepcopy(model)
    return variate.fit(copied, *data, TrainingOptions(**SHORT), **options).records[-1]["train_elbo"]


class Function(NamedTuple):
    """A public function of a model and rows.

    Attributes:
        call: It, at the least cost.
        argument: What it calls the rows.
    """

    call: Callable[[Any, Any], Any]
    argument: str = "x"


def budget(model, rows):
    return variate.gap_budget(model, rows, num_rows=2, num_samples=2, steps=1, fit_samples=1).elbo


FUNCTIONS = {
    "elbo": Function(lambda model, rows: variate.elbo(model, rows).elbo),
    "fit": Function(lambda model, rows: fitted(model, rows, None), "train"),
    "build": Function(lambda model, rows: variate.build(rows, SMALL).sample(2, mean=True, seed=0), "data"),
    "from_arrays": Function(lambda model, rows: from_arrays(rows).all().x.double(), "data"),
    "validation": Function(lambda model, rows: fitted(model, X, rows), "validation"),
    "log_evidence": Function(lambda model, rows: variate.log_evidence(model, rows, 4).log_evidence),
    "annealed_evidence": Function(lambda model, rows: variate.annealed_evidence(model, rows, num_steps=1).log_evidence),
    "evaluate": Function(lambda model, rows: variate.evaluate(model, rows).elbo.value),
    "gap_budget": Function(budget),
    "impute": Function(lambda model, rows: variate.impute(model, rows, num_samples=4).rows),
    "score": Function(lambda model, rows: variate.score(model, rows).score),
    "reference_scores": Function(lambda model, rows: variate.reference_scores(model, rows).bound),
    "interpolate": Function(lambda model, rows: variate.interpolate(model, rows, steps=2).rows),
    "traverse": Function(lambda model, rows: variate.traverse(model, rows, stops=2).rows, "data"),
    "shift": Function(lambda model, rows: variate.shift(model, rows, X[:6], X[6:]).rows),
    "neighbours": Function(lambda model, rows: variate.neighbours(model, rows, X, k=2).distance),
    "embed": Function(lambda model, rows: model.embed(rows).mean),
    "reconstruct": Function(lambda model, rows: model.reconstruct(rows)),
    "diagnose": Function(lambda model, rows: variate.diagnose(model, rows).examination.test.value),
}
FIRST = ("elbo", "fit", "build", "from_arrays")
"""One function for each way in."""


def mapped(folder):
    np.save(Path(folder) / "x.npy", X)
    return np.load(Path(folder) / "x.npy", mmap_mode="r")


def read_only():
    array = X.copy()
    array.flags.writeable = False
    return array


def inference():
    with torch.inference_mode():
        return torch.from_numpy(X) * 1


def with_value(value):
    array = X.copy()
    array[3, 1] = value
    return array


TENSOR = torch.from_numpy(X)
WORKING: dict[str, tuple[Callable[[str], Any], np.ndarray]] = {
    "an array": (lambda _: X, X),
    "a tensor": (lambda _: TENSOR, X),
    "a tensor with a gradient": (lambda _: TENSOR.clone().requires_grad_() * 1, X),
    "a parameter": (lambda _: torch.nn.Parameter(TENSOR.clone()), X),
    "a tensor of inference mode": (lambda _: inference(), X),
    "a transposed tensor": (lambda _: TENSOR.T.contiguous().T, X),
    "a negative view": (lambda _: torch._neg_view(-TENSOR), X),
    "bfloat16": (lambda _: TENSOR.bfloat16(), TENSOR.bfloat16().double().numpy()),
    "half precision": (lambda _: TENSOR.half(), TENSOR.half().double().numpy()),
    "half precision of numpy": (lambda _: X.astype(np.float16), X.astype(np.float16).astype(np.float64)),
    "float32": (lambda _: X.astype(np.float32), X),
    "long double": (lambda _: X.astype(np.longdouble), X),
    "a sparse tensor": (lambda _: TENSOR.to_sparse(), X),
    "a sparse tensor by rows": (lambda _: TENSOR.to_sparse_coo().coalesce(), X),
    "a list of lists": (lambda _: X.tolist(), X),
    "a tuple of tuples": (lambda _: tuple(map(tuple, X.tolist())), X),
    "a list of arrays": (lambda _: list(X), X),
    "a list of tensors": (lambda _: list(TENSOR.clone().requires_grad_()), X),
    "a matrix": (lambda _: X.view(np.matrix), X),
    "a memory map": (mapped, X),
    "read-only": (lambda _: read_only(), X),
    "reversed": (lambda _: X[::-1].copy()[::-1], X),
    "by columns": (lambda _: np.asfortranarray(X), X),
    "foreign byte order": (lambda _: X.astype(X.dtype.newbyteorder()), X),
    "masked nowhere": (lambda _: np.ma.array(X, mask=np.zeros(X.shape, bool)), X),
    "two rows": (lambda _: X[:2], X[:2]),
    "NaN": (lambda _: with_value(np.nan), np.ma.masked_invalid(with_value(np.nan))),
    "a tensor with NaN": (lambda _: torch.from_numpy(with_value(np.nan)), np.ma.masked_invalid(with_value(np.nan))),
}
"""What is taken as rows, made in a folder, and the rows that it means."""


class Frame:
    """What a data frame looks like to numpy."""

    columns = ("a", "b", "c", "d")

    def __array__(self, dtype=None, copy=None):
        return X


def structured():
    return np.zeros(12, [(name, "f8") for name in "abcd"])


REFUSED: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "None": (lambda: None, ("validation",)),
    "a text": (lambda: "digits", ()),
    "a path": (lambda: Path("x.npy"), ()),
    "a number": (lambda: 3.0, ()),
    "a generator": (lambda: (row for row in X), ()),
    "a map": (lambda: map(list, X), ()),
    "a set": (lambda: set(X[:, 0].tolist()), ()),
    "a loader": (lambda: DataLoader(TensorDataset(TENSOR)), ()),
    "a torch data set": (lambda: TensorDataset(TENSOR), ()),
    "a dict of arrays": (lambda: {"train": X, "test": X}, ()),
    "rows and labels": (lambda: (X, np.arange(12)), ()),
    "two parts": (lambda: (X, X), ()),
    "a class": (lambda: np.ndarray, ()),
    "a function": (lambda: from_arrays, ()),
    "a model": (lambda: model_of(X), ()),
    "a batch": (lambda: from_arrays(X).all(), ()),
    "a source": (lambda: Source(from_arrays(X)), ("build",)),
    "a table": (lambda: pa.table({"a": X[:, 0], "b": X[:, 1]}), ("build",)),
    "a frame": (Frame, ()),
    "a sparse matrix": (lambda: sparse.csr_matrix(X), ()),
    "no axes": (lambda: np.array(3.0), ()),
    "labels": (lambda: np.arange(12), ()),
    "labels as floats": (lambda: torch.arange(12.0), ()),
    "five axes": (lambda: np.zeros((2, 1, 2, 2, 2)), ()),
    "no rows": (lambda: np.zeros((0, 4)), ()),
    "no columns": (lambda: np.zeros((4, 0)), ()),
    "another width": (lambda: np.zeros((12, 3)) + np.arange(12)[:, None] / 7, ("build", "from_arrays")),
    "objects": (lambda: np.full((12, 4), None), ()),
    "numbers as objects": (lambda: X.astype(object), ()),
    "texts": (lambda: X.astype(str), ()),
    "bytes": (lambda: X.astype("S8"), ()),
    "dates": (lambda: X.astype("M8[s]"), ()),
    "times": (lambda: X.astype("m8[s]"), ()),
    "records": (structured, ()),
    "complex": (lambda: X + 0j, ()),
    "a complex tensor": (lambda: TENSOR + 0j, ()),
    "a meta tensor": (lambda: torch.zeros(12, 4, device="meta"), ()),
    "rows of different lengths": (lambda: [[1.0, 2.0], [3.0]], ()),
    "tensors of different lengths": (lambda: [torch.zeros(3), torch.zeros(4)], ()),
    "an empty list": (list, ()),
    "a list of frames": (lambda: [Frame(), Frame()], ()),
    "a list of dicts": (lambda: [{"a": 1.0}, {"a": 2.0}], ()),
    "infinity": (lambda: with_value(-np.inf), ()),
    "an infinite tensor": (lambda: torch.from_numpy(with_value(np.inf)), ()),
    "a number beyond float32": (lambda: with_value(1e200), ("from_arrays",)),
    "masked everywhere": (lambda: np.ma.array(X, mask=True), ()),
}
"""What is refused as rows, with the functions that take it all the same."""


def model_of(rows):
    model = variate.build(rows, SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return model


def with_weight(value):
    model = model_of(X)
    with torch.no_grad():
        next(model.parameters()).flatten()[0] = value
    return model


def with_scaling():
    model = model_of(X)
    model.encoder.inputs.offset[0] = torch.nan
    return model


def on_meta():
    return model_of(X).to("meta")


MODELS: dict[str, Callable[[], Any]] = {
    "rows": lambda: X,
    "None": lambda: None,
    "a class": lambda: variate.VAE,
    "a path": lambda: "model.safetensors",
    "another module": lambda: torch.nn.Linear(4, 4),
    "wrapped": lambda: torch.nn.Sequential(model_of(X)),
    "half precision": lambda: model_of(X).half(),
    "bfloat16": lambda: model_of(X).bfloat16(),
    "NaN among the weights": lambda: with_weight(torch.nan),
    "an infinite weight": lambda: with_weight(torch.inf),
    "NaN among the scalings": with_scaling,
    "on the meta device": on_meta,
}
OF_NO_MODEL = ("build", "from_arrays")
METHODS = ("embed", "reconstruct")
"""Functions of a model that only a model has."""
OTHERS = {
    "evidence_sandwich": lambda model, _: variate.evidence_sandwich(model, num_rows=2, num_steps=1).lower,
    "sample": lambda model, _: model.sample(2, seed=0),
}
"""Functions of a model that take no rows."""

MODES: dict[str, Callable[[], Any]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "the meta device": lambda: torch.device("meta"),
    "float64 by default": lambda: defaults(torch.float64),
    "deterministic algorithms": lambda: deterministic(),
}
"""What a caller may have switched on."""


@contextmanager
def defaults(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


def outcome(call, *arguments):
    """What a call returns, as numbers, or the fields of what it raises."""
    try:
        found = call(*arguments)
    except Exception as error:
        fields = {name: getattr(error, name, str(error)) for name in ("argument", "expected", "got", "remedy")}
        return {"error": type(error).__name__, **fields}
    return {"value": found.flatten().tolist() if isinstance(found, torch.Tensor) else [found]}


def state():
    """What the process and torch share with the caller."""
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": [str(part) for part in np.random.get_state()],
        "python": str(random.getstate()),
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "threads": torch.get_num_threads(),
        "gradients": [torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")],
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "printing": [str(torch._tensor_str.PRINT_OPTS), str(np.get_printoptions())],
        "numpy errors": np.geterr(),
        "filters": [repr(rule) for rule in warnings.filters],
        "signals": [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "recursion": sys.getrecursionlimit(),
    }


def of_model(model):
    """What a model is and holds."""
    return {
        "weights": {name: tensor.tolist() for name, tensor in model.state_dict().items()},
        "trained": {name: p.requires_grad for name, p in model.named_parameters()},
        "gradients": {name: None if p.grad is None else p.grad.tolist() for name, p in model.named_parameters()},
        "training": {name: module.training for name, module in model.named_modules()},
        "precision": {name: str(getattr(module, "precision", "")) for name, module in model.named_modules()},
        "recipe": str(model.recipe),
    }


def left_behind(model):
    """What each function changed that is not its own: of the process, of the rows, of the model."""
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model.train()
    model.decoder.eval()
    model.set_precision(torch.bfloat16)
    found = {}
    for name, function in FUNCTIONS.items() | {(name, Function(call)) for name, call in OTHERS.items()}:
        rows, before = X.copy(), (state(), of_model(model))
        function.call(model, rows)
        after = (state(), of_model(model))
        changed = [key for old, new in zip(before, after, strict=True) for key in old if old[key] != new[key]]
        found[name] = changed + ["rows"] * (not np.array_equal(rows, X))
    return found


def main():
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", variate.VariateWarning)
    torch.set_num_threads(1)
    model, counts = model_of(X), model_of(from_arrays(COUNTS, schema=Schema("counts", (4,))))
    found: dict[str, Any] = {"working": {}, "refused": {}, "models": {}, "counts": {}, "modes": {}}
    with tempfile.TemporaryDirectory() as folder:
        for case, (make, rows) in WORKING.items():
            for name in FIRST if case != "masked nowhere" else [n for n in FUNCTIONS if n != "diagnose"]:
                pair = [outcome(FUNCTIONS[name].call, model, given) for given in (make(folder), np.array(rows))]
                found["working"][f"{name} of {case}"] = pair
    for case, (make, _) in REFUSED.items():
        for name, function in FUNCTIONS.items():
            found["refused"][f"{name} of {case}"] = outcome(function.call, model, make())
    for case, make in MODELS.items():
        for name, call in [*((name, function.call) for name, function in FUNCTIONS.items()), *OTHERS.items()]:
            found["models"][f"{name} by {case}"] = outcome(call, make(), X)
    for dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        for kind, given in (("array", COUNTS.astype(dtype)), ("tensor", torch.from_numpy(COUNTS.astype(dtype)))):
            pair = [outcome(FUNCTIONS["elbo"].call, counts, rows) for rows in (given, COUNTS)]
            found["counts"][f"{dtype} {kind}"] = pair
    found["counts"]["beyond int64"] = outcome(FUNCTIONS["elbo"].call, counts, COUNTS.astype("u8") + np.uint64(2**63))
    for mode, around in {"nothing": nullcontext, **MODES}.items():
        for name, call in [*((name, function.call) for name, function in FUNCTIONS.items()), *OTHERS.items()]:
            if name != "diagnose":
                with around():
                    value = outcome(call, model, X)
                found["modes"][f"{name} under {mode}"] = value
    found["left"] = left_behind(model)  # the last, for it changes the model
    print(json.dumps(found))


if __name__ == "__main__":
    main()
