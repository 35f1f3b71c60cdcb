import json
import os
import pickle

import pytest
import safetensors.torch
import torch

from hostile_models import HEADERS
from refusals import refused
from variate.runtime import memory, tensor_files
from variate.runtime.tensor_files import checksum, open_tensors, read_tensors, write_tensors

TENSORS = {
    "weight": torch.tensor([[1.5, -2.0], [0.25, 3.0]], dtype=torch.float32),
    "count": torch.tensor(7, dtype=torch.int64),
    "mask": torch.tensor([True, False, True]),
    "half": torch.tensor([1.0, -1.0], dtype=torch.bfloat16),
    "empty": torch.zeros(0, 3, dtype=torch.float64),
}
METADATA = {"format": "1", "recipe": '{"name": "grün \\" \\\\ \\n"}', "empty": ""}


def written(path, tensors=TENSORS, metadata=METADATA):
    write_tensors(path, tensors, metadata)
    return path


def test_tensors_and_metadata_come_back_bit_for_bit(tmp_path):
    tensors, metadata = read_tensors(written(tmp_path / "a" / "b" / "model.safetensors"))
    assert metadata == METADATA
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)


def test_nan_payloads_and_signed_zeros_come_back(tmp_path):
    odd = torch.tensor([0x7FC00001, -0x80000000, 0x7F800000], dtype=torch.int64).to(torch.int32).view(torch.float32)
    tensors, _ = read_tensors(written(tmp_path / "t.safetensors", {"odd": odd}))
    assert torch.equal(tensors["odd"].view(torch.int32), odd.view(torch.int32))


def test_views_and_shared_memory_are_written_as_what_they_show(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    shown = {"base": base, "turned": base.T, "column": base[:, 1], "same": base, "grad": base.clone().requires_grad_()}
    tensors, _ = read_tensors(written(tmp_path / "t.safetensors", shown))
    for name, tensor in shown.items():
        assert torch.equal(tensors[name], tensor)


def test_the_file_is_plain_safetensors(tmp_path):
    path = written(tmp_path / "t.safetensors")
    loaded = safetensors.torch.load_file(path)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())


def small(tmp_path):
    """A file short enough to damage in every place."""
    return written(
        tmp_path / "t.safetensors", {"w": torch.tensor([1.5, -2.0], dtype=torch.float32)}, {"recipe": '{"a":"b"}'}
    )


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF], ids=hex)
def test_every_flipped_byte_is_refused(tmp_path, flip):
    path = small(tmp_path)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= flip
        path.write_bytes(damaged)
        error = refused(read_tensors, path)
        assert error.argument == str(path)
        assert "damaged" in error.got or "checksum" in error.got


def test_every_truncation_is_refused(tmp_path):
    path = small(tmp_path)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert "damaged" in refused(read_tensors, path).got


def test_anything_appended_is_refused(tmp_path):
    path = small(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    assert "damaged" in refused(read_tensors, path).got


def header(path, change):
    """Rewrites a file's header, its sizes kept true."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    parsed = json.loads(content[8 : 8 + length])
    change(parsed)
    text = json.dumps(parsed).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


def entry(change):
    """A change of variate's own entry in the header."""

    def apply(parsed):
        (name,) = parsed["__metadata__"]
        content = json.loads(parsed["__metadata__"][name])
        change(content)
        parsed["__metadata__"][name] = json.dumps(content)

    return apply


@pytest.mark.parametrize(
    "change",
    [
        entry(lambda content: content.update(recipe="{}")),
        entry(lambda content: content.update(more="1")),
        entry(lambda content: content.pop("recipe")),
        entry(lambda content: content.update(sha256="0" * 64)),
        lambda h: h["w"].update(dtype="I32"),
        lambda h: h["w"].update(shape=[1, 2]),
        lambda h: h.update(v=h.pop("w")),
    ],
    ids=["value", "added", "removed", "checksum", "dtype", "shape", "name"],
)
def test_a_header_that_was_edited_is_refused(tmp_path, change):
    path = small(tmp_path)
    header(path, change)
    error = refused(read_tensors, path)
    assert error.argument == str(path)
    assert "checksum" in error.expected


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first = written(tmp_path / "1.safetensors").read_bytes()
    turned = [dict(reversed(mapping.items())) for mapping in (TENSORS, METADATA)]
    assert written(tmp_path / "2.safetensors", *turned).read_bytes() == first


def test_a_header_that_was_only_written_anew_is_read(tmp_path):
    path = small(tmp_path)
    before = path.read_bytes()
    header(path, lambda parsed: None)
    assert path.read_bytes() != before
    assert read_tensors(path)[1] == {"recipe": '{"a":"b"}'}


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"w": torch.zeros(2)}, path)
    assert "checksum" in refused(read_tensors, path).got
    for other, got in ((tmp_path / "absent.safetensors", "no file"), (tmp_path, "a directory")):
        error = refused(read_tensors, other)
        assert (error.argument, error.got) == (str(other), got)


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["BOMB"],))


