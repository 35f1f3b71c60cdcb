"""The command line as typed: what it writes, what it says, how it fails."""

import csv
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import variate
from variate.cli.main import main as cli


def size(path):
    with Image.open(path) as picture:
        return picture.size


FAST = ("--epochs", "3", "--width", "16", "--depth", "1", "--latent", "3")


@pytest.fixture(autouse=True)
def single_precision(double_precision):
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["variate", *map(str, arguments)])
        code = 0
        with warnings.catch_warnings():
            try:
                cli.main()
            except SystemExit as stop:
                code = stop.code
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One digits run, trained from its own directory."""
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "variate", "train", "digits", *FAST]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "digits", done.stdout


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table with a column of each kind."""
    path = tmp_path_factory.mktemp("table") / "people.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "member", "visits", "city"])
        for _ in range(300):
            city = rng.choice(["Bern", "Oslo", "Rome"])
            writer.writerow([f"{rng.normal(170, 9):.2f}", rng.integers(2), rng.negative_binomial(2, 0.1), city])
    return path


def test_train_says_what_it_took_the_data_for_and_why(trained):
    run_directory, out = trained
    assert "1,797 grey images 8x8, 17 levels (train 1,437, validation 180, test 180)" in out
    assert "likelihood discretized-logistic: grey levels are integers with an order" in out
    assert "network mlp: small images" in out
    for name in ("model.safetensors", "metrics.jsonl", "reconstructions.png", "samples.png", "checkpoint"):
        assert (run_directory / name).exists(), name
    assert size(run_directory / "samples.png") == (8 * 66 + 2, 8 * 66 + 2)


def test_evaluate_repeats_the_numbers_of_training(trained, run):
    run_directory, out = trained
    code, again, _ = run("evaluate", run_directory)
    assert code == 0
    numbers = re.findall(r"ELBO  .*?([-\d.,]+ ± [\d.]+)", out)
    assert len(numbers) == 1
    assert re.findall(r"ELBO  .*?([-\d.,]+ ± [\d.]+)", again) == numbers
    assert "bits/dim" in again


def test_evaluate_agrees_with_the_api(trained, run, tmp_path):
    vae = variate.load(trained[0])
    data = variate.split(variate.read("digits"), vae.recipe.data)
    result = variate.evaluate(vae, data.test, 40, annealed_rows=3, seed=3)
    _, out, _ = run("evaluate", trained[0], "--samples", 40, "--ais", 3, "--seed", 3, "--out", "record.json")
    for value, stderr in (result.elbo, result.rate, *result.importance.bounds.values(), result.annealed.bound):
        assert f"{value:,.2f} ± {stderr:.2f}" in out
    record = json.loads((tmp_path / "record.json").read_text())
    assert (record["variate"], record["recipe"], record["seed"]) == (variate.__version__, vae.recipe.digest, 3)
    assert record["data"] == {"source": "digits", "part": "test part of digits", "fingerprint": data.fingerprint}
    values = {line["name"]: line for line in record["quantities"]}
    assert values["ELBO"]["value"] == result.elbo.value
    assert values["IW-40"]["stderr"] == result.importance.bounds[40].stderr
    assert values["ELBO"]["bits_per_dim"] == pytest.approx(-result.elbo.value / (64 * math.log(2)))
    assert {line["kind"] for line in values.values()} == {"bound", "part of ELBO", "no likelihood"}
    assert values["RMSE, data units"]["kind"] == "no likelihood"
    assert "bits_per_dim" not in values["RMSE, data units"]


def test_evaluate_writes_its_record_beside_the_model(trained, run, tmp_path):
    shutil.copytree(trained[0], tmp_path / "copy")
    assert run("evaluate", "copy", "--samples", 1, "--rows", 50)[0] == 0
    record = json.loads((tmp_path / "copy" / "evaluation.json").read_text())
    assert (record["rows"], record["of_rows"]) == (50, 180)
    assert "importance" not in record
    code, out, _ = run("evaluate", "copy/model.safetensors", "digits", "--samples", 10)
    assert code == 0
    assert "IW-10" in out
    assert json.loads((tmp_path / "copy" / "evaluation.json").read_text())["rows"] == 180


