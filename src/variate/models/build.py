"""Builds models from recipes: the only module that turns the names of `variate.config.parts` into objects."""

import sys
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from variate.config.defaults import choose, choose_network
from variate.config.parts import LIKELIHOODS, NETWORKS, POSTERIORS, PRIORS, load_part
from variate.config.recipe import ModelOptions, Recipe
from variate.config.schema import Schema
from variate.data.arrays import from_arrays
from variate.data.conversion import Frame, as_array, is_frame
from variate.data.dataset import Dataset, Splits
from variate.data.readers.sources import read
from variate.data.source import Source
from variate.data.wording import first_line, type_name
from variate.errors import InputError, Option, Sentence
from variate.likelihoods.gaps import WithGaps
from variate.limits import Seed, checked_arguments
from variate.models.base import Model
from variate.models.checked import WEIGHT_TYPES, Array, check, expected
from variate.models.contexts import ContextChannels, ContextFrame, Contexts
from variate.models.vae import VAE, Decoder, Encoder
from variate.networks import ACTIVATIONS, ColumnInputs, Ends, Inputs, Standardize
from variate.runtime import memory
from variate.runtime.modes import own_modes
from variate.runtime.random import seeded
from variate.runtime.shapes import shapes_only

SIZES = ("latent", "width", "depth", "components")
"""The options that are sizes."""

THE_MODEL = "the model"
"""What errors call a model whose sizes are wrong as a whole."""

ROWS_EXPECTED = 10_000
"""Number of training rows assumed when only the schema is known."""

PIXEL_FLOOR = 0.2
"""Added to the standard deviation that a pixel is divided by, as a fraction of the spread of all pixels."""


Networks = Callable[[Ends], tuple[nn.Module, nn.Module]]
"""Makes the encoder's and the decoder's network for given shapes."""


def default_networks(model: ModelOptions) -> Networks:
    """The networks that the options name."""
    width, depth = model.width, model.depth
    if width is None or depth is None:
        raise AssertionError("options are chosen before a model is built")
    pair, activation = load_part(NETWORKS[model.network].path), ACTIVATIONS[model.activation]
    return lambda ends: pair(ends, width, depth, activation)


def floor(schema: Schema) -> float:
    """The floor of `Standardize`: that of pixels and bits, whose values share one unit; 0 for other rows."""
    return PIXEL_FLOOR if schema.kind in ("pixels", "binary") or schema.is_image else 0.0


def from_recipe(recipe: Recipe, networks: Networks | None = None) -> VAE:
    """The untrained model that a recipe describes, with weights drawn from torch's global generator.

    Args:
        recipe: A complete recipe: no option is None or "auto".
        networks: Makes custom networks in place of the recipe's. The model then has no recipe, since its file could not
            be loaded without them.

    Raises:
        InputError: If an option is unknown, missing or out of range, does not fit the data or another option, or asks
            for a model whose training does not fit in memory.
    """
    names = ["width", "depth", "latent", *(["components"] if recipe.model.prior != "normal" else [])]
    lower = Sentence(
        "lower ", *(part for name in names[:-1] for part in (Option(name), ", ")), "or ", Option(names[-1])
    )
    limited: dict[str, str] = {"what": "a model whose training fits", "remedy": lower}
    if networks is None:
        memory.require(training_bytes(recipe), THE_MODEL, **limited)
    with memory.refusing_shortage(THE_MODEL, **limited):
        return composed(recipe, networks)


def training_bytes(recipe: Recipe) -> int:
    """Bytes of the machine's memory that the training of a recipe's model takes, without those of rows and activations.

    On a CPU these are its weights, their gradient as it comes and as it is gathered, Adam's two moments, the moving
    average and the best weights (`variate.training`). For a GPU only the weights are made here, to be moved there.
    """
    tensors = outline(recipe).state_dict().values()
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    device = recipe.training.device
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    return size if on_gpu else (7 if recipe.training.ema else 6) * size


def outline(recipe: Recipe, largest: int = sys.maxsize, calls: int = sys.maxsize) -> VAE:
    """The model that a recipe describes, without values and without memory for them: for names, shapes and types.

    Args:
        recipe: A complete recipe.
        largest: Most elements of a tensor.
        calls: Most calls of torch's functions that building it may take.

    Raises:
        InputError: As for `from_recipe`, or if a model of this recipe is beyond the limits, or beyond torch's own.
    """
    try:
        with shapes_only(largest, calls):
            return composed(recipe)
    except InputError:
        raise
    except (RuntimeError, TypeError, ValueError, LookupError, ArithmeticError, MemoryError) as error:
        raise InputError(THE_MODEL, "sizes that fit", first_line(error)) from None


def composed(recipe: Recipe, networks: Networks | None = None) -> VAE:
    """The model that a recipe describes, whatever it costs; arguments and errors as for `from_recipe`."""
    model, schema = recipe.model, recipe.schema
    check_options(schema, model)
    if not isinstance(model.latent, int):
        raise AssertionError("options are checked before a model is built")
    of_table = LIKELIHOODS["columns" if schema.columns else model.likelihood]
    likelihood = load_part(of_table.path).build(schema, model)
    if model.gaps == "model":
        likelihood = WithGaps(likelihood, [i for i, column in enumerate(schema.columns) if column.gaps])
    family = load_part(POSTERIORS[model.posterior])(model.latent)
    inputs: Inputs = ColumnInputs(schema.columns) if schema.columns else Standardize(schema.shape, floor(schema))
    contexts, beside, frame, size = None, None, None, 0
    if schema.conditions:
        contexts = Contexts(schema.conditions)
        of_images = len(inputs.shape) == 3 and (networks is not None or NETWORKS[model.network].of_images)
        size, beside = contexts.size, ContextChannels(inputs.shape, contexts.size, of_images)
    shape = inputs.shape if beside is None else beside.shape
    ends = Ends(shape, family.num_outputs, model.latent + size, likelihood.out_shape)
    encoding, decoding = (networks or default_networks(model))(ends)
    encoder = Encoder(inputs, encoding, family, beside)
    prior = load_part(PRIORS[model.prior]).build(encoder, model, size)
    if size and model.prior == "normal":
        frame = ContextFrame(model.latent, size)
    return VAE(encoder, Decoder(decoding, likelihood), prior, None if networks else recipe, contexts, frame)


