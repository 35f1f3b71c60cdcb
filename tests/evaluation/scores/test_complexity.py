import io
import math

import pytest
import torch
from PIL import Image

from refusals import refused
from variate import Schema
from variate.evaluation.scores.complexity import coded_nats, require_codable


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_plain_images_are_shorter_than_noise_and_noise_takes_its_bits(channels):
    noise = torch.randint(256, (3, channels, 24, 24), dtype=torch.uint8)
    plain = torch.full_like(noise, 200)
    assert (coded_nats(plain) < coded_nats(noise) / 4).all()
    bits = coded_nats(noise) / math.log(2) / (channels * 24 * 24)
    assert ((bits > 8) & (bits < 8 * 1.35)).all()  # no coder shortens noise; the rest is the frame of the file


def test_it_is_at_most_the_length_of_a_png_file():
    image = torch.randint(4, (1, 1, 16, 16), dtype=torch.uint8).repeat_interleave(2, -1)
    file = io.BytesIO()
    Image.fromarray(image[0, 0].numpy(), "L").save(file, format="PNG", optimize=True)
    assert coded_nats(image).item() <= 8 * math.log(2) * file.tell() + 1e-9


def test_rows_that_are_no_images_of_pixels_are_refused():
    require_codable(Schema("pixels", (1, 8, 8), 17), has_gaps=False)
    require_codable(Schema("binary", (1, 8, 8)), has_gaps=False)
    bad = (None, Schema("real", (1, 8, 8)), Schema("pixels", (64,), 17), Schema("pixels", (1, 8, 8), 1000))
    for schema in (*bad, Schema("pixels", (5, 8, 8), 17)):
        assert refused(require_codable, schema, has_gaps=False).argument == "method"
    assert refused(require_codable, Schema("pixels", (1, 8, 8), 17), has_gaps=True).argument == "method"
