import numpy as np
import pyarrow.csv
import pytest

from small_runs import SMALL, digits_run, single_precision, table_file, table_run  # noqa: F401
from small_servers import serving
from variate.config.recipe import DataOptions
from variate.runs import Run
from variate.runs.training import plan, train


@pytest.fixture(scope="session")
def labelled_run(tmp_path_factory):
    """A model of digits given their label."""
    path = tmp_path_factory.mktemp("runs") / "labelled"
    train(plan("digits", str(path), data=DataOptions(condition=("label",)), **SMALL))
    return Run(path)


@pytest.fixture(scope="session")
def served(digits_run, table_run, labelled_run):  # noqa: F811
    """A server of three models."""
    with serving(digits=digits_run, people=table_run, labelled=labelled_run) as found:
        yield found


@pytest.fixture(scope="session")
def images(digits_run):  # noqa: F811
    """Some images, (N, 1, 8, 8) uint8."""
    return digits_run.splits().test.x.all()[:7]


@pytest.fixture(scope="session")
def people(table_file):  # noqa: F811
    """Some rows of the table, with gaps."""
    table = pyarrow.csv.read_csv(table_file).slice(0, 9)
    for place, name in enumerate(("height", "member", "visits")):
        cells = table[name].to_pylist()
        cells[2 * place] = None
        table = table.set_column(place, name, pyarrow.array(cells, table[name].type))
    return table


@pytest.fixture
def rng():
    return np.random.default_rng(0)