def check_options(schema: Schema, model: ModelOptions) -> None:
    """Checks the options of a model that is about to be built.

    Raises:
        InputError: If an option is open, or the likelihood or the network does not fit the data.
    """
    for option in SIZES:
        if not isinstance(getattr(model, option), int):
            raise InputError(option, "a number", getattr(model, option), "fill in open options with `choose` first")
    fitting = [name for name, part in LIKELIHOODS.items() if part.of_tables or part.columns]
    if not schema.columns:
        fitting = [name for name, part in LIKELIHOODS.items() if not part.of_tables]
    if model.likelihood not in fitting:
        names = ", ".join(sorted(fitting))
        raise InputError("likelihood", f"'auto' or one of {names} for {schema.kind} data", repr(model.likelihood))
    if model.gaps == "model" and not any(column.gaps for column in schema.columns):
        expected = Sentence(Option("gaps", "given"), " for data without missing cells")
        raise InputError("gaps", expected, "'model'", "leave it out")
    if model.network == "auto":
        raise InputError("network", "a name", "'auto'", "fill in open options with `choose` first")
    choose_network(schema, model.network)
    if schema.columns and model.scale == "optimal":
        raise InputError(
            "scale",
            "another scale for a table, since 'optimal' needs rows whose values share one unit",
            "'optimal'",
            Sentence("use ", Option("scale", "dimension")),
        )


@checked_arguments
@own_modes()
def build(
    data: Schema | Source | Splits | Dataset | Array | Frame,
    model: ModelOptions | None = None,
    *,
    networks: Networks | None = None,
    seed: Seed = 0,
) -> VAE:
    """An untrained model for data. Options that are left open are chosen from the shape and the number of the rows.

    Args:
        data: Training rows, which also set the model's scalings: an array (N, *event), with images as (N, channels,
            height, width), a table in memory, or what `read` or `split` returned (of rows on disk, a sample sets the
            scalings); or only a schema, which leaves the scalings at the identity.
        model: Options; see `variate.ModelOptions`.
        networks: A function of `Ends` that makes two custom networks: from features (rows, *inputs) to
            (rows, posterior), and from latents (rows, latent) to (rows, *likelihood).
        seed: Seed of the weights; torch's global generator is left as it was.

    Returns:
        The untrained model, on the CPU.

    Raises:
        InputError: If the rows cannot be used as they are, an option does not fit the data or another option, or
            torch's default type is in half precision.
    """
    if torch.get_default_dtype() not in WEIGHT_TYPES:
        kind = type_name(torch.get_default_dtype())
        remedy = Sentence("set it back; ", Option("precision", "bfloat16"), " runs the networks in half precision")
        raise InputError("torch's default dtype", "float32 or float64", kind, remedy)
    if isinstance(data, Schema):
        with seeded(seed):
            return from_recipe(choose(data, ROWS_EXPECTED, model=model).recipe, networks)
    train = training_rows(data)
    if train.context is not None and not train.schema.conditions:
        how = "give it to `from_arrays` as condition={NAME: VALUES}"
        raise InputError("data", "a context whose elements have names", "one without", how)
    with seeded(seed):
        vae = from_recipe(choose(train.schema, len(train), model=model).recipe, networks)
        fit_scaling(vae, train)
    return vae


def fit_scaling(model: Model, train: Dataset) -> None:
    """Sets the scalings of a model from training rows, once they are checked.

    Args:
        model: The model, changed in place.
        train: Training rows; of rows on disk a sample is taken. Where training draws bits from grey levels anew in each
            batch, the scalings are set from the probability of a 1.

    Raises:
        InputError: If the rows are not what the model takes, or a mean or a spread is too large for the model's type.
    """
    some = train.sample()
    check(some, model, some.name or "data")
    finite = [buffer for buffer in model.buffers() if buffer.isfinite().all()]
    context = None if some.context is None else torch.from_numpy(np.asarray(some.context.all()))
    model.fit_scaling(expected(some), *([] if context is None else [context]))
    if not all(buffer.isfinite().all() for buffer in finite):
        kind = type_name(model.dtype)
        raise InputError("data", f"numbers whose mean and spread {kind} holds", "larger ones", "scale the data")


def training_rows(data: Source | Splits | Dataset | Array | Frame) -> Dataset:
    """The training rows of what was passed as data.

    Raises:
        InputError: If an array or a table cannot be used as it is.
    """
    if isinstance(data, Splits):
        return data.train
    if isinstance(data, Dataset):
        return data
    if isinstance(data, Source):
        return data.dataset
    if is_frame(data):
        return read(data).dataset
    values, mask = as_array(data, "data")
    rows = from_arrays(values, mask=mask, name="data")
    if rows.x.shape != values.shape[1:]:
        expected_shape = ", ".join(map(str, rows.x.shape))
        raise InputError("data", f"shape (N, {expected_shape}), with the channels second", values.shape, "reshape it")
    return rows
