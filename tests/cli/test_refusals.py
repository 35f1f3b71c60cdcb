"""Data, options and model files that cannot be used: one sentence, exit code 2, nothing written."""

import numpy as np
import pytest
from PIL import Image

COMMANDS = ("evaluate", "doctor", "sample", "embed", "reconstruct", "score", "interpolate", "traverse")


@pytest.fixture
def bad_inputs(tmp_path):
    """Files that cannot be used."""
    rng = np.random.default_rng(0)
    good = rng.normal(size=(50, 4))
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "object.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.where(np.arange(200).reshape(50, 4) == 17, np.nan, good))
    np.save(tmp_path / "void.npy", np.full((50, 4), np.nan))
    np.save(tmp_path / "inf.npy", np.where(np.arange(200).reshape(50, 4) == 17, np.inf, good))
    np.save(tmp_path / "labels.npy", rng.integers(10, size=100))
    np.save(tmp_path / "none.npy", np.zeros((0, 4)))
    np.save(tmp_path / "two.npy", good[:2])
    content = (tmp_path / "nan.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.csv").write_text("name\nAnn\nBob\nCyd\n")
    (tmp_path / "missing.csv").write_text("a,b\n" + 20 * ",\n")
    sizes, broken = tmp_path / "sizes", tmp_path / "broken"
    sizes.mkdir()
    broken.mkdir()
    for index in range(6):
        Image.new("L", (8, 8) if index < 4 else (9, 7), index * 20).save(sizes / f"{index}.png")
    picture = (sizes / "0.png").read_bytes()
    (broken / "a.png").write_bytes(picture[: len(picture) // 2])


REFUSED = {
    "empty folder": (["empty"], "empty"),
    "no such file": (["digit"], "did you mean 'digits'"),
    "object array": (["object.npy"], "object"),
    "NaN alone": (["void.npy"], "at least one observed value"),
    "Inf": (["inf.npy"], "1 of 50 rows"),
    "labels": (["labels.npy"], "labels"),
    "no rows": (["none.npy"], "none.npy"),
    "too few rows": (["two.npy"], "2 rows"),
    "truncated array": (["cut.npy"], "cut.npy"),
    "one column of text": (["text.csv"], "text"),
    "no value at all": (["missing.csv"], "no value in any row"),
    "sizes differ": (["sizes"], "--size"),
    "only truncated images": (["broken"], "a.png"),
    "conv on rows": (["nan.npy", "--network", "conv"], "--network"),
    "bits on grey": (["digits", "--likelihood", "bernoulli"], "--binarize"),
    "beta negative": (["digits", "--beta", "-1"], "--beta"),
    "epochs zero": (["digits", "--epochs", "0"], "--epochs"),
    "batch too large": (["digits", "--batch-size", "100000"], "--batch-size"),
    "latent zero": (["digits", "--latent", "0"], "--latent"),
    "no GPU": (["digits", "--device", "cuda"], "--device"),
    "unknown option": (["digits", "--latents", "3"], "latent"),
    "unknown choice": (["digits", "--posterior", "round"], "posterior"),
    "columns of images": (["digits", "--columns", "a", "real"], "--columns"),
    "free bits with iwae": (["digits", "--bound", "iwae", "--free-bits", "0.1"], "--free-bits"),
    "sigma without fixed": (["digits", "--sigma", "0.1"], "--sigma"),
}


@pytest.mark.usefixtures("bad_inputs")
def test_what_cannot_be_trained_on_ends_in_one_sentence(variate_command, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name, (arguments, words) in REFUSED.items():
        code, out, err = variate_command("train", *arguments, "--out", "run")
        assert code == 2, (name, code, out, err)
        assert words in err, (name, err)
        assert "Traceback" not in err, name
        if err.startswith("variate: error: "):
            assert err.strip().count("\n") == 0, (name, err)
        assert not (tmp_path / "run").exists(), name


def test_damaged_and_foreign_model_files_are_refused(digits_run, variate_command, tmp_path):
    content = digits_run.model_file.read_bytes()
    bad = tmp_path / "bad.safetensors"
    flipped = bytearray(content)
    flipped[-5] ^= 1
    for damaged in (content[: len(content) // 2], bytes(flipped), b"", b"\x80\x04K\x01.", b"\xff" * 500):
        bad.write_bytes(damaged)
        for command in COMMANDS:
            code, _, err = variate_command(command, bad)
            assert code == 2, err
            assert err.startswith("variate: error: ")
            assert "Traceback" not in err
    assert [p.name for p in tmp_path.iterdir()] == ["bad.safetensors"]
    for command in COMMANDS:
        code, _, err = variate_command(command, "nowhere")
        assert code == 2
        assert "no file" in err


def test_a_working_directory_that_was_deleted_is_refused_by_every_command(variate_command, tmp_path, deleted):
    for command in ("train", *COMMANDS):
        code, out, err = variate_command(command, tmp_path / "x")
        assert (code, out) == (2, "")
        assert err.startswith("variate: error: the working directory: expected one that exists")
    assert variate_command("--version")[0] == 0


def test_a_model_of_a_newer_format_is_refused(digits_run, variate_command, tmp_path):
    from variate.runtime import tensor_files

    tensors, metadata = tensor_files.read_tensors(digits_run.model_file)
    tensor_files.write_tensors(tmp_path / "new.safetensors", tensors, metadata | {"format": "99"})
    code, _, err = variate_command("evaluate", "new.safetensors")
    assert code == 2
    assert "upgrade" in err


def test_data_of_another_shape_are_refused(digits_run, variate_command, tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((10, 9, 9), dtype=np.uint8))
    for command in COMMANDS:
        if command != "sample":
            code, _, err = variate_command(command, digits_run.path, "other.npy")
            assert code == 2
            assert "9" in err
    assert [p.name for p in tmp_path.iterdir()] == ["other.npy"]


def test_files_are_replaced_only_if_that_was_asked_for(digits_run, variate_command, tmp_path):
    (tmp_path / "samples.png").write_text("mine")
    code, _, err = variate_command("sample", digits_run.path)
    assert code == 2
    assert "--overwrite" in err
    assert (tmp_path / "samples.png").read_text() == "mine"
    assert variate_command("sample", digits_run.path, "--overwrite")[0] == 0
    assert (tmp_path / "samples.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("evaluate", ["--out", "a.txt"], "--out"),
        ("evaluate", ["--out", "nowhere/a.json"], "--out"),
        ("evaluate", ["--samples", 0], "--samples"),
        ("evaluate", ["--rows", 0], "--rows"),
        ("evaluate", ["--ais", -1], "--ais"),
        ("sample", ["--out", "a.txt"], "--out"),
        ("sample", ["-n", 0], "--number"),
        ("sample", ["--temperature", -1], "--temperature"),
        ("reconstruct", ["-n", 0], "--number"),
        ("embed", ["--out", "a.png"], "--out"),
    ],
)
def test_options_that_cannot_be_used_are_named_as_flags(digits_run, variate_command, tmp_path, command, options, words):
    code, _, err = variate_command(command, digits_run.path, *options)
    assert code == 2
    assert err.startswith(f"variate: error: {words}: ")
    assert list(tmp_path.iterdir()) == []
