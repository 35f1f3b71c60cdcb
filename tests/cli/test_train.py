"""`variate train`: what it writes and what it says."""

import json
import math
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

import variate
from small_runs import FAST, SMALL, finished, in_a_process
from variate.cli.main import main
from variate.runs import Run
from variate.runs.training import plan, train
from variate.runtime.distributed import Processes


def size(path):
    with Image.open(path) as picture:
        return picture.size


def test_a_run_says_what_it_took_the_data_for_and_how_good_it_is(variate_command, tmp_path):
    code, out, _ = variate_command("train", "digits", *FAST)
    assert code == 0
    assert "1,797 grey images 8x8, 17 levels (train 1,437, validation 180, test 180)" in out
    assert "likelihood discretized-logistic: grey levels are integers with an order" in out
    assert "network mlp: small images; 1 x 16 units, 3 latents, diagonal posterior" in out
    assert "finished: kept the weights of step" in out
    assert "test part of digits: 180 rows" in out
    assert "bits/dim" in out
    run_directory = tmp_path / "runs" / "digits"
    for name in ("model.safetensors", "metrics.jsonl", "reconstructions.png", "samples.png", "checkpoint"):
        assert (run_directory / name).exists(), name
    assert size(run_directory / "samples.png") == (8 * 66 + 2, 8 * 66 + 2)
    assert size(run_directory / "reconstructions.png") == (12 * 66 + 2, 8 * 66 + 2)
    numbers = re.findall(r"ELBO  .*?([-\d.,]+ ± [\d.]+)", out)
    assert len(numbers) == 1
    code, again, _ = variate_command("evaluate", run_directory, "--samples", 1)
    assert code == 0
    assert re.findall(r"ELBO  .*?([-\d.,]+ ± [\d.]+)", again) == numbers
    assert variate_command("train", "digits", *FAST)[0] == 0
    assert (tmp_path / "runs" / "digits-2" / "model.safetensors").exists()


def test_a_resumed_run_keeps_its_options_and_a_finished_one_does_not_change(variate_command, tmp_path):
    assert variate_command("train", "digits", *FAST, "--network", "conv", "--width", 8)[0] == 0
    model = tmp_path / "runs" / "digits" / "model.safetensors"
    before = model.read_bytes()
    code, out, _ = variate_command("train", "digits", "--resume")
    assert code == 0
    assert "likelihood discretized-logistic and network conv as in runs/digits" in out
    assert "mlp" not in out
    assert model.read_bytes() == before
    code, _, err = variate_command("train", "digits", "--resume", "--latent", 7)
    assert code == 2
    assert "--latent: expected 3 as in" in err
    assert variate_command("train", "digits", "--resume", "--out", "elsewhere")[0] == 2
    code, _, err = variate_command("train", "digits", *FAST, "--out", "runs/digits")
    assert code == 2
    assert "not empty" in err
    assert "--resume" in err
    assert model.read_bytes() == before


def test_a_table_goes_all_the_way(variate_command, table_file, tmp_path):
    code, out, _ = variate_command("train", table_file, *FAST, "--out", "run")
    assert code == 0
    assert "height real, member binary, visits counts, city categorical of 3" in out
    assert "bits/dim" in out
    header, *rows = (tmp_path / "run" / "samples.csv").read_text().splitlines()
    assert header.replace('"', "") == "height,member,visits,city"
    assert len(rows) == 64
    assert variate_command("reconstruct", "run", "--out", "r.parquet")[0] == 0
    assert variate_command("embed", "run", table_file, "--out", "e.csv")[0] == 0
    code, _, err = variate_command("sample", "run", "--out", "new.npy")
    assert code == 2
    assert "text" in err


def test_streamed_arrays_go_all_the_way(variate_command, tmp_path, monkeypatch):
    shards = tmp_path / "shards"
    shards.mkdir()
    rows = np.random.default_rng(0).normal(size=(600, 5)).astype("f4")
    for number, part in enumerate(np.split(rows, [250, 400])):
        np.save(shards / f"x-{number}.npy", part)
    code, out, err = variate_command("train", shards, "--stream", "on", *FAST)
    assert code == 0, err
    assert "600 rows of 5 values, real numbers, read from disk as needed (train 480, validation 60, test 60)" in out
    run = Run("runs/shards")
    assert run.recipe.data.stream == "on"
    code, out, err = variate_command("evaluate", "runs/shards", "--samples", "5")
    assert code == 0, err
    assert "test part of shards: 60 rows" in out
    code, _, err = variate_command("embed", "runs/shards", "--out", "z.npy")
    assert code == 0, err
    np.testing.assert_allclose(np.load("z.npy"), run.model.embed(rows).mean.numpy(), rtol=1e-5, atol=1e-6)
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 3_000)  # 20 bytes per row are more than half of it
    np.save("other.npy", rows[:100])
    monkeypatch.setattr(sys.modules["variate.data.split"], "HELD_OUT_BYTES", 20 * 40)
    code, out, err = variate_command("evaluate", "runs/shards", "other.npy", "--samples", "1")
    assert code == 0, err
    assert "40 of the 100 rows of other.npy, spread evenly" in out
    np.save(shards / "x-1.npy", rows[:150] + 1)
    code, _, err = variate_command("train", shards, "--resume")
    assert code == 2
    assert "changed since" in err


