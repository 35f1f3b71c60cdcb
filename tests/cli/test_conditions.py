"""`--condition`, `sample --given` and `classify` of a model with conditions: what they print and write."""

import csv

import pytest

from small_runs import FAST


def test_digits_by_class_from_training_to_classes(variate_command, tmp_path):
    code, out, _ = variate_command("train", "digits", "--condition", "label", "--out", "run", *FAST)
    assert code == 0
    assert "17 levels, conditional on label categorical of 10" in out
    assert "accuracy of p(c|x), by Bayes' rule" in out
    code, out, _ = variate_command("sample", "run", "-n", 12, "--given", "label=7", "--out", "seven.png")
    assert (code, out.splitlines()[-1]) == (0, "label 7: 12")
    code, out, _ = variate_command("classify", "run")
    assert code == 0
    assert out.startswith("wrote what 180 rows are told to be (test part of digits) to classes.csv\n")
    assert " of 180 are told right (" in out
    rows = list(csv.DictReader((tmp_path / "classes.csv").read_text().splitlines()))
    assert len(rows) == 180
    assert abs(sum(float(rows[0][f"p(label={k})"]) for k in range(10)) - 1) < 1e-9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "digits", "--condition", "colour"), "'label'"),
        (("train", "people", "--condition", "nothing"), "a column of people"),
        (("train", "people", "--weight", "nothing"), "a column of people"),
        (("train", "fashion.npy", "--condition", "label"), "to use it on"),
    ],
)
def test_what_cannot_be_conditioned_on_is_refused(variate_command, tmp_path, arguments, said):
    (tmp_path / "fashion.npy").write_bytes(b"")
    code, _, err = variate_command(*arguments)
    assert code == 2
    assert said in err
    assert not (tmp_path / "runs").exists()


def test_samples_of_other_models_take_no_conditions(variate_command, digits_run):
    code, _, err = variate_command("sample", digits_run.path, "--given", "label=7")
    assert code == 2
    assert "only columns of a table have names" in err
    assert variate_command("classify", digits_run.path)[0] == 2
