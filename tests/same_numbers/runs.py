"""Small and full-sized runs whose numbers a change that is meant to keep numbers must repeat.

    python tests/same_numbers/runs.py record FOLDER [small|full]     trains every case and writes FOLDER/CASE.json
    python tests/same_numbers/runs.py compare BEFORE AFTER           prints what differs, and by how much

Run `record` with the code before a change and with the code after it, then `compare`. Only the command line is used, so
the same script runs with both. The record of the small cases, in `record.json`, is checked by `test_same_numbers.py`.
"""

import csv
import hashlib
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

FAST = ["--width", "32", "--depth", "1", "--latent", "4", "--seed", "3", "--threads", "1", "--compile", "off"]
FASHION = [
    "train",
    "fashion-mnist",
    "--precision",
    "float32",
    "--compile",
    "off",
    "--epochs",
    "1",
    "--batch-size",
    "180",
    "--threads",
    "2",
]

SMALL: dict[str, list[str]] = {
    "digits": ["train", "digits", *FAST, "--epochs", "2"],
    "digits-mixture": ["train", "digits", *FAST, "--epochs", "1", "--prior", "mixture", "--posterior", "full"],
    "digits-iwae": ["train", "digits", *FAST, "--epochs", "1", "--bound", "iwae", "--samples", "3"],
    "digits-dreg": ["train", "digits", *FAST, "--epochs", "1", "--bound", "dreg", "--samples", "3"],
    "digits-free-bits": ["train", "digits", *FAST, "--epochs", "1", "--free-bits", "0.2", "--kl-warmup", "0.5"],
    "dynamic": ["train", "digits", *FAST, "--epochs", "1", "--binarize", "dynamic"],
    "table": ["train", "table.csv", *FAST, "--epochs", "2"],
    "stream": ["train", "array.npy", *FAST, "--epochs", "1", "--stream", "on", "--batch-size", "50"],
    "optimal": ["train", "array.npy", *FAST, "--epochs", "1", "--scale", "optimal"],
}
"""Seconds each; asserted by the tests."""

FULL: dict[str, list[str]] = {
    "digits": ["train", "digits", "--threads", "2"],
    "fashion": FASHION,
    "table": ["train", "table.csv", "--epochs", "20", "--threads", "1"],
    "stream": ["train", "array.npy", "--stream", "on", "--epochs", "5", "--threads", "1"],
    "dynamic": ["train", "digits", "--binarize", "dynamic", "--epochs", "20", "--threads", "1"],
    "two-processes": ["train", "digits", "--epochs", "10", "--threads", "1"],
}
"""About five minutes in all; recorded by hand."""


def write_data(folder: Path) -> None:
    """The table and the array that cases are trained on, always the same."""
    rng = np.random.default_rng(0)
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "member", "visits", "city"])
        for _ in range(1000):
            city = rng.choice(["Bern", "Oslo", "Rome"])
            writer.writerow([f"{rng.normal(170, 9):.2f}", rng.integers(2), rng.negative_binomial(2, 0.1), city])
    z = rng.normal(size=(2000, 3))
    np.save(folder / "array.npy", (z @ rng.normal(size=(3, 12)) + 0.3 * rng.normal(size=(2000, 12))).astype("f4"))


def run(arguments: list[str], folder: Path, processes: int = 1) -> str:
    """What a command prints."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--nproc-per-node", str(processes), "-m"]
    done = subprocess.run([*start, "variate", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout


def numbers_of(run_directory: Path) -> dict[str, object]:
    """What a run left: its tensors, its metrics and its evaluation."""
    tensors = load_file(run_directory / "model.safetensors")
    found: dict[str, object] = {
        "tensors": {
            name: {
                "sha256": hashlib.sha256(np.ascontiguousarray(tensor).data).hexdigest()[:16],
                "sum": float(np.sum(tensor, dtype=np.float64)),
                "norm": float(math.sqrt(np.sum(np.square(tensor, dtype=np.float64)))),
            }
            for name, tensor in sorted(tensors.items())
        },
        "metrics": [json.loads(line) for line in (run_directory / "metrics.jsonl").read_text().splitlines()],
    }
    evaluation = run_directory / "evaluation.json"
    if evaluation.exists():
        found["evaluation"] = {
            q["name"]: [q["value"], q["stderr"]] for q in json.loads(evaluation.read_text())["quantities"]
        }
    return found


def record(
    folder: Path, cases: dict[str, list[str]], command: Callable[[list[str], Path, int], object] = run
) -> dict[str, object]:
    """Trains and evaluates every case; the numbers, by case.

    Args:
        folder: Where to work.
        cases: Arguments of `variate train`, by name.
        command: Runs the arguments of a command in a folder with so many processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_data(folder)
    found: dict[str, object] = {}
    for name, arguments in cases.items():
        command([*arguments, "--out", f"runs/{name}"], folder, 2 if name == "two-processes" else 1)
        command(["evaluate", f"runs/{name}", "--samples", "100", "--precision", "float32"], folder, 1)
        found[name] = numbers_of(folder / "runs" / name)
    return found


def differences(before: object, after: object, where: str = "") -> list[tuple[str, float]]:
    """Every number that differs, with the relative difference; infinite where one side lacks it."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted(set(before) | set(after))
        pairs = [(f"{where}/{name}", before.get(name), after.get(name)) for name in names if name != "sha256"]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = [(f"{where}/{i}", one, other) for i, (one, other) in enumerate(zip(before, after, strict=True))]
    elif before == after:
        return []
    elif isinstance(before, float | int) and isinstance(after, float | int):
        return [(where, abs(before - after) / max(1e-12, abs(before), abs(after)))]
    else:
        return [(where, math.inf)]
    return [found for path, one, other in pairs for found in differences(one, other, path)]


def compare(before: dict[str, object], after: dict[str, object]) -> None:
    """Prints, for each case, whether all bits are the same, and otherwise the largest relative differences."""
    for name in before:
        same = json.dumps(before[name], sort_keys=True) == json.dumps(after.get(name), sort_keys=True)
        found = sorted(differences(before[name], after.get(name)), key=lambda d: -d[1])
        print(f"{name}: {'equal bit for bit' if same else f'{len(found)} numbers differ'}")
        for where, relative in found[:5]:
            print(f"    {relative:.2e}  {where}")


def main() -> None:
    """Records or compares."""
    match sys.argv[1:]:
        case ["record", file, *size]:
            with tempfile.TemporaryDirectory() as folder:
                found = record(Path(folder), FULL if size == ["full"] else SMALL)
            Path(file).write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
        case ["compare", before, after]:
            compare(json.loads(Path(before).read_text()), json.loads(Path(after).read_text()))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
