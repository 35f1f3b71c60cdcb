"""Options, arguments and flags: values beyond their limits and of other types, made from the annotations themselves.

What a value must lead to is decided here, from the annotation's own words, and not by the check that is tried. A value
that is not allowed must give an error about that very argument. A value that is allowed, those at the limits first,
must be accepted by the classes of options. What functions take as rows may be refused or used, and nothing else.
"""

import dataclasses
import inspect
import math
import re
import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, get_type_hints

import numpy as np
import torch

import variate
from campaign import commands
from campaign.absurd import FLOATS, HUGE, INTEGERS, TEXTS
from campaign.base import Campaign, Case, End, Fault
from campaign.judge import require_helpful, require_printable
from variate.cli.main import COMMANDS
from variate.config.recipe import DataOptions, ModelOptions, TrainingOptions
from variate.config.schema import Column, Schema
from variate.errors import InputError, NonFiniteError
from variate.limits import Rule, argument_rules, rule_of, rules_of
from variate.runs import Run
from variate.tasks import embed, reconstruct, sample

OBJECTS: tuple[Any, ...] = (
    None, True, False, [], [1, 2], ["x"], (), (1,), (1, 2), (0, 8), ("a",), (("a", "real"),), (("a", "odd"),), {},
    {"a": 1}, {1}, b"x", object(), print, Path("x"), Decimal("1.5"), Fraction(3, 2), 1j, range(3), np.int64(3),
    np.uint8(0), np.float32("nan"), np.float64(0.5), np.bool_(True), np.array([1]), np.array(2),
    torch.tensor(1), float, "auto",
)  # fmt: skip
POOL: tuple[Any, ...] = (*INTEGERS, *HUGE, *FLOATS, *TEXTS, *OBJECTS)
WORDS = (
    "-1", "0", "1", "2.5", "1e3", "nan", "inf", "-inf", "1e400", "9" * 5_000, str(2**70), str(-(2**63)), "", " ", "x",
    "auto", "AUTO", "None", "true", "gpu", "cuda:x", "\u0663", "1_0", "0x10", "\x1b[31m", "a\nb", "\udcff",
    "x" * 50_000, "--", "-", "float16", "yes", "[1]", "1,5", "1 2", "~", "%s",
)  # fmt: skip
"""What may be typed; none is a path, since a path is not checked by its annotation."""
LONGEST_BOX = 5_000
"""Characters of what is printed about a flag that cannot be parsed."""


class Target(NamedTuple):
    """An argument to misuse.

    Attributes:
        owner: What it is an argument of.
        argument: Its name.
        rule: What its annotation allows.
        call: Gives it a value.
        is_cheap: Whether a value that is allowed may be given too, because nothing is computed.
    """

    owner: str
    argument: str
    rule: Rule
    call: Callable[[Any], Any]
    is_cheap: bool = False


def allowed(value: Any, rule: Rule) -> bool:
    """Whether an annotation allows a value, by its own words."""
    if value is None:
        return rule.optional
    if rule.kind is tuple:
        items = rule.items * len(value) if rule.repeated and isinstance(value, list | tuple) else rule.items
        fits = isinstance(value, list | tuple) and len(value) == len(items)
        return fits and all(allowed(item, own) for item, own in zip(value, items, strict=True))
    if rule.choices:
        return isinstance(value, str) and value in rule.choices
    if rule.kind is bool:
        return isinstance(value, bool | np.bool_)
    if rule.kind in (int, float):
        return allowed_number(value, rule)
    if not isinstance(value, rule.kind):
        return False
    return rule.matching is None or re.fullmatch(rule.matching.pattern, value) is not None


