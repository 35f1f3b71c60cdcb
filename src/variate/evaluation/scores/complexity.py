r"""What a general coder needs for an image: the yardstick of the complexity-corrected score.

A model gives plain images a high probability and busy ones a low one, whatever they show. A lossless coder of images
does so too, without having learned anything of the data. With L(x) the length of its file in nats (8 ln 2 per byte),

    score(x) = -ELBO(x) - L(x) = log p_coder(x) - log p_model(x),

a likelihood ratio of the coder, read as a model, to the model: how much worse is the model at this image than a coder
that knows no data?

References:
    Input complexity and out-of-distribution detection with likelihood-based generative models (Serra et al., 2020)
"""

import io
import math
from typing import Any

import torch
from PIL import Image, features
from torch import Tensor

from variate.config.schema import Schema
from variate.errors import InputError

NATS_PER_BYTE = 8 * math.log(2)
LOSSLESS: dict[str, dict[str, Any]] = {
    "PNG": {},
    "WEBP": {"lossless": True, "quality": 20, "method": 2, "exact": True},
}
"""The coders, of which the shorter file counts, with their settings; Pillow may have been built without WebP. With more
effort, WebP's files of small images are no shorter, and take up to a hundred times as long."""
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def is_codable(schema: Schema | None) -> bool:
    """Whether rows are images of whole pixels of up to 8 bits, as coders of images take them."""
    if schema is None or not schema.is_image or schema.kind not in ("pixels", "binary"):
        return False
    return schema.levels <= 256 and schema.shape[0] in MODES


def require_codable(schema: Schema | None, has_gaps: bool) -> None:
    """Refuses rows that no coder of images takes.

    Args:
        schema: What a row is; None where that is not known.
        has_gaps: Whether pixels are missing.

    Raises:
        InputError: If they are no images of whole pixels of up to 8 bits.
    """
    if not is_codable(schema):
        raise InputError("method", "another method, since rows are no images of pixels", "'complexity'", "use 'bound'")
    if has_gaps:
        raise InputError("method", "another method for images with missing pixels", "'complexity'", "use 'bound'")


def coded_nats(images: Tensor) -> Tensor:
    """Length of the shortest file of each image, (N,), in nats.

    Args:
        images: Whole numbers from 0 to 255, (N, C, H, W), C from 1 to 4.
    """
    pixels = images.to(torch.uint8).movedim(1, -1).cpu().numpy()
    mode = MODES[pixels.shape[-1]]
    sizes = [_shortest(Image.fromarray(own.squeeze(-1) if mode == "L" else own, mode)) for own in pixels]
    return NATS_PER_BYTE * torch.tensor(sizes, dtype=torch.float64)


def _shortest(image: Image.Image) -> int:
    """Bytes of the shortest file."""
    sizes = []
    for name, settings in LOSSLESS.items():
        if name == "WEBP" and not features.check("webp"):
            continue
        file = io.BytesIO()
        image.save(file, format=name, **settings)
        sizes.append(file.tell())
    return min(sizes)
