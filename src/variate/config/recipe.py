"""The recipe describes the data, the model and its training, for the API, the command line and the model file.

Every name that a user can type is listed here as a `Literal`, or in a table of `variate.config.parts`. `None` and
`"auto"` mean: chosen from the data's shape and size. The recipe in a model file holds what was chosen. This module
imports no torch and no numpy, so that the command line starts fast.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_origin

from annotated_types import Interval

from variate.config.parts import LikelihoodName, NetworkName, PosteriorName, PriorName
from variate.config.schema import ColumnKind, Kind, Schema
from variate.errors import InputError
from variate.limits import Checked, Decay, Fraction, Matching, NotNegative, Remedy, Samples, Seed
from variate.runtime import strict_json

if TYPE_CHECKING:
    from cattrs import Converter

FORMAT = 2
"""Version of the model file; a file with a higher version was written by a newer variate."""

ScaleName = Literal["auto", "fixed", "shared", "dimension", "conditional", "optimal"]
GapsName = Literal["given", "model"]
ActivationName = Literal["silu", "tanh", "relu", "gelu"]
ScheduleName = Literal["cosine", "constant", "burda"]
BoundName = Literal["elbo", "iwae", "dreg"]
Precision = Literal["auto", "float32", "bfloat16"]
Switch = Literal["auto", "on", "off"]
Compile = Literal["auto", "on", "off", "likelihood"]
Mode = Literal["auto", "L", "RGB", "RGBA"]
Transparency = Literal["kept", "missing"]
Binarize = Literal["off", "fixed", "dynamic"]
Device = Annotated[str, Matching(r"auto|cpu|cuda(:\d{1,3})?", "'auto', 'cpu', 'cuda' or 'cuda:N'")]

Delimiter = Annotated[
    str, Matching(r"[ -!#-/:-@\[-`{-~\x01-\t\x0e-\x1f]|tab|\\t|blanks", "one sign, 'tab' or 'blanks'")
]
"""What separates the cells of a row."""

Size = Annotated[int, Interval(ge=1, le=2**16), Remedy("choose a size that fits in memory")]
"""A number of units, latents, components or pixels, far above what trains."""


@dataclass(frozen=True)
class DataOptions(Checked):
    """How the data are read."""

    kind: Kind | None = None
    """What the numbers are; by default told from their type and values."""
    columns: tuple[tuple[str, ColumnKind], ...] = ()
    """Kinds of table columns, as NAME KIND pairs, where they are not what the values look like."""
    formats: tuple[tuple[str, str], ...] = ()
    """How table columns say numbers or dates, as NAME FORMAT pairs, such as price decimal-comma or day %d/%m/%Y."""
    drop: tuple[str, ...] = ()
    """Table columns to leave out."""
    missing: tuple[str, ...] = ()
    """Texts or numbers in table cells that say that a value is missing, besides empty cells."""
    delimiter: Delimiter | None = None
    """What separates the cells of a text table: one character, tab or blanks; by default told from the text."""
    header: bool | None = None
    """Whether the first line of a text table holds the names of the columns; by default told from the cells."""
    encoding: str | None = None
    """Encoding of a text table, such as cp1252; by default told from the text."""
    size: tuple[Size, Size] | None = None
    """Resize all image files to this HEIGHT WIDTH."""
    mode: Mode = "auto"
    """Colour channels of image files; auto keeps those that the images have."""
    mask_folder: str | None = None
    """Folder of a mask picture for each image file, of the same name: black where a pixel is missing."""
    transparency: Transparency = "kept"
    """What fully transparent pixels of image files are: part of the picture (kept), or missing; images are then grey or
    RGB."""
    binarize: Binarize = "off"
    """Turn grey levels into bits, drawn once (fixed) or anew in each batch (dynamic)."""
    validation: Fraction = 0.1
    """Fraction of the rows held out to choose the best weights; more than 0, less than 1."""
    test: Fraction = 0.1
    """Fraction of the rows held out from training for evaluation; an official test set is used as it is."""
    split_seed: Seed = 0
    """Seed that decides which rows are held out."""
    split_by: str | None = None
    """Keep rows with the same value in this table column in one part: one patient's, one shop's."""
    split_time: str | None = None
    """Hold out the latest rows by this table column: the last for the test, those before them for validation."""
    condition: tuple[str, ...] = ()
    """What the model is conditional on: columns of a table, or label, what images and arrays are labelled with."""
    weight: str | None = None
    """Table column, or array of an .npz, with the weight of each row; it is left out of the model."""
    labels: str | None = None
    """Table column, or label, that is left out of the model and kept beside the rows, to judge the model by."""
    stream: Switch = "auto"
    """Read rows from disk as they are needed; auto: if they would take more than half of the memory."""


@dataclass(frozen=True)
class ModelOptions(Checked):
    """What the model is: posterior, likelihood, prior and networks."""

    latent: Size | Literal["auto"] | None = None
    """Number of latent dimensions; by default 16 for 8x8 pixels, 32 for 28x28. auto trains models of several sizes and
    takes the fewest latents that do not lose nats on held-out rows; it says first what that costs."""
    posterior: PosteriorName = "diagonal"
    """Shape of the covariance of q(z|x)."""
    likelihood: LikelihoodName = "auto"
    """p(x|z); auto chooses the one that suits the data."""
    scale: ScaleName = "auto"
    """The decoder's sigma: fixed, one shared, one per dimension, conditional on z, or optimal (its closed form)."""
    sigma: Annotated[float, Interval(gt=0, le=1e30)] | None = None
    """Value of a fixed scale, in the data's units (for pixels: grey levels)."""
    mixtures: Annotated[int, Interval(ge=1, le=1_000)] | None = None
    """Number of components of a mixture of logistics: per pixel, or per column of numbers."""
    gaps: GapsName = "given"
    """Missing cells of a table: taken as given, or their pattern modelled too (model), so that samples have gaps."""
    prior: PriorName = "normal"
    """p(z): N(0, I), a learned Gaussian mixture, or a VampPrior."""
    components: Size = 64
    """Number of components of a mixture or VampPrior."""
    network: NetworkName = "auto"
    """Encoder and decoder: residual MLPs (mlp), residual convolutional networks for images (conv), or MLPs (plain)."""
    width: Size | None = None
    """Units per hidden layer (for conv, channels of the first stage)."""
    depth: Annotated[int, Interval(ge=0, le=1_000)] | None = None
    """Number of hidden layers (for conv, residual blocks per stage)."""
    activation: ActivationName = "silu"
    """Activation function of both networks."""


