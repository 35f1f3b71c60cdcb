"""Environments in which little works: closed streams, full and read-only disks, limits, locales, odd names.

Each is a process of its own. It must end well with a whole model, or with exit code 2 and one sentence; where nothing
that is needed is missing, it must end well. A case that needs what this machine does not permit (a mount, the removal
of a privilege) is left out, and the table says so.
"""

import itertools
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

import variate
from campaign import commands
from campaign.base import Campaign, Case, End, Fault, LeftOutError
from campaign.judge import require_command, require_finite, require_output

MB = 2**20
UNPRIVILEGED = (
    "setpriv",
    "--bounding-set",
    "-dac_override,-dac_read_search",
    "--inh-caps",
    "-dac_override,-dac_read_search",
)
"""Makes the permissions of files count for root too."""
IN_NAMESPACE = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o "$0" tmpfs disk && exec "$@"')
"""Runs a command with a small disk mounted on the folder `disk`, which nobody else sees."""


class Environment(NamedTuple):
    """A way to run a command.

    Attributes:
        name: What is wrong.
        arguments: Of the command; the folder's names in braces are filled in.
        must_work: Whether nothing is missing that the command needs.
        variables: To set, or with None to remove.
        before: Called in the process before it becomes Python.
        wrapper: A command line that runs it.
        arrange: Called in the case's folder before.
        during: Called while it runs, with its process.
        code: Exit codes besides 0 and 2 that are right, where nothing can be said to anyone.
    """

    name: str
    arguments: tuple[str | bytes, ...]
    must_work: bool = False
    variables: Mapping[str, str | None] = {}
    before: Callable[[], None] | None = None
    wrapper: tuple[str, ...] = ()
    arrange: Callable[[Path], None] | None = None
    during: "Callable[[subprocess.Popen[bytes], Path], None] | None" = None
    code: tuple[int, ...] = ()


ADDRESSES = 4 * 2**30
"""Bytes of address space with which Python and torch start, and that 3 GB more do not fit into."""
LONGER = ("train", "rows.npy", *commands.FAST[2:], "--epochs", "100000", "--patience", "0")


def close(streams: tuple[int, ...]) -> None:
    """Closes standard streams."""
    for stream in streams:
        os.close(stream)


def limit(which: int, value: int) -> None:
    """Sets a limit of the process; a file that grows too large is an error and no signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(which, (value, value))


def without_folder() -> None:
    """Deletes the working directory from under the process."""
    gone = Path("gone").resolve()
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()


def full_output() -> None:
    """Makes standard output a device that is always full."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def broken_output() -> None:
    """Makes standard output a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(reading)


def delete_run(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Deletes the run directory once the first checkpoint is there, and asks the run to stop some time later."""
    for _ in range(600):
        if (folder / "run" / "checkpoint").exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(1)
    shutil.rmtree(folder / "run", ignore_errors=True)
    time.sleep(3)
    process.send_signal(signal.SIGINT)


def read_only(name: str, folder: Path) -> None:
    """A folder that cannot be written to."""
    (folder / name).mkdir(exist_ok=True)
    (folder / name).chmod(0o555)


def unreadable(name: str, folder: Path) -> None:
    """A file or a folder that cannot be read."""
    (folder / name).chmod(0)


def named(name: bytes, folder: Path) -> None:
    """The data under another name."""
    shutil.copy(folder / "rows.npy", os.fsencode(folder) + b"/" + name)