def test_evaluate_refuses_before_it_works(trained, run, tmp_path):
    for options, words in (
        (["--out", "a.txt"], "must end in .json"),
        (["--out", "nowhere/a.json"], "cannot write to"),
        (["--samples", 0], "at least 1"),
        (["--rows", 0], "at least 1"),
        (["--ais", -1], "not negative"),
    ):
        code, _, err = run("evaluate", trained[0], *options)
        assert code == 2
        assert words in err
    assert list(tmp_path.iterdir()) == []


def test_evaluate_says_what_is_no_likelihood(run, tmp_path):
    assert run("train", "digits", *FAST, "--beta", 4)[0] == 0
    _, out, _ = run("evaluate", "runs/digits", "--samples", 1)
    assert "trained with beta=4.0" in out
    assert "is not a likelihood" in " ".join(out.split())


def test_doctor_says_what_is_wrong_and_what_to_do(run, tmp_path):
    assert run("train", "digits", "--epochs", 1)[0] == 0
    code, out, _ = run("doctor", "runs/digits")
    assert code == 0
    assert "test part of digits: ELBO" in out
    first = out[out.index("  1. ") :].splitlines()
    assert "the weights are not yet where training takes them" in first[0]
    assert first[1].strip().startswith("because")
    assert "more --epochs" in out
    assert "what was measured, nats a row" in out
    assert "nan" not in out


def test_doctor_on_other_data_and_without_the_training_rows(trained, run, tmp_path):
    np.save(tmp_path / "rows.npy", variate.read("digits").values[:200])
    code, out, _ = run("doctor", trained[0], "rows.npy")
    assert code == 0
    assert "rows.npy: ELBO" in out
    assert "steps of training more" in out
    assert run("train", "rows.npy", *FAST)[0] == 0
    np.save(tmp_path / "rows.npy", variate.read("digits").values[200:400])
    code, _, err = run("doctor", "runs/rows")
    assert code == 2
    assert "no longer the data" in err
    np.save(tmp_path / "others.npy", variate.read("digits").values[200:400])
    code, out, _ = run("doctor", "runs/rows", "others.npy")
    assert code == 0
    assert "its training rows are not here" in out


def test_doctor_of_bits_that_are_drawn_anew_and_of_a_table(run, tmp_path, table):
    assert run("train", "digits", "--binarize", "dynamic", *FAST)[0] == 0
    code, out, err = run("doctor", "runs/digits")
    assert code == 0, err
    assert "train-test gap" in out
    assert run("train", table, *FAST)[0] == 0
    code, out, err = run("doctor", "runs/people")
    assert code == 0, err
    assert "bits/dim" not in out.splitlines()[0]


def test_sample_writes_pictures_and_arrays_and_repeats_by_seed(trained, run, tmp_path):
    assert run("sample", trained[0], "-n", 9)[0] == 0
    assert size(tmp_path / "samples.png") == (3 * 66 + 2, 3 * 66 + 2)
    assert run("sample", trained[0], "-n", 5, "--noise", "--out", "a.npy")[0] == 0
    assert run("sample", trained[0], "-n", 5, "--noise", "--out", "b.npy")[0] == 0
    a, b = np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy")
    assert a.shape == (5, 1, 8, 8)
    assert (a == b).all()
    assert set(np.unique(a)) <= set(range(17))


def test_reconstruct_writes_a_picture_and_numbers(trained, run, tmp_path):
    assert run("reconstruct", trained[0])[0] == 0
    assert size(tmp_path / "reconstructions.png") == (12 * 66 + 2, 8 * 66 + 2)
    assert run("reconstruct", trained[0], "--out", "r.npy")[0] == 0
    vae = variate.load(trained[0])
    test = variate.split(variate.read("digits"), vae.recipe.data).test
    np.testing.assert_allclose(np.load(tmp_path / "r.npy"), vae.reconstruct(test).numpy(), rtol=1e-5, atol=1e-5)