def test_what_auto_took_is_kept_with_the_model(variate_command, tmp_path, monkeypatch):
    np.save("grey.npy", np.random.default_rng(0).integers(0, 256, (4000, 6, 6)).astype("u1"))
    monkeypatch.setattr("variate.runtime.memory.physical", lambda: 2 * 4000 * 36 - 1)
    code, out, err = variate_command("train", "grey.npy", "--binarize", "dynamic", *FAST)
    assert code == 0, err
    assert "drawn anew" in out
    assert "from 256 grey levels, read from disk as needed" in out
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert Run("runs/grey").recipe.data.stream == "on"
    code, out, err = variate_command("evaluate", "runs/grey", "--samples", "1")
    assert code == 0, err
    code, _, err = variate_command("embed", "runs/grey")
    assert code == 2
    assert err.startswith("variate: error: grey.npy: expected bits")


def test_images_with_transparency_go_all_the_way_and_a_damaged_one_is_named(variate_command, tmp_path):
    folder = tmp_path / "icons" / "sub"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for index in range(40):
        picture = Image.fromarray(rng.integers(256, size=(13, 10, 4), dtype=np.uint8))
        if index % 4:
            picture.save(folder / f"{index:02}.png")
        else:
            picture.convert("RGB").quantize(16).save(folder.parent / f"{index:02}.png")  # a palette, no transparency
    whole = (folder / "01.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    small = ("--network", "conv", "--epochs", 2, "--width", 8, "--latent", 3)
    code, out, err = variate_command("train", "icons", *small)
    assert code == 0, err
    assert "40 RGBA images 13x10" in out
    assert "cut.png" in out
    assert variate_command("sample", "runs/icons", "-n", 6)[0] == 0
    assert size(tmp_path / "samples.png") == (3 * (10 * 5 + 2) + 2, 2 * (13 * 5 + 2) + 2)
    assert variate_command("reconstruct", "runs/icons", "-n", 6)[0] == 0
    assert variate_command("reconstruct", "runs/icons", "icons", "-n", 6, "--out", "r.npy")[0] == 0
    assert np.load("r.npy").shape[1:] == (4, 13, 10)
    code, out, _ = variate_command("embed", "runs/icons")
    assert code == 0
    assert "40 rows of 3 latents" in out


def test_collapse_and_another_objective_are_reported(variate_command):
    code, out, err = variate_command("train", "digits", *FAST, "--beta", "50", "--epochs", "20")
    assert code == 0
    assert "variate: warning: " in err
    assert "collapsed" in err
    assert "trained with --beta 50.0" in out
    assert "is not a likelihood" in " ".join(out.split())


def test_ctrl_c_saves_a_usable_model_and_exits_with_130(tmp_path):
    endless = ("--epochs", "100000", "--lr-warmup", "0", "--compile", "off")
    command = in_a_process("train", "digits", *endless, cwd=tmp_path, text=True)
    with subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        metrics = tmp_path / "runs" / "digits" / "metrics.jsonl"
        while process.poll() is None and not (metrics.exists() and metrics.read_text()):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "go on with --resume --out runs/digits" in out
    assert "Traceback" not in err
    run = Run(tmp_path / "runs" / "digits")
    guessing = -64 * math.log(17)  # every level equally likely
    assert variate.elbo(run.model, run.splits()).elbo.mean() > guessing


@pytest.mark.slow  # a run of two processes that is killed and resumed is among the others
def test_a_killed_command_resumes_where_it_was(tmp_path):
    options = [*FAST, "--epochs", "30", "--out"]
    finished("train", "digits", *options, "whole", cwd=tmp_path)
    killed = ["train", "digits", *options, "killed"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(**in_a_process(*killed, cwd=tmp_path, **silent)) as process:
        while not (tmp_path / "killed" / "metrics.jsonl").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    finished(*killed, "--resume", cwd=tmp_path)
    for name in ("model.safetensors", "metrics.jsonl", "samples.png", "reconstructions.png"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled_bfloat16_training_follows_the_plain_one(tmp_path):
    bits = {}
    for name, options in {"plain": ["off", "float32"], "fast": ["on", "bfloat16"]}.items():
        given = ["--epochs", "20", "--out", name, "--compile", options[0], "--precision", options[1]]
        finished("train", "digits", *given, cwd=tmp_path)
        bits[name] = variate.evaluate(Run(tmp_path / name).model, variate.read("digits").all_rows()).elbo
    error = math.hypot(bits["plain"].stderr, bits["fast"].stderr)
    assert abs(bits["plain"].value - bits["fast"].value) <= 4 * error


def test_a_directory_in_use_or_out_of_reach_is_one_sentence(variate_command, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "a").touch()
    for out, words in (
        ("file", "--out: expected a directory, got 'file', which is a file"),
        ("file/run", "file/run: expected a place that can be written to, got not a directory"),
        ("used", "--out: expected a directory that is empty or does not exist yet"),
        (300 * "x", "got file name too long"),
    ):
        code, _, err = variate_command("train", "digits", *FAST, "--out", out)
        assert code == 2, err
        assert words in err
        assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "used"]


def test_a_run_that_another_process_trains_is_neither_replaced_nor_resumed(variate_command):
    planned = plan("digits", "run", **SMALL)
    with planned.claim.held(Processes()):
        train(planned)
        code, _, err = variate_command("train", "digits", "--resume", "--out", "run")
        assert code == 2
        assert "run" in err
        assert variate_command("train", "digits", *FAST, "--out", "run")[0] == 2
    assert variate_command("train", "digits", "--resume", "--out", "run")[0] == 0


def test_a_run_that_is_not_there_is_said_to_be_so(variate_command):
    for command in ("evaluate", "doctor", "sample", "embed", "reconstruct"):
        code, _, err = variate_command(command, "runs/none")
        assert code == 2
        assert "runs/none: expected a run directory or a model file, got no file" in err


def test_a_working_directory_that_was_deleted_is_one_sentence(variate_command, tmp_path, deleted):
    code, _, err = variate_command("train", "digits", *FAST)
    assert code == 2
    assert "working directory" in err
    # With absolute paths too: torch ends a process that begins to multiply matrices there.
    code, _, err = variate_command("train", "digits", *FAST, "--out", tmp_path / "run")
    assert code == 2
    assert "working directory" in err
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
from variate.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
sys.argv = ["variate", "train", "digits", *sys.argv[1:]]
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_a_limit_on_files_is_one_sentence_with_the_file(tmp_path):
    command = [sys.executable, "-c", LIMITED, *FAST]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "runs/digits/checkpoint/state.safetensors: expected a place that can be written to" in done.stderr
    assert "file too large" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_metrics_are_one_json_object_per_validation(digits_run):
    lines = (digits_run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == digits_run.history


def test_main_is_the_entry_point():
    assert main is variate.cli.main


def test_the_number_of_latents_is_searched_for_and_kept_with_the_model(variate_command, tmp_path, monkeypatch):
    monkeypatch.setattr("variate.training.latent_trials.LEAST_STEPS", 30)
    few = ("--epochs", 2, "--width", 16, "--depth", 1)
    code, out, err = variate_command("train", "digits", *few, "--latent", "auto", "--out", "run")
    assert code == 0, err
    first, cost, found, *_ = out.splitlines()
    assert "latents by a search" in first
    assert cost.startswith("latents: tries 16 and 8, then smaller or larger numbers while those win, 2 x ")
    recipe = Run("run").recipe
    assert found.startswith(f"latents {recipe.model.latent}: ")
    assert recipe.model.latent in recipe.compared_latents
    assert {8, 16} <= set(recipe.compared_latents)
    assert f"active units of {recipe.model.latent}" in out
    code, again, err = variate_command("train", "digits", "--resume", "--out", "run", "--latent", "auto")
    assert code == 0, err
    assert "tries" not in again
    assert Run("run").recipe == recipe


def test_an_interrupted_search_leaves_nothing(variate_command, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("variate.training.latent_trials.Trials.score", interrupted)
    code, *_ = variate_command("train", "digits", "--epochs", 1, "--width", 16, "--latent", "auto")
    assert code == 130
    assert not list(tmp_path.iterdir())
