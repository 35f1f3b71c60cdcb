"""The documentation's own commands, run as they stand."""

import contextlib
import csv
import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import variate
from small_servers import TOKEN, serving
from variate.cli.main import COMMANDS, main
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from workbooks import book

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CONCEPTS = (ROOT / "docs" / "concepts.md").read_text()
SCALING = (ROOT / "docs" / "scaling.md").read_text()
TABLES = (ROOT / "docs" / "tables.md").read_text()
USES = (ROOT / "docs" / "uses.md").read_text()
SERVE = (ROOT / "docs" / "serve.md").read_text()

TORCHRUN = {"nproc-per-node", "nnodes", "node-rank", "master-addr", "master-port"}
"""Options in the docs that are not ours."""


def blocks(language, text=README):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text=README):
    """Every `variate ...` and `torchrun ...` line of a page's shell blocks, in order."""
    lines = (line.split("#")[0].strip() for block in blocks("sh", text) for line in block.splitlines())
    parts = (part.strip() for line in lines for part in line.split("&&"))
    return [part for part in parts if part.startswith(("variate ", "torchrun "))]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A directory with the data that the README speaks of."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for index in range(30):
        Image.fromarray(rng.integers(256, size=(33, 20, 3), dtype=np.uint8)).save(tmp_path / "photos" / f"{index}.png")
    rows = [[int(rng.integers(18, 90)), str(rng.choice(["Bern", "Oslo"])), rng.gamma(2.0)] for _ in range(60)]
    rows = [["age", "city", "spent"], *rows]
    rows[3][0], rows[5][2] = "", ""
    for name in ("customers.csv", "new-customers.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    book(tmp_path / "sales.xlsx", {"sales": rows})
    np.save(tmp_path / "spectra.npy", rng.normal(size=(60, 12)))
    return tmp_path


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_every_command_of_the_readme_runs_and_writes_the_files_that_it_promises(workplace, monkeypatch):
    torch.set_default_dtype(torch.float32)
    found, absent = commands(), ""
    assert len(found) >= 8
    for command in found:
        _, *arguments = shlex.split(command)
        if "fashion-mnist" in arguments and not Path("/usr/share/datasets/fashion-mnist").is_dir():
            absent = "fashion-mnist is not here: apt-get install dataset-fashion-mnist"
            continue
        if arguments[0] == "train" and arguments != ["train", "--help"]:
            arguments += ["--epochs", "1", "--width", "8", "--batch-size", "20", "--compile", "off"]
        if "fashion-mnist" in arguments:
            arguments[-3:] = ["1000", "--compile", "off", "--binarize", "dynamic"]
        monkeypatch.setattr(sys, "argv", ["variate", *arguments])
        with contextlib.suppress(SystemExit) if "--help" in arguments else contextlib.nullcontext():
            main()
    promised = re.findall(r"runs/digits/(\S+)", re.search(r"```\nruns.*?```", README, re.DOTALL).group(0))
    written = {p.name for p in (workplace / "runs" / "digits").iterdir() if p.is_file()}
    assert set(promised) | {"evaluation.json", "diagnosis.json"} == written
    if absent:
        pytest.skip(absent)  # the other commands ran


@pytest.mark.ci
def test_the_commands_of_scaling_run(workplace):
    spread, resumed = commands(SCALING)
    (program, *arguments), (_, *again) = shlex.split(spread), shlex.split(resumed)
    assert program == "torchrun"
    few = ["--epochs", "1", "--width", "8"]
    for command in (["torch.distributed.run", *arguments, *few], ["variate", *again]):
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout.count("finished: ") == 1


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_the_commands_of_tables_run_and_fill_what_they_say(workplace, monkeypatch):
    torch.set_default_dtype(torch.float32)
    found = commands(TABLES)
    assert len(found) >= 7
    for command in found:
        _, *arguments = shlex.split(command)
        if arguments[0] == "train":
            arguments += ["--epochs", "1", "--width", "8", "--batch-size", "20", "--compile", "off"]
        monkeypatch.setattr(sys, "argv", ["variate", *arguments])
        main()
    before, after = ((workplace / name).read_text().splitlines() for name in ("customers.csv", "filled.csv"))
    changed = [number for number, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed == [3, 5]
    assert {row["city"] for row in csv.DictReader((workplace / "oslo.csv").read_text().splitlines())} == {"Oslo"}
    assert len((workplace / "five.csv").read_text().splitlines()) == 1 + 5 * 60
    families = list(csv.DictReader((workplace / "families.csv").read_text().splitlines()))
    assert {row["plan"] for row in families} == {"family"}
    assert all(30 <= int(row["age"]) <= 40 for row in families)
    assert ",," not in (workplace / "filled-people.csv").read_text()


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_the_python_of_the_readme_runs(workplace):
    torch.set_default_dtype(torch.float32)
    (block,) = blocks("python")
    names = {}
    exec(compile(block.replace("epochs=20", "epochs=1"), "README.md", "exec"), names)  # the README's own text
    assert names["rows"].shape == (16, 1, 8, 8)
    assert names["terms"].elbo.shape == (len(names["data"].test),)
    assert (workplace / "model.safetensors").exists()


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_the_commands_of_concepts_run(workplace, monkeypatch):
    torch.set_default_dtype(torch.float32)
    rng = np.random.default_rng(0)
    seen = (rng.random((30, 33, 20)) < 0.9).astype(np.uint8) * 255
    for masks, images, number in (("masks", "photos", 30), ("new-masks", "new", 2)):
        (workplace / masks).mkdir()
        (workplace / images).mkdir(exist_ok=True)
        for place in range(number):
            Image.fromarray(seen[place]).save(workplace / masks / f"{place}.png")
            if images != "photos":
                shutil.copy(workplace / "photos" / f"{place}.png", workplace / images / f"{place}.png")
    with zipfile.ZipFile(workplace / "stickers.zip", "w") as archive:
        for place in range(30):
            Image.fromarray(rng.integers(256, size=(8, 8, 4), dtype=np.uint8)).save(workplace / "sticker.png")
            archive.write(workplace / "sticker.png", f"{place}.png")
    monkeypatch.setattr("variate.evaluation.conditional.chain.NUM_STEPS", 2)
    for command in commands(CONCEPTS):
        _, *arguments = shlex.split(command)
        if arguments[0] == "train":
            arguments += ["--epochs", "1", "--width", "8", "--batch-size", "20", "--compile", "off"]
        if arguments[0] == "impute":
            arguments += ["--samples", "10"]
        monkeypatch.setattr(sys, "argv", ["variate", *arguments])
        main()
    assert sorted(path.name for path in (workplace / "new-whole").iterdir()) == ["0.png", "1.png"]
    assert len(list((workplace / "whole").iterdir())) == 30


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_the_commands_of_uses_run_and_then_its_python(workplace, monkeypatch):
    torch.set_default_dtype(torch.float32)
    monkeypatch.setattr("variate.training.latent_trials.LEAST_STEPS", 20)
    assert len(commands(USES)) >= 30
    for command in commands(USES):
        _, *arguments = shlex.split(command)
        if arguments[0] == "train":
            arguments += ["--epochs", "1", "--width", "8", "--batch-size", "40", "--compile", "off"]
        monkeypatch.setattr(sys, "argv", ["variate", *arguments])
        main()
    for name, lines in (
        ("why.csv", 60),
        ("classes.csv", 180),
        ("between.csv", 6),
        ("half-way.csv", 3),
        ("like-3.csv", 6),
    ):
        assert len((workplace / name).read_text().splitlines()) == 1 + lines, name
    assert (workplace / "runs" / "customers" / "calibration" / "bound.safetensors").exists()
    assert (workplace / "seeds" / "seed-2" / "model.safetensors").exists()
    assert (workplace / "seeds" / "seeds.json").exists()
    pictures = ("strip.png", "path.gif", "curves.png", "shifted.png", "traversal.png", "neighbours.png", "map.png")
    for name in (*pictures, "sevens.png"):
        with Image.open(workplace / name) as found:
            found.load()
    found = {}
    for block in blocks("python", USES):
        names = {}
        exec(compile(block.replace("fit(vae, data)", "fit(vae, data, epochs=1)"), "uses.md", "exec"), names)
        found[next((word for word in ("choose_latent", "calibration=data") if word in block), block)] = names
    assert found["calibration=data"]["odd"].shape == (60,)
    assert found["choose_latent"]["vae"].latent == found["choose_latent"]["found"].latent


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_the_python_of_tables_runs(workplace):
    pytest.importorskip("pandas")
    torch.set_default_dtype(torch.float32)
    block = next(block for block in blocks("python", TABLES) if "pandas" in block)
    names = {}
    exec(compile(block.replace("fit(vae, data)", "fit(vae, data, epochs=1)"), "tables.md", "exec"), names)
    assert names["frame"].isna().sum().sum() == 2
    assert names["filled"].isna().sum().sum() == 0
    assert (names["filled"].dtypes == names["frame"].dtypes).all()
    assert list(names["new"].columns) == list(names["frame"].columns)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore::variate.VariateWarning")  # one epoch is too few
def test_the_requests_and_the_python_of_serve_are_answered(workplace, monkeypatch):
    torch.set_default_dtype(torch.float32)
    training = [command for command in commands(SERVE) if command.startswith("variate train")]
    for command in training:
        arguments = [*shlex.split(command), "--epochs", "1", "--width", "8", "--batch-size", "20", "--compile", "off"]
        monkeypatch.setattr(sys, "argv", arguments)
        main()
    np.save("images.npy", variate.read("digits").x.all()[:5])
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) // 4).save("digit.png")
    (block,) = [own for own in blocks("sh", SERVE) if "curl" in own]
    with serving(customers=variate.Run("runs/customers"), digits=variate.Run("runs/digits")) as served:
        found = [curled(served, line) for line in block.replace("\\\n", "").splitlines() if line.startswith("curl ")]
        names = {"token": TOKEN}
        (python,) = blocks("python", SERVE)
        exec(compile(python.replace("http://127.0.0.1:8000", served.url), "serve.md", "exec"), names)
        names["model"].close()
        names["digits"].close()
    assert [answer.status for answer in found] == [200] * 5
    assert found[0].json["rows"][0]["p_value"] <= 1
    assert found[1].json["rows"][0]["age"] is not None
    assert [row["city"] for row in found[2].json["rows"]] == ["Oslo"] * 3
    assert len(found[3].array) == 5
    assert len(found[4].json["rows"]) == 1
    assert names["filled"].isna().sum().sum() == 0
    assert set(names["new"]["city"]) == {"Oslo"}
    assert names["decoded"].shape == names["images"].shape


def curled(served, line):
    """The answer to a line of curl."""
    _, address, *rest = shlex.split(line)
    options = dict(zip(rest[::2], rest[1::2], strict=True)) | {"-H": ""}
    headers = dict(rest[place + 1].split(": ") for place, own in enumerate(rest) if own == "-H")
    assert headers.pop("Authorization") == "Bearer $TOKEN"
    body = Path(options["-T"]).read_bytes() if "-T" in options else options["-d"].encode()
    assert set(options) <= {"-H", "-d", "-X", "-T", "-o"}
    return served.ask(address.removeprefix("http://127.0.0.1:8000"), body, headers["Content-Type"])


def test_options_named_in_the_docs_exist():
    groups = (DataOptions, ModelOptions, TrainingOptions, *COMMANDS.values())
    known = {f.name.replace("_", "-") for group in groups for f in dataclasses.fields(group)} | {"help", "from"}
    for text in (README, CONCEPTS, SCALING, TABLES, USES, SERVE):
        for option in set(re.findall(r"--([a-z][a-z-]+)", text)) - TORCHRUN:
            assert option in known, option


def test_public_names_are_in_the_architecture_or_the_readme():
    text = README + "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    for name in variate.__all__:
        assert re.search(rf"\b{name}\b", text), name


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), (page.name, target)