def allowed_number(value: Any, rule: Rule) -> bool:
    """Whether a value is a number of the kind and within the limits; a switch is no number."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral if rule.kind is int else Real):
        return False
    limits = rule.range
    try:
        if not math.isfinite(float(value)):
            return False
    except OverflowError:
        if rule.kind is float:
            return False
    low = limits.low is None or (value > limits.low if limits.above else value >= limits.low)
    return low and (limits.high is None or (value < limits.high if limits.below else value <= limits.high))


def edges(rule: Rule) -> list[int | float]:
    """Numbers at the limits, and just beside them."""
    limits = [limit for limit in (rule.range.low, rule.range.high) if limit is not None]
    if rule.kind is int:
        return [int(limit) + step for limit in limits for step in (-1, 0, 1)]
    if rule.kind is float:
        return [
            value
            for limit in limits
            for value in (limit, *(math.nextafter(limit, end) for end in (-math.inf, math.inf)))
        ]
    return []


def odd_rows() -> dict[str, Callable[[], Any]]:
    """What may be passed where rows are expected; the good ones are (8, 4) real numbers."""
    rng = np.random.default_rng(0)
    real = rng.normal(size=(8, 4))
    tensor = torch.tensor(real, dtype=torch.float32)
    found: dict[str, Callable[[], Any]] = {
        f"numpy {kind}": partial(real.astype, kind)
        for kind in (
            "f2",
            "f4",
            "f8",
            "f16",
            "u4",
            "u8",
            "i8",
            "i1",
            "b1",
            "c16",
            "S4",
            "U4",
            "O",
            "M8[s]",
            ">f4",
            "u2",
        )
    }
    found |= {f"torch {t}": partial(tensor.to, t) for t in (torch.bfloat16, torch.float16, torch.float64, torch.int8,
              torch.complex64, torch.bool, torch.float8_e4m3fn, torch.uint16, torch.uint32, torch.uint64)}  # fmt: skip
    found |= {
        "requires a gradient": lambda: tensor.clone().requires_grad_(),
        "sparse": tensor.to_sparse,
        "sparse rows": tensor.to_sparse_csr,
        "meta": lambda: tensor.to("meta"),
        "quantised": lambda: torch.quantize_per_tensor(tensor, 0.1, 0, torch.quint8),
        "expanded": lambda: tensor[:1].expand(8, 4),
        "conjugate": lambda: torch.conj(tensor.to(torch.complex64)).real,
        "turned": lambda: tensor.T.contiguous().T,
        "backwards": lambda: real[::-1],
        "masked": lambda: np.ma.masked_array(real, real > 1),
        "nothing masked": lambda: np.ma.masked_array(real),
        "matrix": lambda: np.asmatrix(real),
        "record": lambda: np.rec.fromarrays([real[:, 0], real[:, 1]]),
        "read only": lambda: np.broadcast_to(real[:1], (8, 4)),
        "list": real.tolist,
        "ragged": lambda: [[1.0, 2.0], [3.0]],
        "list of text": lambda: [["a", "b", "c", "d"]],
        "not finite": lambda: np.where(real > 1, np.nan, real),
        "huge": lambda: real * 1e308,
        "large": lambda: real * 1e30,
        "empty": lambda: real[:0],
        "no columns": lambda: real[:, :0],
        "one number": lambda: np.float64(3),
        "one axis": lambda: real[:, 0],
        "one row": lambda: real[:1],
        "three axes": lambda: real[:, None],
        "six axes": lambda: real[:, None, None, None, None],
        "another length": lambda: real[:, :3],
        "path": lambda: Path("x"),
        "text": lambda: "digits",
        "dict": lambda: {"x": real},
        "generator": lambda: (row for row in real),
        "object": object,
        "None": lambda: None,
        "class": lambda: np.ndarray,
        "arrow": lambda: __import__("pyarrow").array(real[:, 0]),
        "bytes": lambda: b"1234",
    }
    return found


ANY_TEXTS = ("drop", "missing")
"""Lists of texts: any word is one of them."""


class Options(Campaign):
    """Options, arguments and flags."""

    name, long, short = "options", 4_000, 200

    def prepare(self, folder: Path) -> None:
        """Makes good calls of all functions, and a run for the commands."""
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(8, 4))
        table = folder / "rows.npy"
        np.save(table, rows)
        torch.manual_seed(0)
        vae = variate.build(rows, variate.ModelOptions(latent=2, width=4, depth=1))
        vae.save(folder / "run" / "model.safetensors")
        self.rows, self.model = rows, vae
        self.calls = calls(vae, rows, table, folder / "run")
        warnings.simplefilter("ignore", variate.VariateWarning)  # about training that takes no time
        for call in self.calls.values():
            call.function(**call.good)
        self.targets = [*of_classes(), *of_functions(self.calls)]
        self.flags = of_commands(str(folder / "run"), str(table))
        self.takers, self.conflicts = takers(vae), conflicts(vae, rows)

    def make(self, random: Random, folder: Path) -> Case:
        """A value for an argument, words for a flag, or something odd in place of rows."""
        way = random.random()
        if way < 0.03:
            name = random.choice(list(self.conflicts))
            return Case(name, own=("conflict", name))
        if way < 0.15:
            kind, taker = random.choice(list(odd_rows())), random.choice(list(self.takers))
            return Case(f"{taker} of {kind}", own=("rows", kind, taker))
        if way < 0.35:
            command, good, argument, rule = random.choice(self.flags)
            words = [w for w in (*WORDS, *map(str, edges(rule))) if not typed(w, rule)]
            word = random.choice(words)
            flag = f"--{argument.replace('_', '-')}"
            return Case(f"variate {command} ... {flag} {word[:60]!r}", own=("flag", command, good, argument, word))
        target = random.choice(self.targets)
        sure = [
            value
            for value in (*edges(target.rule), *edges(target.rule))
            if target.is_cheap or not allowed(value, target.rule)
        ]
        value = random.choice((*sure, *(v for v in POOL if target.is_cheap or not allowed(v, target.rule))))
        text = f"{target.owner}({target.argument}={value!r:.80})"
        return Case(text, own=("value", target, value))

    def attempt(self, case: Case) -> End:
        """Gives the value, and judges what comes."""
        kind, *own = case.own
        ways = {"conflict": self.conflict, "rows": self.give_rows, "flag": self.give_flag, "value": give_value}
        return ways[kind](*own)

    def conflict(self, name: str) -> End:
        """Does what cannot be done, which must be refused."""
        try:
            self.conflicts[name]()
        except InputError as error:
            require_helpful(error, ())
            return "sentence"
        raise Fault(f"{name} is accepted")

    def give_rows(self, kind: str, taker: str) -> End:
        """Calls a function with something in place of rows."""
        with np.errstate(all="ignore"):
            given = odd_rows()[kind]()
        try:
            self.takers[taker](given)
        except InputError as error:
            require_helpful(error, ())
            return "sentence"
        except NonFiniteError as error:
            require_printable(str(error), "the sentence")
            return "sentence"
        return "result"

    def give_flag(self, command: str, good: tuple[str, ...], argument: str, word: str) -> End:
        """Runs a command with a flag that cannot be understood."""
        flag = f"--{argument.replace('_', '-')}"
        try:
            found = commands.run_forked([command, *good, f"{flag}={word}"], Path.cwd())
        except (UnicodeEncodeError, ValueError):
            return "result"  # no such word can be typed
        if found.code != 2:
            raise Fault(f"exit code {found.code}: {found.err[-1500:]}")
        lines = [line for line in found.err.split("\n") if line.strip()]
        if not (flag in found.err or f" {word} " in found.err) or "Traceback" in found.err:
            raise Fault(f"does not name {flag}: {found.err[-1500:]}")
        for line in lines:
            require_printable(line, "standard error")
        if len(found.err) > LONGEST_BOX:
            raise Fault(f"{len(found.err):,} characters on standard error")
        return "sentence"


def give_value(target: Target, value: Any) -> End:
    """Gives an argument a value."""
    expected = allowed(value, target.rule)
    try:
        target.call(value)
    except InputError as error:
        require_helpful(error, ())
        if expected:
            raise Fault(f"is refused, although its annotation allows it: {error}") from None
        if target.argument not in (error.argument, error.argument.split()[0]):
            raise Fault(f"the error is about {error.argument!r} and not about {target.argument!r}: {error}") from None
        return "sentence"
    if not expected:
        raise Fault(f"is accepted, although its annotation does not allow it: {target.rule.words}")
    return "result"


def typed(word: str, rule: Rule) -> bool:
    """Whether a word on the command line stands for a value that a rule allows."""
    if word == "None" and rule.optional:
        return True
    if rule.kind is bool and rule.optional:
        return word in ("True", "False")
    if rule.kind is tuple or rule.kind is bool or "\0" in word:
        return False
    if rule.kind in (int, float):
        try:
            return allowed(rule.kind(word), rule)
        except ValueError:
            return word == "none" and rule.optional
    return allowed(word, rule)


def of_classes() -> list[Target]:
    """The fields of all classes of options."""
    needed: dict[type, dict[str, Any]] = {
        DataOptions: {},
        ModelOptions: {},
        TrainingOptions: {},
        Column: {"name": "a", "kind": "real"},
        Schema: {"kind": "real", "shape": (3,)},
    }
    return [
        Target(kind.__name__, name, rule, partial(with_field, kind, good, name), kind not in (Column, Schema))
        for kind, good in needed.items()
        for name, rule in rules_of(kind).items()
    ]


def with_field(kind: type, good: dict[str, Any], name: str, value: Any) -> Any:
    """Options with one field of this value."""
    return kind(**{**good, name: value})


class Call(NamedTuple):
    """A function and good arguments."""

    function: Callable[..., Any]
    good: dict[str, Any]


def calls(vae: variate.VAE, rows: np.ndarray, table: Path, directory: Path) -> dict[str, Call]:
    """Good calls of the public functions."""
    run, few = Run(directory), {"num_steps": 2, "num_chains": 1, "leapfrog": 1}
    both = {"model": vae, "data": rows}
    return {
        "read": Call(variate.read, {"source": str(table)}),
        "from_arrays": Call(variate.from_arrays, {"x": rows}),
        "build": Call(variate.build, {"data": rows}),
        "fit": Call(variate.fit, {**both, "epochs": 1, "batch_size": 4, "compile": "off", "threads": 1}),
        "elbo": Call(variate.elbo, both),
        "log_evidence": Call(variate.log_evidence, {**both, "num_samples": 2}),
        "annealed_evidence": Call(variate.annealed_evidence, {**both, **few}),
        "evidence_sandwich": Call(variate.evidence_sandwich, {"model": vae, "num_rows": 2, **few}),
        "gap_budget": Call(variate.gap_budget, {**both, "num_rows": 2, "num_samples": 2, "steps": 1, "fit_samples": 1}),
        "evaluate": Call(variate.evaluate, {**both, "num_samples": 2}),
        "VAE.sample": Call(vae.sample, {"n": 2}),
        "VAE.embed": Call(vae.embed, {"data": rows}),
        "VAE.reconstruct": Call(vae.reconstruct, {"data": rows}),
        "tasks.sample": Call(sample.sample, {"run": run, "n": 2}),
        "tasks.embed": Call(embed.embed, {"run": run, "data": str(table)}),
        "tasks.reconstruct": Call(reconstruct.reconstruct, {"run": run, "data": str(table)}),
    }


def of_functions(known: dict[str, Call]) -> list[Target]:
    """The arguments of functions that are numbers, texts, switches or choices, and the options that `fit` takes."""
    found = []
    for name, (function, good) in known.items():
        rules = argument_rules(inspect.unwrap(function))
        if name == "fit":
            rules |= rules_of(TrainingOptions)
        rules = {own: rule for own, rule in rules.items() if not dataclasses.is_dataclass(rule.kind)}
        found += [Target(name, own, rule, partial(call_with, function, good, own)) for own, rule in rules.items()]
    return found


def call_with(function: Callable[..., Any], good: dict[str, Any], name: str, value: Any) -> Any:
    """Calls a function with one argument of this value."""
    return function(**{**good, name: value})


def of_commands(run: str, table: str) -> list[tuple[str, tuple[str, ...], str, Rule]]:
    """The flags of all commands that are no paths: command, its good arguments, name, rule."""
    found = []
    for command, kind in COMMANDS.items():
        good = {"train": (table, *commands.FAST), "sample": (run,), "compare": (table, table)}.get(
            command, (run, table)
        )
        hints = get_type_hints(kind, include_extras=True)
        rules = {name: rule_of(hint) for name, hint in hints.items() if name not in ("model", "source")}
        if command == "train":
            rules |= {
                n: r for group in (DataOptions, ModelOptions, TrainingOptions) for n, r in rules_of(group).items()
            }
        for name, rule in rules.items():
            is_text = rule is not None and rule.kind is str and not rule.choices and rule.matching is None
            if rule is not None and not is_text and not dataclasses.is_dataclass(rule.kind) and name not in ANY_TEXTS:
                words = tuple(good)
                found.append((command, words, name, rule))
    return found


def takers(vae: variate.VAE) -> dict[str, Callable[[Any], Any]]:
    """Functions of rows."""
    return {
        "read": variate.read,
        "split": variate.split,
        "from_arrays": variate.from_arrays,
        "from_arrays, as mask": lambda mask: variate.from_arrays(np.ones((8, 4)), mask=mask),
        "from_arrays, as context": lambda context: variate.from_arrays(np.ones((8, 4)), context=context),
        "build": variate.build,
        "elbo": partial(variate.elbo, vae),
        "log_evidence": partial(variate.log_evidence, vae, num_samples=2),
        "evaluate": partial(variate.evaluate, vae, num_samples=2),
        "compare": lambda rows: variate.compare(rows, rows),
        "embed": vae.embed,
        "reconstruct": vae.reconstruct,
        "sample, as context": lambda context: vae.sample(8, context=context),
        "fit": lambda rows: variate.fit(vae, rows, epochs=1, compile="off", threads=1),
        "fit, as validation": lambda rows: variate.fit(vae, np.ones((8, 4)), rows, epochs=1, compile="off", threads=1),
        "load": variate.load,
        "Run": Run,
    }


def conflicts(vae: variate.VAE, rows: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Calls whose arguments are allowed, each alone, and that cannot work."""
    fit = partial(variate.fit, vae, rows, epochs=1, compile="off", threads=1)

    def frozen() -> None:
        for parameter in vae.parameters():
            parameter.requires_grad_(False)
        fit()

    def not_finite(use: Callable[[], Any]) -> None:
        with torch.no_grad():
            next(vae.parameters()).fill_(torch.nan)
        use()

    return {
        "fit that resumes without a run": lambda: fit(resume=True),
        "fit that resumes a run that is not there": lambda: fit(resume=True, run="nowhere"),
        "fit of frozen weights": frozen,
        "fit of an unknown option": lambda: fit(epoch=1),
        "fit of weights that are not finite": lambda: not_finite(fit),
        "evaluation of weights that are not finite": lambda: not_finite(lambda: variate.evaluate(vae, rows)),
        "samples of weights that are not finite": lambda: not_finite(lambda: vae.sample(2)),
        "samples beyond all memory": lambda: vae.sample(10**11),
        "a context for a model without one": lambda: vae.sample(2, context=torch.zeros(2, 1)),
        "a model too large for any memory": lambda: variate.build(rows, variate.ModelOptions(width=60_000, depth=900)),
        "more draws than memory": lambda: fit(samples=10**7),
        "a size for rows that are no files": lambda: variate.read("digits", DataOptions(size=(8, 8))),
        "a device that is not there": lambda: fit(device="cuda:99"),
        "a test part of everything": lambda: variate.split(
            variate.read("digits"), DataOptions(validation=0.999, test=0.999)
        ),
    }
