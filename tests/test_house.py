"""What holds of the source as a whole: layers, lazy imports, import without side effects, size, forbidden words."""

import ast
import functools
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import variate
from layers import BEGIN, END, LAYERS, PAGE, table

HOUSE = Path(variate.__file__).parent
FILES = sorted(HOUSE.rglob("*.py"))
MOST_LINES_A_FILE, MOST_LINES_A_FUNCTION = 350, 40
LONG_FILES = ("variate.distributions.gaussian", "variate.models.base", "variate.training.trainer")
"""Each holds one concept that would be harder to read in pieces."""
LONG_FUNCTIONS: tuple[str, ...] = ()


def module_name(path):
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


@functools.cache
def trees():
    return {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def imports(tree):
    """Every module of ours that a module names in an import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if (node.module or "").split(".")[0] == "variate":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "variate":
                    yield alias.name


def part(name):
    """The line of the table that a module stands for: its first name below variate."""
    return name.split(".")[1] if "." in name else ""


def test_every_module_has_its_place_in_the_table_and_every_place_its_module():
    assert {part(name) for name in MODULES} - {"", "__main__"} == {name for layer in LAYERS for name in layer}


def test_the_docs_show_the_table_that_is_enforced():
    assert BEGIN + table() + END in PAGE.read_text(encoding="utf-8"), "run python tests/layers.py"


def test_imports_go_down_only():
    height = {name: i for i, layer in enumerate(reversed(LAYERS)) for name in layer}
    wrong = [
        f"{name} imports {target}"
        for name, tree in trees().items()
        for target in imports(tree)
        if part(name) not in ("", "__main__")
        and part(target) != part(name)
        and (target == "variate" or height[part(target)] >= height[part(name)])
    ]
    assert not wrong


def test_imports_within_a_package_go_in_no_circle():
    edges = {name: {t for t in imports(tree) if part(t) == part(name)} for name, tree in trees().items() if part(name)}
    done: set[str] = set()
    while ready := {name for name, targets in edges.items() if name not in done and targets <= done}:
        done |= ready
    assert not set(edges) - done


def test_the_package_itself_imports_only_what_is_light_at_once():
    tree = trees()["variate"]
    at_once = {t for node in tree.body if not isinstance(node, ast.If) for t in imports(node)}
    assert {part(t) for t in at_once} <= {"errors", "config"}


def run(code):
    """The code's last line of output, as JSON, from a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "statement",
    [
        "import variate",
        "import variate.cli.main",
        "import variate.config.recipe",
        "import variate.config.defaults",
        "import variate.errors",
    ],
)
def test_light_modules_load_neither_torch_nor_numpy(statement):
    loaded = run(f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))")
    assert "variate" in loaded
    assert {"torch", "numpy", "pyarrow", "sklearn", "PIL", "safetensors", "rich"} & set(loaded) <= {"rich"}


def test_the_data_layer_loads_no_torch():
    code = "import json, pkgutil, sys, importlib, variate.data as d\n"
    code += "names = [m.name for m in pkgutil.walk_packages(d.__path__, 'variate.data.')]\n"
    code += "[importlib.import_module(name) for name in names if name != 'variate.data.batch']\n"
    loaded = run(code + "print(json.dumps(sorted(sys.modules)))")
    assert "variate.data.readers.tables" in loaded
    assert "torch" not in loaded


def test_what_torch_compiles_with_is_not_loaded_where_nothing_is_compiled():
    """It takes seconds, and some of torch's functions import it for a trifle, such as broadcast_shapes."""
    code = """
import json, sys, warnings
import numpy as np, pandas as pd, variate
warnings.simplefilter("ignore")
x = np.arange(40)
table = pd.DataFrame({"number": x / 7, "count": x % 13 * 5, "name": list("abcd") * 10, "bit": x % 2})
images = np.random.default_rng(0).integers(0, 256, (40, 1, 8, 8), dtype=np.uint8)
for rows in (variate.read(table), variate.from_arrays(images)):
    parts = variate.split(rows)
    model = variate.build(parts, variate.ModelOptions(latent=2, width=8, depth=1))
    variate.fit(model, parts, epochs=1)
    variate.score(model, parts, calibration=parts)
    model.sample(2)
print(json.dumps(sorted(sys.modules)))
"""
    assert {"torch._dynamo", "torch._inductor", "sympy"} & set(run(code)) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["embed", "--help"], ["--version"]])