def test_embed_writes_every_row_in_order(trained, run, tmp_path):
    vae = variate.load(trained[0])
    mean, std = vae.embed(variate.read("digits").values)
    for name in ("e.parquet", "e.csv", "e.npy"):
        assert run("embed", trained[0], "--out", name, "--std")[0] == 0
    found = pq.read_table(tmp_path / "e.parquet")
    assert found.column_names == ["z0", "z1", "z2", "std0", "std1", "std2"]
    expected = torch.cat([mean, std], 1).numpy()
    np.testing.assert_array_equal(np.stack([c.to_numpy() for c in found.columns], 1), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "e.npy"), expected)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "e.csv", delimiter=",", skiprows=1), expected, rtol=1e-6)


def test_a_table_goes_all_the_way(table, run, tmp_path):
    code, out, _ = run("train", table, "--epochs", 3, "--out", "run")
    assert code == 0
    assert "height real, member binary, visits counts, city categorical of 3" in out
    assert "nats/dim" in out
    assert "density" in out
    code, _, _ = run("sample", "run", "-n", 40, "--out", "new.csv")
    assert code == 0
    with (tmp_path / "new.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["city"] for row in rows} <= {"Bern", "Oslo", "Rome"}
    assert {row["member"] for row in rows} <= {"0", "1"}
    assert all(int(row["visits"]) >= 0 for row in rows)
    assert run("reconstruct", "run", "--out", "r.parquet")[0] == 0
    assert run("embed", "run", table, "--out", "e.csv")[0] == 0
    code, _, err = run("sample", "run", "--out", "new.npy")
    assert code == 2
    assert "categories are text" in err


def test_streamed_arrays_go_all_the_way(run, tmp_path, monkeypatch):
    shards = tmp_path / "shards"
    shards.mkdir()
    rows = np.random.default_rng(0).normal(size=(600, 5)).astype("f4")
    for number, part in enumerate(np.split(rows, [250, 400])):
        np.save(shards / f"x-{number}.npy", part)
    code, out, err = run("train", shards, "--stream", "on", *FAST)
    assert code == 0, err
    assert "600 rows of 5 values, real numbers, read from disk as needed (train 480, validation 60, test 60)" in out
    vae = variate.load("runs/shards")
    assert vae.recipe.data.stream == "on"
    code, out, err = run("evaluate", "runs/shards", "--samples", "5")
    assert code == 0, err
    assert "test part of shards: 60 rows" in out
    monkeypatch.setattr("variate.cli.use.SAMPLE_BYTES", 20 * 100)  # 100 rows at a time
    code, _, err = run("embed", "runs/shards", "--out", "z.npy")
    assert code == 0, err
    np.testing.assert_allclose(np.load("z.npy"), vae.embed(rows).mean.numpy(), rtol=1e-5, atol=1e-6)
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 3_000)  # of which 20 bytes a row are more than half
    np.save("other.npy", rows[:100])
    monkeypatch.setattr("variate.runs.opening.HELD_OUT_BYTES", 20 * 40)
    code, out, err = run("evaluate", "runs/shards", "other.npy", "--samples", "1")
    assert code == 0, err
    assert "40 of the 100 rows of other.npy, spread evenly" in out
    np.save(shards / "x-1.npy", rows[:150] + 1)
    code, _, err = run("train", shards, "--resume")
    assert code == 2
    assert "they have changed since" in err


def test_what_auto_took_is_kept_with_the_model(run, tmp_path, monkeypatch):
    np.save("grey.npy", np.random.default_rng(0).integers(0, 256, (300, 6, 6)).astype("u1"))
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 2 * 300 * 36 - 1)
    code, out, err = run("train", "grey.npy", "--binarize", "dynamic", *FAST)
    assert code == 0, err
    assert "drawn anew at each access from 256 grey levels, read from disk as needed" in out
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    again = variate.load("runs/grey").recipe
    assert again.data.stream == "on"
    code, out, err = run("evaluate", "runs/grey", "--samples", "1")
    assert code == 0, err
    code, _, err = run("embed", "runs/grey")
    assert code == 2
    assert "the model is of bits, which are drawn once for rows in memory, and grey.npy is streamed" in err


