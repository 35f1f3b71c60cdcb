"""Finding where a number first stopped being finite.

The training step notices a non-finite loss or gradient before the optimiser uses it. Since a step's draws are a
function of its number, the step can be run again, slowly and with hooks on every layer, to name the row, the term and
the layer.

What to do about it depends on the cause, which is told by trying: numbers in the row whose squares overflow; networks
in bfloat16, if the same step in full precision is finite; else, after the first step, a learning rate that let the
weights grow.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from variate.data.batch import Batch
from variate.data.wording import type_name
from variate.errors import NonFiniteError, Option, Sentence
from variate.models.base import Model
from variate.models.network import Network
from variate.objectives import Scored
from variate.runtime.distributed import Processes


def explain(
    model: Model, score: Callable[[], Scored], batch: Batch, index: Tensor, step: int, processes: Processes
) -> NonFiniteError:
    """Runs the failing step again and says where it went wrong.

    Args:
        model: The model, with the weights from before the step.
        score: Scores the step's batch with the step's own draws.
        batch: The step's rows, (B,).
        index: Numbers of the batch's rows in the training data, (B,).
        step: The step's number.
        processes: The processes of the run.

    Returns:
        The error to raise: of several processes, that of the first that finds the cause among its own rows.
    """
    own = _cause(model, score, index)
    x = batch.x if batch.mask is None else batch.x.masked_fill(~batch.mask, 0)
    found = processes.gather((own, _remedy(model, score, x, own.place, step)))
    cause, remedy = next(((cause, remedy) for cause, remedy in found if cause.is_certain), found[0])
    where = f", first in layer {cause.layer}" if cause.layer else ""
    said = f"training stopped before step {step} was taken: {cause.what}{where}; "
    return NonFiniteError(Sentence(said, remedy))


class Cause(NamedTuple):
    """What was not finite.

    Attributes:
        what: A name for it.
        layer: The layer in which it was seen first; "" for none.
        place: Position of the row in the batch; None if it is not of one row.
        is_certain: Whether it is known to be so.
    """

    what: str
    layer: str
    place: int | None = None
    is_certain: bool = True


def _cause(model: Model, score: Callable[[], Scored], index: Tensor) -> Cause:
    bad_weights = [name for name, weight in model.named_parameters() if not weight.isfinite().all()]
    if bad_weights:
        return Cause(f"the weights {bad_weights[0]!r} are not finite already", "")
    with _first_nonfinite_output(model) as layers:
        scored = score()
    layer = layers[0] if layers else ""
    values = {"distortion": scored.terms.distortion, "rate": scored.terms.rate, "objective": scored.objective}
    for term, value in values.items():
        finite = value.isfinite()
        if not finite.all():
            place = int((~finite).nonzero()[0, 0])
            return Cause(f"the {term} of row {int(index[place])} is not finite", layer, place)
    found, layer = _nonfinite_gradient(model, scored)
    if found is None:
        return Cause("the loss and the gradient of each row are finite but their sum is not", "", is_certain=False)
    return Cause(f"the loss is finite but the gradient of row {int(index[found])} is not", layer, found)


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


def _nonfinite_gradient(model: nn.Module, scored: Scored) -> tuple[int | None, str]:
    """The first row with a non-finite gradient, None if there is none, and the layer where it appears first on the way
    back.
    """
    names, weights = zip(*((name, p) for name, p in model.named_parameters() if p.requires_grad), strict=True)
    for place, objective in enumerate(scored.objective):
        gradients = torch.autograd.grad(objective, weights, retain_graph=True, allow_unused=True)
        bad = [n for n, g in zip(names, gradients, strict=True) if g is not None and not g.isfinite().all()]
        if bad:
            return place, bad[-1].rpartition(".")[0]
    return None, ""


def _remedy(model: Model, score: Callable[[], Scored], x: Tensor, place: int | None, step: int) -> Sentence:
    """What to do about a step that is not finite.

    Args:
        model: The model; its networks are left in full precision.
        score: Scores the step's batch.
        x: The rows of the batch.
        place: Position of the row that is not finite; None where it is no single one.
        step: The step's number.
    """
    dtype, largest = type_name(model.dtype), float((x if place is None else x[place]).double().abs().max())
    limit = math.sqrt(torch.finfo(model.dtype).max)
    finite_in_full = _is_finite_in_full(model, score)  # on every process: scoring may exchange means
    if largest > limit:
        what = f"the data hold {largest:.2g}, and squares of numbers above {limit:.1g} overflow in {dtype}"
        return Sentence(f"{what}: rescale the data, or leave out such rows")
    if finite_in_full:
        return Sentence("the networks overflow in bfloat16: use ", Option("precision", "float32"))
    if step:
        at_row = "" if place is None else ", or look at that row"
        return Sentence("the weights have grown too large: lower ", Option("lr"), at_row)
    return Sentence("the weights are those from the start: look at that row, and at that layer if it is your own")


def _is_finite_in_full(model: Model, score: Callable[[], Scored]) -> bool:
    """Whether networks in lower precision are what makes a step not finite. They are left in full precision."""
    if not any(module.precision for module in model.modules() if isinstance(module, Network)):
        return False
    model.set_precision(None)
    for weight in model.parameters():
        weight.data = weight.data.to(model.dtype)
    objective = score().objective
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(objective.sum(), trained, allow_unused=True)
    return all(bool(part.isfinite().all()) for part in (objective, *gradients) if part is not None)
