"""What `variate serve` refuses before it serves."""

import importlib.util

import pytest

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "RUN: expected at least one run to serve"),
        (("nothing",), "nothing: expected a run directory or a model file"),
        (("RUN", "RUN"), "RUN: expected models with different names"),
        (("RUN", "--host", "0.0.0.0"), "--token: expected a token of yours"),
        (("RUN", "--host", "0.0.0.0", "--token", "short"), "--token: expected 16 to 200"),
        (("RUN", "--token", "sixteen and blanks"), "--token: expected 16 to 200"),
        (("RUN", "--host", "no.such.host.invalid", "--token", TOKEN), "--host: expected an address of this machine"),
        (("RUN", "--port", "70000"), "--port: expected a whole number from 0 to 65,535"),
        (("RUN", "--max-body", "0"), "--max-body: expected a whole number from 1"),
    ],
)
def test_what_cannot_be_served_is_refused(variate_command, digits_run, monkeypatch, arguments, said):
    monkeypatch.delenv("VARIATE_TOKEN", raising=False)
    code, out, err = variate_command("serve", *[digits_run.path if own == "RUN" else own for own in arguments])
    assert (code, out) == (2, "")
    assert said in err


def test_the_extra_is_named_where_it_is_not_there(variate_command, digits_run, monkeypatch):
    own = importlib.util.find_spec
    absent = ("starlette", "uvicorn")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in absent else own(name, *rest))
    code, _, err = variate_command("serve", digits_run.path)
    assert code == 2
    assert "pip install 'variate[serve]'" in err
    assert len(err.splitlines()) == 1