def test_nothing_is_overwritten_unless_asked(trained, run, tmp_path):
    (tmp_path / "samples.png").write_text("mine")
    code, _, err = run("sample", trained[0])
    assert code == 2
    assert "--overwrite" in err
    assert (tmp_path / "samples.png").read_text() == "mine"
    assert run("sample", trained[0], "--overwrite")[0] == 0
    before = (trained[0] / "model.safetensors").read_bytes()
    code, _, err = run("train", "digits", *FAST, "--out", trained[0])
    assert code == 2
    assert "not empty" in err
    assert (trained[0] / "model.safetensors").read_bytes() == before


def test_runs_get_names_of_their_own(run, tmp_path):
    for _ in range(2):
        assert run("train", "digits", *FAST)[0] == 0
    assert (tmp_path / "runs" / "digits" / "model.safetensors").exists()
    assert (tmp_path / "runs" / "digits-2" / "model.safetensors").exists()


def test_resume_names_the_networks_of_the_run(run):
    assert run("train", "digits", *FAST, "--network", "conv", "--width", 8)[0] == 0
    code, out, _ = run("train", "digits", "--resume")
    assert code == 0
    assert "likelihood discretized-logistic and network conv as in runs/digits" in out
    assert "mlp" not in out


def test_resume_of_a_finished_run_changes_nothing_and_other_options_are_refused(run, tmp_path):
    assert run("train", "digits", *FAST)[0] == 0
    model = tmp_path / "runs" / "digits" / "model.safetensors"
    before = model.read_bytes()
    assert run("train", "digits", "--resume")[0] == 0
    assert model.read_bytes() == before
    code, _, err = run("train", "digits", "--resume", "--latent", 7)
    assert code == 2
    assert "latent is 3" in err
    code, _, err = run("train", "digits", "--resume", "--out", "elsewhere")
    assert code == 2