@dataclass(frozen=True)
class TrainingOptions(Checked):
    """How the model is trained."""

    epochs: Annotated[int, Interval(ge=1, le=10**9)] | None = None
    """Passes over the training rows; by default as many as take a few minutes on two cores."""
    batch_size: Annotated[int, Interval(ge=1, le=2**31 - 1)] | None = None
    """Rows per step."""
    lr: Annotated[float, Interval(gt=0, le=1_000)] | None = None
    """Peak learning rate of Adam."""
    lr_warmup: Decay = 0.02
    """Fraction of the steps in which the learning rate rises to its peak, before it follows the schedule."""
    schedule: ScheduleName = "cosine"
    """Learning rate after its peak: a cosine to 0, constant, or a tenth in the eight steps of Burda et al. (2016)."""
    clip: NotNegative | None = None
    """Largest norm of the gradient of the loss in nats per dimension; 0 does not clip."""
    ema: Decay = 0.999
    """Decay of the moving average of the weights, which is the model that is kept; 0 keeps the weights themselves."""
    patience: Annotated[int, Interval(ge=0, le=10**9)] = 20
    """Stop after this many validations (an epoch or 100 steps apart) without a better bound; 0 never stops early."""
    bound: BoundName = "elbo"
    """What is maximised: the ELBO, the importance-weighted bound, or that with doubly reparametrised gradients."""
    samples: Samples = 1
    """Posterior samples per row, L (K for the importance-weighted bounds)."""
    beta: NotNegative = 1.0
    """Weight of the rate; with other values than 1, the objective is not a bound on log p(x)."""
    free_bits: NotNegative = 0.0
    """Nats of rate per latent dimension that are not penalised."""
    kl_warmup: NotNegative | None = None
    """Epochs in which the weight of the rate rises from 0 to beta; by default none, for tables a tenth of the run."""
    precision: Precision = "auto"
    """Precision of the networks; log-densities are always float32 or better."""
    compile: Compile = "auto"
    """Use torch.compile for the whole loss (on) or the likelihood only; auto: if it saves more time than it takes."""
    device: Device = "auto"
    """cpu, cuda, or auto."""
    threads: Annotated[int, Interval(ge=1, le=1_024), Remedy("use as many as there are processors")] | None = None
    """Number of CPU threads; by default torch chooses it."""
    seed: Seed = 0
    """Seed of the weights, of the order of the rows and of all samples."""