@pytest.mark.parametrize("how", ["pickle", "torch", "pickle behind a length"])
def test_pickles_are_refused_and_not_opened(tmp_path, monkeypatch, how):
    monkeypatch.setenv("BOMB", str(tmp_path / "bang"))
    path = tmp_path / "t.safetensors"
    if how == "torch":
        torch.save({"w": Bomb()}, path)
    else:
        content = pickle.dumps(Bomb())
        path.write_bytes(content if how == "pickle" else len(content).to_bytes(8, "little") + content)
    assert "safetensors" in refused(read_tensors, path).expected
    assert not (tmp_path / "bang").exists()
    if how == "pickle":
        pickle.loads(path.read_bytes())
        assert (tmp_path / "bang").exists()  # the bomb is real


@pytest.mark.parametrize(
    "text", [b"[" * 5000, b"{}", b"[]", b"null", b'{"__metadata__":[]}', b'{"__metadata__":{"a":1}}']
)
def test_headers_of_nonsense_are_refused(tmp_path, text):
    path = tmp_path / "t.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert refused(read_tensors, path).argument == str(path)


def test_a_header_that_claims_more_memory_than_there_is_is_refused(tmp_path):
    path = tmp_path / "t.safetensors"
    for length in (2**63, 2**40):
        path.write_bytes(length.to_bytes(8, "little") + b"{}")
        assert "damaged" in refused(read_tensors, path).got
    text = json.dumps({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    assert "damaged" in refused(read_tensors, path).got


def test_a_failed_tensor_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = written(tmp_path / "t.safetensors")

    write = type(tmp_path).write_bytes

    def full(part, content):
        write(part, content[: len(content) // 2])
        raise OSError("no space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        write_tensors(path, {"w": torch.zeros(2)}, {})
    assert read_tensors(path)[1] == METADATA
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.safetensors"]


def test_checksum_tells_what_a_plain_concatenation_would_not():
    x = torch.arange(4.0)
    variants = [
        ({"a": x}, {}),
        ({"a": x.reshape(2, 2)}, {}),
        ({"a": x.view(torch.int64)}, {}),
        ({"b": x}, {}),
        ({"a": x[:2], "b": x[2:]}, {}),
        ({"a": x}, {"a": "1"}),
        ({"a": -0.0 * x}, {}),
        ({"a": 0.0 * x}, {}),
    ]
    assert len({checksum(*v) for v in variants}) == len(variants)
    assert checksum({"a": x, "b": x}, {"p": "1", "q": "2"}) == checksum({"b": x, "a": x}, {"q": "2", "p": "1"})


def test_the_header_is_read_first_and_the_tensors_on_demand(tmp_path):
    path = written(tmp_path / "t.safetensors")
    content = path.read_bytes()
    with open_tensors(path) as file:
        assert file.metadata == METADATA
        assert {n: (e.dtype, e.shape) for n, e in file.header.entries.items()} == {
            name: (str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)) for name, tensor in TENSORS.items()
        }
        file.check()
        path.unlink()  # another file takes the name: what is read is of the one that was opened
        written(path, {"other": torch.zeros(3)})
        assert file.read().keys() == TENSORS.keys()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with open_tensors(path) as file:
        for look in (file.check, file.read):
            assert refused(look).got == "damaged content"


def test_the_checksum_is_compared_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_files, "READ_AT_A_TIME", 5)
    path = written(tmp_path / "t.safetensors")
    with open_tensors(path) as file:
        file.check()


@pytest.mark.parametrize("kind", HEADERS)
def test_wrong_headers_are_refused_before_a_tensor_is_read(tmp_path, kind, monkeypatch):
    tensors = {"decoder.a": torch.zeros(3), "encoder.b": torch.zeros(8, dtype=torch.float32)}
    path = written(tmp_path / "t.safetensors", tensors)
    path.write_bytes(HEADERS[kind](path.read_bytes()))
    monkeypatch.setattr(torch, "empty", None)
    error = refused(read_tensors, path)
    assert (error.argument, "damaged" in error.got) == (str(path), True)


def test_tensors_larger_than_memory_are_not_read(tmp_path, monkeypatch):
    path = written(tmp_path / "t.safetensors")
    monkeypatch.setattr(memory, "physical", lambda: 8)
    error = refused(read_tensors, path)
    assert (error.argument, "memory" in error.expected) == (str(path), True)


def test_a_header_that_could_not_be_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_files, "LONGEST_HEADER", 200)
    path = written(tmp_path / "t.safetensors", {"w": torch.zeros(1)}, {})
    content = path.read_bytes()
    assert refused(write_tensors, path, {"w" * 100: torch.zeros(1)}, {}).argument == str(path)
    assert path.read_bytes() == content


def test_a_file_that_shrinks_while_it_is_read_is_damaged(tmp_path):
    path = written(tmp_path / "t.safetensors", {"w": torch.zeros(100_000)})
    with open_tensors(path) as file:
        os.truncate(path, 10_000)
        assert "ends early" in refused(file.read).got