def test_help_loads_neither_torch_nor_numpy(arguments):
    code = f"""
import json, sys
from variate.cli.main import main
sys.argv = ["variate", *{arguments!r}]
try:
    main()
except SystemExit as stop:
    assert stop.code == 0, stop.code
print()
print(json.dumps(sorted(sys.modules)))
"""
    loaded = run(code)
    assert "tyro" in loaded
    assert not {"torch", "numpy"} & set(loaded)


STATE = """
import contextlib, importlib, json, locale, logging, os, random, signal, sys, threading, warnings
foreign, ours = {foreign!r}, {ours!r}
for name in foreign:
    with contextlib.suppress(ModuleNotFoundError):  # a name in a module, and no module
        importlib.import_module(name)
import numpy, torch
from torch.distributions import Distribution

def state():
    return {{
        "default dtype": str(torch.get_default_dtype()),
        "torch generator": torch.get_rng_state().tolist(),
        "numpy generator": repr(numpy.random.get_state(legacy=False)),
        "python generator": repr(random.getstate()),
        "threads": [torch.get_num_threads(), torch.get_num_interop_threads(), threading.active_count()],
        "matmul": torch.get_float32_matmul_precision(),
        "cudnn": [torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic],
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "gradients": torch.is_grad_enabled(),
        "print options": str(torch._tensor_str.PRINT_OPTS),
        "validation": Distribution._validate_args,
        "class validation": [str(c) for c in everything(Distribution) if "_validate_args" in vars(c)],
        "warning filters": [repr(f) for f in warnings.filters],
        "showwarning": repr(warnings.showwarning),
        "log handlers": [[n, repr(getattr(logger, "handlers", []))] for n, logger in loggers()],
        "environment": dict(os.environ),
        "signals": [repr(signal.getsignal(s)) for s in (signal.SIGINT, signal.SIGTERM)],
        "hooks": [repr(sys.excepthook), repr(sys.displayhook)],
        "recursion": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_ALL),
        "directory": os.getcwd(),
        "path": sys.path,
        "numpy errors": numpy.geterr(),
        "PIL limit": __import__("PIL.Image").Image.MAX_IMAGE_PIXELS,
    }}

def everything(kind):
    yield kind
    for below in kind.__subclasses__():
        if below.__module__.startswith("torch."):
            yield from everything(below)

def loggers():
    return [("root", logging.root), *sorted(logging.root.manager.loggerDict.items())]

before = state()
for name in ours:
    importlib.import_module(name)
after = state()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""


def foreign():
    """Every module of others that ours import, and every name that they import from one."""
    for tree in trees().values():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (name for name in names if name.split(".")[0] != "variate")


def test_importing_everything_changes_no_global_state():
    ours = [name for name in MODULES if part(name) != "__main__"]
    assert run(STATE.format(foreign=sorted(set(foreign())), ours=ours)) == []


@pytest.mark.parametrize("name", variate.__all__)
def test_public_names_are_there(name):
    value = getattr(variate, name)
    assert value.__doc__
    assert getattr(variate, name) is value
    assert name in dir(variate)


def test_public_names_are_listed_once_and_sorted():
    kinds = [sorted(n for n in variate.__all__ if test(n)) for test in (str.isupper, lambda n: not n.isupper())]
    assert variate.__all__ == kinds[0] + kinds[1]
    assert len(set(variate.__all__)) == len(variate.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = variate.nonsense


def test_lazy_names_are_those_that_type_checkers_see():
    tree = trees()["variate"]
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert seen == variate._HOMES
    at_once = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module.startswith("variate.")
        for alias in node.names
    }
    assert not at_once & seen.keys()
    assert set(variate.__all__) == at_once | seen.keys()


def test_version_is_that_of_the_distribution():
    assert variate.__version__ == importlib.metadata.version("variate")


def functions(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function):
    """Lines of a function from its def to its end, less its docstring."""
    first = function.body[0]
    said = ast.get_docstring(function) is not None
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if said else 0)


def test_no_file_is_long():
    found = {name for name, path in MODULES.items() if len(path.read_text().splitlines()) > MOST_LINES_A_FILE}
    assert sorted(found) == sorted(LONG_FILES)


def test_no_function_is_long():
    found = {
        f"{name}.{function.name}"
        for name, tree in trees().items()
        for function in functions(tree)
        if length(function) > MOST_LINES_A_FUNCTION
    }
    assert sorted(found) == sorted(LONG_FUNCTIONS)


FORBIDDEN = {
    r"allow_pickle\s*=\s*True": "an array file that runs code",
    r"weights_only\s*=\s*False": "a weights file that runs code",
    r"(?<![.\w])(eval|exec)\(": "text as code",
    r"torch\.load\(": "safetensors is the one format",
    r"from __future__ import annotations": "jaxtyping reads the annotations",
    r"shell\s*=\s*True": "text as a command",
    r"set_default_validate_args|set_default_dtype": "global state",
}
UNSAFE = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


def test_forbidden_words_are_absent():
    texts = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}
    found = [
        f"{name}: {why}" for name, text in texts.items() for word, why in FORBIDDEN.items() if re.search(word, text)
    ]
    assert not found


ONE_PLACE = {
    r"torch\.distributed\b|DistributedDataParallel": {"variate.runtime.distributed"},
    r"fork_rng|manual_seed\(seed\)|default_generator": {"variate.runtime.random"},
}


def test_what_one_module_is_for_no_other_uses():
    for word, homes in ONE_PLACE.items():
        assert {name for name, path in MODULES.items() if re.search(word, path.read_text(encoding="utf-8"))} == homes


def test_nothing_that_unpickles_is_imported():
    assert not {name.split(".")[0] for name in foreign()} & UNSAFE


def test_every_module_and_public_function_says_what_it_is():
    silent = []
    for name, tree in trees().items():
        silent += [] if ast.get_docstring(tree) else [name]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                silent += [] if ast.get_docstring(node) else [f"{name}.{node.name}"]
    assert sorted(silent) == []


def test_no_public_name_is_hidden_by_a_module():
    modules = {path.stem for path in HOUSE.iterdir()} - {"__init__"}
    assert not modules & set(variate.__all__)  # importing the module would replace the name


def test_no_library_file_names_a_flag():
    flags = re.compile(r"""["'`\s(]--[a-z]""")
    found = [
        f"{name}:{number}"
        for name, path in MODULES.items()
        if part(name) not in ("cli", "__main__")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if flags.search(line)
    ]
    assert found == []


def public_classes_and_functions():
    for name, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                yield node.name, name


def test_a_public_name_has_one_home():
    homes: dict[str, list[str]] = {}
    for name, home in public_classes_and_functions():
        homes.setdefault(name, []).append(home)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


CONCRETE = {
    "models": {"VAE", "Encoder", "Decoder"},
    "distributions": {
        "GaussianConditional", "StandardNormal", "IsotropicGaussian", "DiagonalGaussian", "FullGaussian",
        "GaussianMixture", "MixtureSameFamily", "Independent", "JointRows", "ScaledRows",
    },
    "likelihoods": {"Bernoulli", "Categorical", "Columns", "Pixels", "Gaussian", "Real"},
    "data": {"InMemory", "MappedArrays", "ParquetRows", "Without", "Stream", "Streamed"},
}  # fmt: skip
"""Classes whose kind decides nothing outside their own room."""


def test_no_room_asks_what_concrete_class_another_rooms_objects_are():
    found = []
    for name, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
                asked = {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
                found += [f"{name}: {c}" for room, cs in CONCRETE.items() if room != part(name) for c in asked & cs]
    assert found == []
