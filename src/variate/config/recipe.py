"""The recipe: one description of the data, the model and its training, behind the API, the command line and the file.

Every name that a user can type stands here, as a `Literal`, and nowhere else is a name compared outside the table
that turns it into an object (`variate.models.build`). `None` and `"auto"` mean: chosen from the data's shape and size; the
recipe that is saved with a model holds what was chosen. This module imports no torch and no numpy, so `variate --help`
is quick.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from variate.errors import InputError

if TYPE_CHECKING:
    from cattrs import Converter

FORMAT = 1
"""Version of the model file; a file with a higher one was written by a newer variate."""

Kind = Literal["binary", "pixels", "real", "counts", "table"]
ColumnKind = Literal["real", "binary", "counts", "categorical"]
Likelihood = Literal[
    "auto",
    "bernoulli",
    "quantized-gaussian",
    "discretized-logistic",
    "categorical",
    "gaussian",
    "student-t",
    "poisson",
    "negative-binomial",
    "columns",
]
Scale = Literal["auto", "fixed", "shared", "dimension", "conditional", "optimal"]
Posterior = Literal["isotropic", "diagonal", "full"]
Prior = Literal["normal", "mixture", "vamp"]
Network = Literal["auto", "mlp", "conv", "plain"]
Activation = Literal["silu", "tanh", "relu", "gelu"]
Schedule = Literal["cosine", "constant", "burda"]
Bound = Literal["elbo", "iwae", "dreg"]
Precision = Literal["auto", "float32", "bfloat16"]
Switch = Literal["auto", "on", "off"]
Compile = Literal["auto", "on", "off", "likelihood"]
Mode = Literal["auto", "L", "RGB", "RGBA"]
Binarize = Literal["off", "fixed", "dynamic"]


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, what its values are, and the categories it may take."""

    name: str
    kind: ColumnKind
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """What one row is.

    Attributes:
        kind: What its numbers are.
        shape: Event shape: (channels, height, width) for images, (columns,) for tables.
        levels: For pixels, and for bits drawn from them, how many integer values a pixel has (256 for 8 bits); else 0.
        columns: For tables, the columns in order.
    """

    kind: Kind
    shape: tuple[int, ...]
    levels: int = 0
    columns: tuple[Column, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers a row holds, D."""
        size = 1
        for side in self.shape:
            size *= side
        return size

    @property
    def is_image(self) -> bool:
        """Whether a row is a picture, (channels, height, width)."""
        return len(self.shape) == 3


@dataclass(frozen=True)
class DataOptions:
    """How the data are read."""

    kind: Kind | None = None
    """What the numbers are; told from dtype and values where not given."""
    columns: tuple[tuple[str, ColumnKind], ...] = ()
    """Table columns whose kind is not what it looks like, as NAME KIND pairs."""
    drop: tuple[str, ...] = ()
    """Table columns to leave out."""
    size: tuple[int, int] | None = None
    """Resize every image file to this HEIGHT WIDTH."""
    mode: Mode = "auto"
    """Colour channels of image files; auto keeps what the images have."""
    binarize: Binarize = "off"
    """Turn grey levels into bits: drawn once (fixed), or anew at each access (dynamic)."""
    validation: float = 0.1
    """Part of the rows held out to choose the best weights; more than 0, less than 1."""
    test: float = 0.1
    """Part of the rows that training never sees; data with a test set of their own keep it."""
    split_seed: int = 0
    """Which rows are held out."""
    stream: Switch = "auto"
    """Read rows from disk as they are needed; auto: where they would take more than half of the memory."""


@dataclass(frozen=True)
class ModelOptions:
    """What the model is: posterior x likelihood x prior x networks."""

    latent: int | None = None
    """Number of latent dimensions; by default 16 for 8x8 pixels, 32 for 28x28."""
    posterior: Posterior = "diagonal"
    """Shape of the covariance of q(z|x)."""
    likelihood: Likelihood = "auto"
    """p(x|z); auto takes the one that suits the data."""
    scale: Scale = "auto"
    """Where the decoder's sigma comes from: fixed, one shared, one a dimension, conditional on z, or optimal."""
    sigma: float | None = None
    """The value of a fixed scale, in the data's units (pixels: grey levels)."""
    mixtures: int | None = None
    """Components of a discretized logistic."""
    prior: Prior = "normal"
    """p(z): N(0, I), a learned Gaussian mixture, or a VampPrior."""
    components: int = 64
    """Components of a mixture or VampPrior."""
    network: Network = "auto"
    """Encoder and decoder: a residual MLP, a residual convolutional pair for images, or a plain MLP."""
    width: int | None = None
    """Units a hidden layer (channels of the first stage for conv)."""
    depth: int | None = None
    """Hidden layers of an MLP (residual blocks a stage for conv)."""
    activation: Activation = "silu"
    """The function between the layers of both networks."""


@dataclass(frozen=True)
class TrainingOptions:
    """How the model is trained."""

    epochs: int | None = None
    """Passes over the training rows; by default as many as a few minutes of two cores allow."""
    batch_size: int | None = None
    """Rows a step."""
    lr: float | None = None
    """Peak learning rate of Adam."""
    lr_warmup: float = 0.02
    """Part of the steps over which the learning rate rises to its peak; it then follows the schedule."""
    schedule: Schedule = "cosine"
    """From the peak: falls to 0 as a cosine, stays, or falls tenfold in the eight steps of Burda et al. (2016)."""
    clip: float | None = None
    """Largest norm of the gradient of the loss in nats a dimension; 0 does not clip."""
    ema: float = 0.999
    """Decay of the moving average of the weights, which is what is kept; 0 keeps the raw weights."""
    patience: int = 20
    """Stop after this many validations (an epoch or 100 steps apart) without a better ELBO; 0 never stops early."""
    bound: Bound = "elbo"
    """What is maximised: the ELBO, the importance-weighted bound, or that with doubly reparametrised gradients."""
    samples: int = 1
    """Posterior draws a row, L (K for the importance-weighted bounds)."""
    beta: float = 1.0
    """Weight of the rate; other than 1, the objective is not a bound on log p(x)."""
    free_bits: float = 0.0
    """Nats of rate a latent that are not penalised."""
    kl_warmup: float = 0.0
    """Epochs over which the weight of the rate rises from 0 to beta."""
    precision: Precision = "auto"
    """Of the networks; log-densities are always float32 or better."""
    compile: Compile = "auto"
    """torch.compile of the whole loss, or only of the likelihood; auto where it saves more than it costs."""
    device: str = "auto"
    """cpu, cuda, or auto."""
    threads: int | None = None
    """CPU threads; torch's own choice where not given."""
    seed: int = 0
    """Seeds the weights, the order of the rows and every draw."""


@dataclass(frozen=True)
class Recipe:
    """All that is needed to build a model again and to know where it came from.

    Attributes:
        schema: What a row is.
        source: Name or path of the data.
        fingerprint: Hash of all rows as read.
        data: How they were read.
        model: What the model is.
        training: How it is trained.
    """

    schema: Schema
    source: str = ""
    fingerprint: str = ""
    data: DataOptions = DataOptions()
    model: ModelOptions = ModelOptions()
    training: TrainingOptions = TrainingOptions()

    def to_json(self) -> str:
        """The recipe as one JSON object."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Reads what `to_json` wrote.

        Raises:
            InputError: If the text is no recipe, or holds an option or a name that this version does not know.
        """
        try:
            return structure(json.loads(text), cls)
        except json.JSONDecodeError as error:
            raise InputError(f"the recipe is not JSON ({error})") from None

    @property
    def digest(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]


T = TypeVar("T")


def structure(value: Any, kind: type[T]) -> T:  # noqa: ANN401  any JSON value
    """Turns plain JSON values into one of the dataclasses above, with every name and type checked.

    Raises:
        InputError: If a field is missing, unknown, or of another type.
    """
    import cattrs

    converter = cattrs.Converter(forbid_extra_keys=True)
    for plain in (bool, int, float, str):
        converter.register_structure_hook(plain, _exactly)
    converter.register_structure_hook_func(_is_tuple, lambda items, hint: _tuple(items, hint, converter))
    try:
        return converter.structure(value, kind)
    except Exception as error:  # cattrs raises groups of whatever the constructors raised
        reasons = "; ".join(cattrs.transform_error(error))
        raise InputError(f"the recipe does not fit this version of variate: {reasons}") from None


def _exactly(value: Any, kind: type[Any]) -> Any:  # noqa: ANN401
    """The value if it is of this type; cattrs alone would make one of it, 3 of 3.7 and True of "no"."""
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return kind(value)


def _is_tuple(hint: Any) -> bool:  # noqa: ANN401
    return get_origin(hint) is tuple


def _tuple(items: Any, hint: Any, converter: "Converter") -> tuple[Any, ...]:  # noqa: ANN401
    """A tuple of a JSON list, its length that of the hint; cattrs alone would take a text apart into letters."""
    if not isinstance(items, list):
        raise TypeError(f"expected a list, got {items!r}")
    kinds = get_args(hint)
    kinds = kinds[:1] * len(items) if kinds[-1] is Ellipsis else kinds
    return tuple(converter.structure(item, kind) for item, kind in zip(items, kinds, strict=True))