def write_bad_inputs(folder):
    """Files that cannot be used: name -> (arguments, words that the error must have)."""
    rng = np.random.default_rng(0)
    good = rng.normal(size=(50, 4))
    (folder / "empty").mkdir()
    np.save(folder / "object.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(folder / "nan.npy", np.where(np.arange(200).reshape(50, 4) == 17, np.nan, good))
    np.save(folder / "inf.npy", np.where(np.arange(200).reshape(50, 4) == 17, np.inf, good))
    np.save(folder / "labels.npy", rng.integers(10, size=100))
    np.save(folder / "none.npy", np.zeros((0, 4)))
    np.save(folder / "two.npy", good[:2])
    content = (folder / "nan.npy").read_bytes()
    (folder / "cut.npy").write_bytes(content[: len(content) // 2])
    (folder / "text.csv").write_text("name\nAnn\nBob\nCyd\n")
    (folder / "missing.csv").write_text("a,b\n1.5,2\n,3\n2.5,\n" * 20)
    sizes = folder / "sizes"
    sizes.mkdir()
    for index in range(6):
        Image.new("L", (8, 8) if index < 4 else (9, 7), index * 20).save(sizes / f"{index}.png")
    broken = folder / "broken"
    broken.mkdir()
    picture = (sizes / "0.png").read_bytes()
    (broken / "a.png").write_bytes(picture[: len(picture) // 2])
    return {
        "empty folder": (["empty"], "empty"),
        "no such file": (["digit"], "did you mean 'digits'"),
        "object array": (["object.npy"], "object"),
        "NaN": (["nan.npy"], "NaN or infinity in 1 of 50 rows"),
        "Inf": (["inf.npy"], "NaN or infinity in 1 of 50 rows"),
        "labels": (["labels.npy"], "labels"),
        "no rows": (["none.npy"], "empty"),
        "too few rows": (["two.npy"], "2 rows"),
        "truncated array": (["cut.npy"], "cut.npy"),
        "one column of text": (["text.csv"], "text"),
        "missing values": (["missing.csv"], "missing"),
        "sizes differ": (["sizes"], "--size"),
        "only truncated images": (["broken"], "a.png"),
        "conv on rows": (["object.npy", "--network", "conv"], "object"),
        "bits on grey": (["digits", "--likelihood", "bernoulli"], "binarize"),
        "beta negative": (["digits", "--beta", "-1"], "beta"),
        "epochs zero": (["digits", "--epochs", "0"], "epochs"),
        "batch too large": (["digits", "--batch-size", "100000"], "batch_size"),
        "latent zero": (["digits", "--latent", "0"], "latent"),
        "no GPU": (["digits", "--device", "cuda"], "GPU"),
        "unknown option": (["digits", "--latents", "3"], "latent"),
        "unknown choice": (["digits", "--posterior", "round"], "posterior"),
        "columns of images": (["digits", "--columns", "a", "real"], "column"),
        "free bits with iwae": (["digits", "--bound", "iwae", "--free-bits", "0.1"], "free_bits"),
        "sigma without fixed": (["digits", "--sigma", "0.1"], "sigma"),
    }


def test_bad_input_ends_in_one_sentence_and_exit_code_2(run, tmp_path):
    for name, (arguments, words) in write_bad_inputs(tmp_path).items():
        code, out, err = run("train", *arguments, "--out", "run")
        assert code == 2, (name, code, out, err)
        assert any(word in err for word in words.split("|")), (name, err)
        assert "Traceback" not in err, name
        if err.startswith("variate: error: "):
            assert err.strip().count("\n") == 0, (name, err)
        assert not (tmp_path / "run").exists(), name


def test_an_unreadable_image_among_good_ones_is_counted_and_named(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(40):
        Image.fromarray(rng.integers(256, size=(9, 7), dtype=np.uint8)).save(folder / f"{index:02}.png")
    whole = (folder / "00.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    code, out, _ = run("train", folder, *FAST, "--out", "run")
    assert code == 0
    assert "40 grey images 9x7" in out
    assert "cut.png" in out


def test_damaged_and_foreign_model_files_are_refused(trained, run, tmp_path):
    content = (trained[0] / "model.safetensors").read_bytes()
    bad = tmp_path / "bad.safetensors"
    flipped = bytearray(content)
    flipped[-5] ^= 1
    for damaged in (content[: len(content) // 2], bytes(flipped), b"", b"\x80\x04K\x01.", os.urandom(500)):
        bad.write_bytes(damaged)
        for command in (["evaluate", bad], ["sample", bad], ["embed", bad], ["reconstruct", bad]):
            code, _, err = run(*command)
            assert code == 2, err
            assert err.startswith("variate: error: ")
            assert "Traceback" not in err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.safetensors"]
    code, _, err = run("evaluate", "nowhere")
    assert code == 2
    assert "no file" in err


def test_a_model_of_a_newer_format_is_refused(trained, run, tmp_path):
    from variate.runtime import files

    tensors, metadata = files.read_tensors(trained[0] / "model.safetensors")
    files.write_tensors(tmp_path / "new.safetensors", tensors, metadata | {"format": "99"})
    code, _, err = run("evaluate", tmp_path / "new.safetensors")
    assert code == 2
    assert "upgrade" in err
    recipe = json.loads(metadata["recipe"])
    recipe["model"]["wavelets"] = 3
    files.write_tensors(tmp_path / "odd.safetensors", tensors, metadata | {"recipe": json.dumps(recipe)})
    code, _, err = run("evaluate", tmp_path / "odd.safetensors")
    assert code == 2
    assert "wavelets" in err


def test_data_of_another_shape_are_refused(trained, run, tmp_path):
    np.save(tmp_path / "other.npy", np.zeros((10, 9, 9), dtype=np.uint8))
    code, _, err = run("evaluate", trained[0], "other.npy")
    assert code == 2
    assert "8x8" in err or "8, 8" in err


def test_our_own_faults_exit_with_1(monkeypatch, run):
    def broken(*_):
        raise KeyError("surprise")

    monkeypatch.setattr("variate.cli.train.split_data", broken)
    code, _, err = run("train", "digits")
    assert code == 1
    assert "failed: KeyError" in err
    assert "Traceback" not in err


def test_help_of_every_command():
    for command in ([], *([name] for name in cli.COMMANDS)):
        shown = subprocess.run(
            [sys.executable, "-m", "variate", *command, "--help"], capture_output=True, text=True, check=True
        )
        assert "usage: variate" in shown.stdout
        for name in () if command else cli.COMMANDS:
            assert name in shown.stdout


def test_every_option_has_help():
    import dataclasses

    from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions

    shown = subprocess.run(
        [sys.executable, "-m", "variate", "train", "--help"], capture_output=True, text=True, check=True
    )
    for group in (DataOptions, ModelOptions, TrainingOptions):
        for option in dataclasses.fields(group):
            assert f"--{option.name.replace('_', '-')}" in shown.stdout


def test_collapse_is_reported_on_the_command_line(run):
    code, _, err = run("train", "digits", *FAST, "--beta", "50", "--epochs", "20")
    assert code == 0
    assert "variate: warning: " in err
    assert "collapsed" in err


def test_ctrl_c_saves_a_usable_model_and_exits_with_130(tmp_path):
    command = [sys.executable, "-m", "variate", "train", "digits", "--epochs", "100000", "--lr-warmup", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        metrics = tmp_path / "runs" / "digits" / "metrics.jsonl"
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and not (metrics.exists() and metrics.read_text()):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "go on with --resume" in out
    assert "Traceback" not in err
    data = variate.read("digits")
    vae = variate.load(tmp_path / "runs" / "digits")
    guessing = -64 * math.log(17)  # every level equally likely
    assert variate.evaluate(vae, data.values[:200]).elbo.value > guessing


def test_killed_command_resumes_where_it_was(tmp_path):
    options = [*FAST, "--epochs", "60"]
    command = [sys.executable, "-m", "variate", "train", "digits", *options, "--out"]
    subprocess.run([*command, "whole"], cwd=tmp_path, check=True, capture_output=True)
    with subprocess.Popen(
        [*command, "killed"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not (tmp_path / "killed" / "metrics.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    subprocess.run([*command, "killed", "--resume"], cwd=tmp_path, check=True, capture_output=True)
    for name in ("model.safetensors", "metrics.jsonl", "samples.png", "reconstructions.png"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled_bfloat16_training_follows_the_plain_one(tmp_path):
    bits = {}
    for name, options in {"plain": ["off", "float32"], "fast": ["on", "bfloat16"]}.items():
        command = [sys.executable, "-m", "variate", "train", "digits", "--epochs", "20", "--out", name]
        command += ["--compile", options[0], "--precision", options[1]]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        result = variate.evaluate(variate.load(tmp_path / name), variate.read("digits").values)
        bits[name] = result.elbo
    error = math.hypot(bits["plain"].stderr, bits["fast"].stderr)
    assert abs(bits["plain"].value - bits["fast"].value) <= 4 * error


def test_a_folder_of_colour_images_with_transparency_goes_all_the_way(run, tmp_path):
    folder = tmp_path / "icons" / "sub"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(40):
        picture = Image.fromarray(rng.integers(256, size=(13, 10, 4), dtype=np.uint8))
        if index % 4:
            picture.save(folder / f"{index:02}.png")
        else:
            picture.convert("RGB").quantize(16).save(folder.parent / f"{index:02}.png")  # a palette, no transparency
    code, out, _ = run("train", "icons", "--network", "conv", "--epochs", 2, "--width", 8, "--latent", 3)
    assert code == 0
    assert "40 RGBA images 13x10" in out
    for command in (["evaluate"], ["sample", "-n", 6], ["reconstruct", "-n", 6], ["embed"]):
        assert run(command[0], "runs/icons", *command[1:])[0] == 0
    sheet = size(tmp_path / "samples.png")
    assert sheet == (3 * (10 * 5 + 2) + 2, 2 * (13 * 5 + 2) + 2)
    assert run("reconstruct", "runs/icons", "icons", "-n", 6, "--out", "r.npy")[0] == 0
    assert np.load(tmp_path / "r.npy").shape[1:] == (4, 13, 10)
    assert pq.read_table(tmp_path / "embeddings.parquet").shape == (40, 3)
