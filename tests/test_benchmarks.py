"""The scripts of benchmarks/, on data small enough to be no benchmark."""

import gzip
import importlib.util
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import variate
from examples import rng

SCRIPTS = Path(__file__).parent.parent / "benchmarks"
TRAIN, TEST = "train-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"


@pytest.fixture
def burda(monkeypatch):
    """The script as a module, with fewer draws per row."""
    torch.set_default_dtype(torch.float32)
    spec = importlib.util.spec_from_file_location("burda", SCRIPTS / "burda.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "DRAWS", 200)
    return module


def write_idx(path, values):
    content = struct.pack(">BBBB", 0, 0, 8, values.ndim) + struct.pack(">3I", *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture
def images(tmp_path):
    """A folder of MNIST's format, its images brighter from left to right."""
    for name, count in ((TRAIN, 300), (TEST, 40)):
        grey = rng().integers(0, 60, (count, 6, 5)) + 40 * np.arange(5)
        write_idx(tmp_path / name, grey.astype(np.uint8))
    return tmp_path


def table(text):
    """The table's lines: what -> (here, paper)."""
    lines = text[text.index("paper (MNIST)") :].splitlines()[1:]
    return {line[:36].strip(): (line[36:52].strip(), line[52:].strip()) for line in lines}


def test_burda_prints_what_the_api_measures_of_a_model_trained_as_in_the_paper(burda, images, capsys):
    burda.main([str(images / TRAIN), "--epochs", "4", "--rows", "12", "--seed", "3", "--out", str(images / "run")])
    shown = table(capsys.readouterr().out)
    vae = variate.load(images / "run")
    options = variate.DataOptions(binarize="dynamic", validation=1 / 150, split_seed=3)
    data = variate.split(variate.read(str(images)), options)
    assert len(data.train) == 298
    found = variate.log_evidence(vae, data.test, 200, num_rows=12, seed=3)
    bound = variate.evaluate(vae, data.test.select(found.which.numpy()), seed=3)
    mean, error = found.estimate
    assert shown["-log p(x), 200 draws per row, nats"] == (f"{-mean:.2f} ± {error:.2f}", "86.76")
    assert shown["-ELBO, nats"][0] == f"{-bound.elbo.value:.2f} ± {bound.elbo.stderr:.2f}"
    assert shown["rows"] == ("12", "10,000")
    assert shown["rows with k-hat above 0.7"][0] == f"{found.unreliable:.1%}"
    told = found.reliable_noise
    assert shown["noise of the other rows, nats"][0] == ("-" if told is None else f"{told:.2g}")
    means = vae.embed(data.test).mean.numpy()
    assert shown["active latents of 50"] == (str((means.var(0) > 0.01).sum()), "19")
    assert shown["epochs"] == ("4", "3,280")
    model, training = vae.recipe.model, vae.recipe.training
    assert (model.network, model.activation, model.width, model.depth) == ("plain", "tanh", 200, 2)
    assert (model.latent, model.posterior, model.prior, model.likelihood) == (50, "diagonal", "normal", "bernoulli")
    assert (training.batch_size, training.lr, training.schedule, training.lr_warmup) == (20, 1e-3, "burda", 0)
    assert (training.clip, training.ema, training.patience, training.precision) == (0, 0, 0, "float32")
    assert (training.bound, training.samples, training.beta) == ("elbo", 1, 1)


def test_burda_keeps_the_last_weights_and_goes_on_from_there(burda, images, capsys):
    arguments = [str(images / TRAIN), str(images / TEST), "--epochs", "4", "--rows", "5", "--out", str(images / "run")]
    burda.main(arguments)
    first = table(capsys.readouterr().out)
    metrics = (images / "run" / "metrics.jsonl").read_bytes()
    assert variate.load(images / "run").recipe.training.epochs == 4
    burda.main(arguments)  # there is nothing left to train
    again = table(capsys.readouterr().out)
    assert (images / "run" / "metrics.jsonl").read_bytes() == metrics
    assert b"validation" not in metrics
    assert {k: v for k, v in again.items() if "minutes" not in k} == {
        k: v for k, v in first.items() if "minutes" not in k
    }


@pytest.mark.parametrize(("samples", "nll"), [("2", ""), ("5", "85.54"), ("50", "84.78")])
def test_burda_compares_with_the_paper_what_is_in_it(burda, images, capsys, samples, nll):
    burda.main([str(images / TRAIN), "--epochs", "1", "--bound", "iwae", "--samples", samples, "--rows", "2"])
    shown = table(capsys.readouterr().out)
    assert shown["-log p(x), 200 draws per row, nats"][1] == nll
    assert shown["active latents of 50"][1] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([TRAIN, "nowhere"], "nowhere"),
        ([TEST], f"expected test images like those of {TEST}"),
        ([TRAIN, "other"], f"expected test images like those of {TRAIN}"),
    ],
)
def test_burda_ends_in_a_sentence(burda, images, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(images)
    write_idx(images / "other", rng().integers(0, 256, (9, 5, 5)).astype(np.uint8))
    with pytest.raises(SystemExit) as ended:
        burda.main(arguments)
    (said,) = capsys.readouterr().err.splitlines()
    assert (ended.value.code, words in said) == (2, True)


def test_burda_is_short_or_has_its_epochs(burda, capsys):
    whole, short = burda.parse(["a"]), burda.parse(["a", "--short"])
    assert (whole.epochs, whole.rows) == (3280, None)
    assert (short.epochs, short.rows) == (burda.SHORT_EPOCHS, burda.SHORT_ROWS)
    assert burda.parse(["a", "--short", "--rows", "7"]).rows == 7
    with pytest.raises(SystemExit):
        burda.parse(["a", "--short", "--epochs", "2"])
    assert "not allowed with argument" in capsys.readouterr().err
    for option in ("--epochs", "--rows", "--samples"):
        with pytest.raises(SystemExit):
            burda.parse(["a", option, "0"])
        assert "must be at least 1, got 0" in capsys.readouterr().err


def test_burda_says_what_it_is():
    script = SCRIPTS / "burda.py"
    shown = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"usage: {script.name}")