@dataclass(frozen=True)
class Start(Checked):
    """The model that a run went on from.

    Attributes:
        model: The path of its file.
        digest: The first 12 hexadecimal digits of the SHA-256 of its weights and recipe.
    """

    model: str
    digest: str


@dataclass(frozen=True)
class Recipe(Checked):
    """Everything that is needed to build a model again and to know where it came from.

    Attributes:
        schema: What one row is.
        source: Name or path of the data.
        fingerprint: Hash of the rows as they were read.
        data: How they were read.
        model: What the model is.
        training: How it is trained.
        compared_latents: The numbers of latents that were compared to choose that of the model, rising; none if it was
            given, or is the default.
        start: The model that training went on from; None if it began with random weights.
    """

    schema: Schema
    source: str = ""
    fingerprint: str = ""
    data: DataOptions = DataOptions()
    model: ModelOptions = ModelOptions()
    training: TrainingOptions = TrainingOptions()
    compared_latents: tuple[Size, ...] = ()
    start: Start | None = None

    def to_json(self) -> str:
        """The recipe as one JSON object."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Reads what `to_json` wrote.

        Raises:
            InputError: If the text is not a recipe, or holds an option or a name that this version does not know.
        """
        try:
            value = strict_json.parse(text)
        except ValueError as error:
            raise InputError("the recipe", "a JSON object", f"text that is not JSON ({error})", AS_SAVED) from None
        return structure(value, cls)

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


T = TypeVar("T")

AS_SAVED = "use the file as variate saved it, or upgrade variate if a later version did"
"""What to do about a recipe that cannot be read."""


def structure(value: Any, kind: type[T]) -> T:  # noqa: ANN401  any JSON value
    """Makes one of the dataclasses above from plain JSON values, and checks every name and type.

    Raises:
        InputError: If a field is missing, unknown, or of another type.
    """
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    for plain in (bool, int, float, str):
        converter.register_structure_hook(plain, _exactly)
    converter.register_structure_hook_func(
        _is_number_or_word, lambda item, hint: _number_or_word(item, hint, converter)
    )
    converter.register_structure_hook_func(_is_tuple, lambda items, hint: _tuple(items, hint, converter))
    try:
        return converter.structure(value, kind)
    except Exception as error:  # cattrs raises groups of whatever its constructors raise
        found = cattrs.transform_error(error, format_exception=_reason)
        reasons = "; ".join(reason.replace(" @ $.", ", in ").removesuffix(" @ $") for reason in found)
        expected = "fields and values that this version of variate knows"
        raise InputError("the recipe", expected, reasons, AS_SAVED) from None


def _reason(error: BaseException, kind: Any) -> str:  # noqa: ANN401  any hint
    """Why a value was refused, in words."""
    from cattrs.v import format_exception

    return str(error) if isinstance(error, InputError) else format_exception(error, kind)


def _exactly(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401
    """The value, if it is of this type; cattrs alone would convert it: 3.7 to 3, and "no" to True."""
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return kind(value)


def _is_number_or_word(hint: Any) -> bool:  # noqa: ANN401
    """Whether an annotation allows words beside numbers, as in `int | Literal["auto"] | None`."""
    first, *others = get_args(hint) or (None,)
    return get_origin(first) is Annotated and any(get_origin(part) is Literal for part in others)


def _number_or_word(value: Any, hint: Any, converter: "Converter") -> Any:  # noqa: ANN401
    """The value as a whole number, unless it is one of the words or None, where that is allowed."""
    number, *others = get_args(hint)
    words = [word for other in others for word in get_args(other)]
    if type(value) is not int and value is not None and value not in words:
        raise InputError("a number", f"a whole one, {', '.join(map(repr, words))} or None", repr(value))
    return converter.structure(value, number) if type(value) is int else value


def _is_tuple(hint: Any) -> bool:  # noqa: ANN401
    return get_origin(hint) is tuple


def _tuple(items: Any, hint: Any, converter: "Converter") -> tuple[Any, ...]:  # noqa: ANN401
    """A JSON list as a tuple of the length of the hint; cattrs alone would split a text into letters."""
    if not isinstance(items, list):
        raise TypeError(f"expected a list, got {items!r}")
    kinds = get_args(hint)
    kinds = kinds[:1] * len(items) if kinds[-1] is Ellipsis else kinds
    return tuple(converter.structure(item, kind) for item, kind in zip(items, kinds, strict=True))