def sparse(folder: Path) -> None:
    """An array of 3 GB that takes no disk."""
    shape = (3 * 2**30 // 8 // 64, 64)
    with (folder / "big.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + 3 * 2**30)


def images_with_secret(folder: Path) -> None:
    """A folder of images with a sub-folder that cannot be read."""
    from PIL import Image

    for place in ("photos", "photos/secret"):
        (folder / place).mkdir()
        for number in range(6):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / place / f"{number}.png")
    (folder / "photos" / "secret").chmod(0)


def unfinished(folder: Path) -> None:
    """A run directory with nothing in it but what a killed run leaves."""
    (folder / "run" / "checkpoint").mkdir(parents=True)
    (folder / "run" / "checkpoint" / ".state.safetensors.1.part").write_bytes(b"part")


def table_of_names(folder: Path) -> None:
    """A table whose names and words need more than ASCII."""
    towns = ("S\u00e3o", "\u6771\u4eac")
    lines = (f"{1.5 * i},{towns[i % 2]}" for i in range(40))
    (folder / "gr\u00f6\u00dfe.csv").write_text("h\u00f6he,stadt\n" + "\n".join(lines) + "\n", encoding="utf-8")


def train(source: str | bytes = "rows.npy", *more: str) -> tuple[str | bytes, ...]:
    """A command that trains for no time."""
    return ("train", source, *commands.FAST, *more)


ASCII_ONLY = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
NAMES = (
    b"x" * 251 + b".npy", b"a b.npy", b"a\nb.npy", b"\x1b[31m.npy", b"'\".npy", b"%s.npy", b".npy", b"a.b.npy",
    b"[ab]*?.npy", b"\xff\xfe.npy", "\u6771\u4eac.npy".encode(), b" .npy", b"..npy", b"a:b.npy", b"-2.npy",
)  # fmt: skip


def environments() -> list[Environment]:
    """All of them, the most telling first."""
    return [*telling(), *streams(), *variables(), *names(), *permissions(), *disks(), *limits()]


def telling() -> list[Environment]:
    """One of each kind, for the short form."""
    return [
        Environment("standard error closed", train(), True, before=partial(close, (2,))),
        Environment("deleted working directory", train("digits"), before=without_folder),
        Environment("read-only folder", train(), wrapper=UNPRIVILEGED, arrange=partial(read_only, "runs")),
        Environment("full disk", train("rows.npy", "--out", "disk/run"), wrapper=(*IN_NAMESPACE, "size=20k")),
        Environment("ASCII locale", train("gr\u00f6\u00dfe.csv"), True, ASCII_ONLY, arrange=table_of_names),
        Environment("name of 300 bytes", train("rows.npy", "--out", "x" * 300)),
        Environment("killed before its first checkpoint", train("rows.npy", "--out", "run"), True, arrange=unfinished),
        Environment("a name that is no UTF-8", train(b"caf\xe9.npy"), arrange=partial(named, b"caf\xe9.npy")),
        Environment("run directory deleted", (*LONGER, "--out", "run"), during=delete_run, code=(130,)),
    ]


def streams() -> list[Environment]:
    """Closed, full and broken streams."""
    closed = [c for size in (1, 2, 3) for c in itertools.combinations((0, 1, 2), size) if c != (2,)]
    return [
        *(Environment(f"streams {c} closed", train(), True, before=partial(close, c)) for c in closed),
        Environment("output full", train(), before=full_output, code=(1, 120)),
        Environment("output not read", train(), before=broken_output, code=(1, 120)),
    ]


def variables() -> list[Environment]:
    """Variables of the environment."""
    nothing = {name: None for name in os.environ if name not in ("PATH", "PYTHONPATH")}
    elsewhere = "/proc/nowhere"
    return [
        Environment("no HOME", train(), True, {"HOME": None}),
        Environment("HOME that is not there", train(), True, {"HOME": elsewhere, "XDG_CACHE_HOME": elsewhere}),
        Environment("no TMPDIR", train(), True, {"TMPDIR": elsewhere}),
        Environment("no environment", train(), True, nothing),
        Environment("no USER", train(), True, {"USER": None, "LOGNAME": None, "USERNAME": None}),
        Environment("a dumb terminal", train(), True, {"TERM": "dumb"}),
        Environment("an unknown locale", train(), True, {"LC_ALL": "xx_YY.nothing", "LANG": "xx"}),
        Environment("docstrings and assertions removed", train(), True, {"PYTHONOPTIMIZE": "2"}),
        Environment("warnings are errors", train(), True, {"PYTHONWARNINGS": "error::UserWarning:variate"}),
        Environment("no bytecode", train(), True, {"PYTHONPYCACHEPREFIX": elsewhere}),
        Environment("help in one column", ("train", "--help"), True, {"COLUMNS": "1"}),
        *(Environment(f"{c!r} columns", train(), True, {"COLUMNS": c}) for c in ("1", "0", "-5", "x", "9" * 30)),
        *(Environment(f"{n} threads of OpenMP", train(), True, {"OMP_NUM_THREADS": n}) for n in ("0", "-1", "x", "2")),
    ]


def names() -> list[Environment]:
    """Names of data, runs and files."""
    return [
        *(Environment(f"data named {n!r}", train(n), arrange=partial(named, n)) for n in NAMES),
        Environment("unknown home in the name", train("~nobody-here/x.npy")),
        Environment("a file as directory", train("rows.npy", "--out", "rows.npy")),
        Environment("a file on the way", train("rows.npy", "--out", "rows.npy/run")),
        Environment("an empty name", train("rows.npy", "--out", "")),
        Environment("the root as directory", train("rows.npy", "--out", "/")),
        Environment("a device as directory", train("rows.npy", "--out", "/dev/null")),
        Environment("a path of 5000 bytes", train("rows.npy", "--out", "x/" * 2500)),
        Environment("an evaluation of no run", ("evaluate", "nowhere")),
        Environment("an evaluation of a folder without a model", ("evaluate", ".")),
        Environment("samples into nowhere", ("sample", "good", "--out", "nowhere/a.npy")),
        Environment("samples into a long name", ("sample", "good", "--out", "x" * 300 + ".npy")),
        Environment("samples into a folder", ("sample", "good", "--out", "good", "--overwrite")),
        Environment("samples as the model", ("sample", "good", "--out", "good/model.safetensors", "--overwrite")),
        Environment(
            "a run that was killed early, resumed", train("rows.npy", "--out", "run", "--resume"), arrange=unfinished
        ),
    ]


def permissions() -> list[Environment]:
    """What cannot be read or written to."""
    evaluate = ("evaluate", "good", "rows.npy", "--samples", "2")
    found = {
        "sub-folder that cannot be read": (train("photos"), images_with_secret),
        "data that cannot be read": (train(), partial(unreadable, "rows.npy")),
        "a model that cannot be read": (evaluate, partial(unreadable, "good/model.safetensors")),
        "a run that cannot be entered": (evaluate, partial(unreadable, "good")),
        "a run that cannot be written to": (evaluate, partial(read_only, "good")),
    }
    return [Environment(n, words, wrapper=UNPRIVILEGED, arrange=arrange) for n, (words, arrange) in found.items()]


def disks() -> list[Environment]:
    """Disks that are full or read-only."""
    out = ("rows.npy", "--out", "disk/run")
    read_only_disk = (*IN_NAMESPACE, "ro")
    return [
        Environment("a read-only disk", train(*out), wrapper=read_only_disk),
        Environment("samples onto it", ("sample", "good", "--out", "disk/s.npy"), wrapper=read_only_disk),
        Environment(
            "embeddings onto a full disk",
            ("embed", "good", "rows.npy", "--out", "disk/e.parquet"),
            wrapper=(*IN_NAMESPACE, "size=4k"),
        ),
        *(
            Environment(f"disk of {size}", train(*out), wrapper=(*IN_NAMESPACE, f"size={size}"))
            for size in ("4k", "8k", "36k", "60k", "100k", "160k")
        ),
    ]


def limits() -> list[Environment]:
    """Limits of the process: files, memory."""
    files, addresses = partial(limit, resource.RLIMIT_FSIZE), partial(limit, resource.RLIMIT_AS, ADDRESSES)
    return [
        *(
            Environment(f"files of at most {s} bytes", train(), before=partial(files, s))
            for s in (0, 100, 5_000, 20_000)
        ),
        *(
            Environment(f"{n} open files", train(), before=partial(limit, resource.RLIMIT_NOFILE, n))
            for n in (20, 32, 64)
        ),
        *(
            Environment(
                f"3 GB in few addresses, stream {how}",
                train("big.npy", "--stream", how),
                before=addresses,
                arrange=sparse,
            )
            for how in ("off", "on", "auto")
        ),
    ]


class Environments(Campaign):
    """Environments in which little works."""

    name, long, short = "environments", len(environments()), 8
    seconds, is_measured = 120.0, False

    def prepare(self, folder: Path) -> None:
        """A model and rows."""
        self.all = environments()
        rows = np.random.default_rng(0).normal(size=(40, 4))
        np.save(folder / "rows.npy", rows)
        variate.build(rows, variate.ModelOptions(latent=2, width=4, depth=1)).save(
            folder / "good" / "model.safetensors"
        )
        self.good = folder

    def make(self, random: Random, folder: Path) -> Case:
        """One environment after the other."""
        chosen = self.all[int(folder.name) % len(self.all)]
        for name in ("rows.npy", "good"):
            copy = shutil.copytree if (self.good / name).is_dir() else shutil.copy
            copy(self.good / name, folder / name)
        (folder / "disk").mkdir()
        if chosen.arrange:
            chosen.arrange(folder)
        return Case(chosen.name, folder, own=chosen)

    def attempt(self, case: Case) -> End:
        """Runs the command there."""
        chosen: Environment = case.own
        assert case.target
        if chosen.wrapper:
            require_permitted(chosen.wrapper, case.target)
        process = commands.spawn(chosen.arguments, case.target, chosen.variables, chosen.before, chosen.wrapper)
        if chosen.during:
            chosen.during(process, case.target)
        found = commands.finished(process)
        if found.code in chosen.code and "Traceback" not in found.err:
            require_models(case.target, is_visible=chosen.during is not None)
            return "sentence"
        if "--help" not in chosen.arguments:
            require_output(found.out)
        works = require_command(found.code, found.err)
        if chosen.must_work and not works:
            raise Fault(f"is refused: {found.err}")
        if works and chosen.arguments[0] == "train" and "--help" not in chosen.arguments:
            require_models(case.target, is_visible=chosen.wrapper[:1] != IN_NAMESPACE[:1])
        return "result" if works else "sentence"


def require_permitted(wrapper: tuple[str, ...], folder: Path) -> None:
    """Leaves a case out where the machine does not permit it."""
    try:
        done = subprocess.run([*wrapper, "true"], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LeftOutError(f"there is no {error.filename}") from None
    if done.returncode:
        raise LeftOutError(f"not permitted: {done.stderr.strip()[:200]}")


def require_models(folder: Path, is_visible: bool) -> None:
    """Refuses models that are torn, and their absence where they must be seen."""
    models = [file for file in folder.rglob("model.safetensors") if file.parent.name != "good"]
    if is_visible and not models:
        raise Fault("ended well without a model")
    for file in models:
        require_finite(variate.load(file).sample(2, seed=0).numpy(), "a sample")
