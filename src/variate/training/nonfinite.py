"""Finding where a number first stopped being finite.

The training step notices a non-finite loss or gradient before the optimiser uses it. Since a step's draws are a
function of its number, the step can be run again, slowly and with hooks on every layer, to name the row, the term and
the layer.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from variate.errors import Option, Sentence
from variate.models.base import Model
from variate.objectives import Scored
from variate.runtime.distributed import Processes


class NonFiniteError(ArithmeticError):
    """A loss or gradient was NaN or infinite; the optimiser's step was not taken. All processes raise the same
    error.
    """

    same_on_all_processes = True


def explain(
    model: Model, score: Callable[[], Scored], index: Tensor, step: int, processes: Processes
) -> NonFiniteError:
    """Runs the failing step again and says where it went wrong.

    Args:
        model: The model, with the weights from before the step.
        score: Scores the step's batch with the step's own draws.
        index: Numbers of the batch's rows in the training data, (B,).
        step: The step's number.
        processes: The processes of the run.

    Returns:
        The error to raise: of several processes, that of the first that finds the cause among its own rows.
    """
    found = processes.gather(_cause(model, score, index))
    what, layer = next((f for f in found if f.is_certain), found[0])[:2]
    where = f", first in layer {layer}" if layer else ""
    remedy = ("; look at that row, lower ", Option("lr"), ", or use ", Option("precision", "float32"))
    return NonFiniteError(Sentence(f"training stopped before step {step} was taken: {what}{where}", *remedy))


class Cause(NamedTuple):
    """What was not finite, the layer in which that was seen first ("" for none), and whether it is one row's."""

    what: str
    layer: str
    is_certain: bool = True


def _cause(model: Model, score: Callable[[], Scored], index: Tensor) -> Cause:
    bad_weights = [name for name, weight in model.named_parameters() if not weight.isfinite().all()]
    if bad_weights:
        return Cause(f"the weights {bad_weights[0]!r} are not finite already", "")
    with _first_nonfinite_output(model) as layers:
        scored = score()
    layer = layers[0] if layers else ""
    for term in ("distortion", "rate"):
        finite = getattr(scored.terms, term).isfinite()
        if not finite.all():
            return Cause(f"the {term} of row {_first(index, finite)} is not finite", layer)
    if not scored.objective.isfinite().all():
        return Cause(f"the objective of row {_first(index, scored.objective.isfinite())} is not finite", layer)
    row, layer = _nonfinite_gradient(model, scored, index)
    return Cause(f"the loss is finite but the gradient of row {row} is not", layer, isinstance(row, int))


def _first(index: Tensor, finite: Tensor) -> int:
    return int(index[(~finite).nonzero()[0, 0].to(index.device)])


@contextmanager
def _first_nonfinite_output(model: nn.Module) -> Iterator[list[str]]:
    """Collects the names of the layers whose output is not finite, in the order in which they run."""
    found: list[str] = []

    def watch(name: str, kind: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and not output.isfinite().all():
                found.append(f"{name} ({kind})")

        return hook

    leaves = [(name, m) for name, m in model.named_modules() if not list(m.children())]
    handles = [module.register_forward_hook(watch(name, type(module).__name__)) for name, module in leaves]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _nonfinite_gradient(model: nn.Module, scored: Scored, index: Tensor) -> tuple[int | str, str]:
    """The first row with a non-finite gradient, and the layer it appears in first on the way back."""
    names, weights = zip(*model.named_parameters(), strict=True)
    for row, objective in zip(index.tolist(), scored.objective, strict=True):
        gradients = torch.autograd.grad(objective, weights, retain_graph=True, allow_unused=True)
        bad = [n for n, g in zip(names, gradients, strict=True) if g is not None and not g.isfinite().all()]
        if bad:
            return row, bad[-1].rpartition(".")[0]
    return "(none alone, only their sum)", "unknown"
