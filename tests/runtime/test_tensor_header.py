"""The oracle is the safetensors library: what it refuses is refused, and what it reads is the same."""

import random

import pytest
import safetensors
import torch
from campaign.campaigns.models import spoiled_model
from campaign.model_file import packed
from safetensors.torch import save

from hostile_models import HEADERS
from variate.runtime.tensor_files import write_tensors
from variate.runtime.tensor_header import TYPES, read_tensor_header

TENSORS = {
    "decoder.a": torch.arange(6.0, dtype=torch.float32).reshape(2, 3),
    "decoder.b": torch.tensor(7),
    "decoder.empty": torch.zeros(0, 3, dtype=torch.bfloat16),
    "encoder.c": torch.tensor([True, False, True]),
    "encoder.d": torch.zeros(16, dtype=torch.float32),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "t.safetensors"
    write_tensors(path, TENSORS, {"format": "1", "recipe": '{"model": {"latent": 3}, "schema": {"shape": [1, 8, 8]}}'})
    return path.read_bytes()


def header_of(path, content):
    path.write_bytes(content)
    with path.open("rb") as file:
        return read_tensor_header(file)


def test_a_header_says_what_is_in_the_file(good, tmp_path):
    found = header_of(tmp_path / "t", good)
    assert {n: (e.dtype, e.shape) for n, e in found.entries.items()} == {
        name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)) for name, tensor in TENSORS.items()
    }
    assert found.num_elements == sum(tensor.numel() for tensor in TENSORS.values())
    assert found.strings["format"] == "1"
    raw = dict(safetensors.deserialize(good))
    for name, entry in found.entries.items():
        assert good[found.start + entry.begin : found.start + entry.end] == bytes(raw[name]["data"])


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_type_is_that_of_safetensors_and_of_torch(tmp_path, name):
    dtype, size = TYPES[name]
    content = save({"w": torch.zeros(3, dtype=torch.uint8).to(getattr(torch, dtype))})
    ((_, raw),) = safetensors.deserialize(content)
    assert (raw["dtype"], len(raw["data"])) == (name, 3 * size)
    assert header_of(tmp_path / "t", content).entries["w"] == (dtype, (3,), 0, 3 * size)


@pytest.mark.parametrize("kind", [kind for kind in HEADERS if "strings" not in kind])
def test_wrong_headers_are_refused_in_words(good, tmp_path, kind):
    with pytest.raises(ValueError) as error:
        header_of(tmp_path / "t", HEADERS[kind](good))
    assert str(error.value)


@pytest.mark.parametrize("kind", [kind for kind in HEADERS if "strings" in kind])
def test_strings_are_strings(good, tmp_path, kind):
    with pytest.raises(ValueError, match="strings"):
        header_of(tmp_path / "t", HEADERS[kind](good))
    with pytest.raises(ValueError, match="strings"):
        header_of(tmp_path / "t", packed(b'{"__metadata__": {"other": 1}}', b""))


def test_a_header_longer_than_any_is_not_read(good, tmp_path):
    path, length = tmp_path / "t", 100_000_001
    with path.open("wb") as file:
        file.write(length.to_bytes(8, "little"))
        file.truncate(length + 100)  # of nothing: takes no space on the disk
    with path.open("rb") as file, pytest.raises(ValueError, match="100,000,001 bytes"):
        read_tensor_header(file)


def test_what_safetensors_refuses_is_refused_and_what_both_read_is_the_same(good, tmp_path):
    source, read = random.Random(0), 0
    for _ in range(400):
        content, _ = spoiled_model(source, good)
        try:
            expected = {n: (raw["dtype"], tuple(raw["shape"])) for n, raw in safetensors.deserialize(content)}
        except safetensors.SafetensorError:
            with pytest.raises(ValueError):
                header_of(tmp_path / "t", content)
            continue
        try:
            found = header_of(tmp_path / "t", content)
        except ValueError:  # we refuse more: names that come twice, metadata that are not variate's
            continue
        read += 1
        types = {dtype: name for name, (dtype, _) in TYPES.items()}
        assert {n: (types[e.dtype], e.shape) for n, e in found.entries.items()} == expected
    assert read > 50
