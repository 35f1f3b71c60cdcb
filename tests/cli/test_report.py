"""`variate report`, and the report at the end of a training."""

import shutil

import pytest

import variate
from small_runs import FAST, digits_run, variate_command  # noqa: F401
from variate.errors import InputError

MOST_BYTES = 6_000_000


@pytest.fixture
def run(digits_run, tmp_path):  # noqa: F811
    path = tmp_path / "digits"
    shutil.copytree(digits_run.path, path)
    return path


def test_training_ends_with_a_report_unless_it_is_left_out(variate_command, tmp_path):  # noqa: F811
    code, out, err = variate_command("train", "digits", *FAST, "--out", "with")
    assert code == 0, err
    assert "with/report.html" in out
    assert "variate sample with" in (tmp_path / "with" / "report.html").read_text()
    code, out, err = variate_command("train", "digits", *FAST, "--out", "without", "--no-report")
    assert code == 0, err
    assert not (tmp_path / "without" / "report.html").exists()


def test_a_report_takes_what_is_on_record(run, variate_command):  # noqa: F811
    assert variate_command("evaluate", run, "--samples", 10)[0] == 0
    code, out, err = variate_command("report", run)
    assert code == 0, err
    assert out == f"wrote {run / 'report.html'}\n"
    text = (run / "report.html").read_text()
    assert "IW-10" in text
    assert len(text.encode()) < MOST_BYTES
    assert f"variate doctor {run}" in text


def test_several_runs_are_compared(run, digits_run, variate_command, tmp_path):  # noqa: F811
    code, out, err = variate_command("report", run, digits_run.path)
    assert code == 0, err
    assert out == "wrote comparison.html\n"
    assert "Which is better" in (tmp_path / "comparison.html").read_text()
    assert variate_command("report", run, digits_run.path, "-o", tmp_path / "new" / "both.html")[0] == 0
    assert (tmp_path / "new" / "both.html").exists()


def test_from_python(run, digits_run, tmp_path):  # noqa: F811
    assert variate.report(run) == run / "report.html"
    assert variate.report(variate.Run(run), digits_run.path, out=tmp_path / "b.html") == tmp_path / "b.html"
    with pytest.raises(InputError) as raised:
        variate.report()
    assert raised.value.argument == "runs"


@pytest.mark.parametrize(("arguments", "said"), [(("-o", "x.txt"), "--out: expected a name that ends in .html"),
                                                 (("nowhere",), "a run directory or a model file")])  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(run, variate_command, tmp_path, arguments, said):  # noqa: F811
    code, _, err = variate_command("report", run, *arguments)
    assert code == 2
    assert said in err
    assert not list(tmp_path.glob("*.html"))
    assert not (run / "report.html").exists()


def test_no_run_is_refused(variate_command):  # noqa: F811
    code, _, err = variate_command("report")
    assert code == 2
    assert "RUN" in err
