import copy
import pickle
import sys
import warnings
from functools import partial

import pytest

from variate import InputError, VariateWarning
from variate.errors import LONGEST, Option, Sentence, did_you_mean, printable, spoken, unknown, warn_caller


def flags(option):
    """As a command line may say it."""
    return option.as_flag("--" + option.name.replace("_", "-"))


DROP = Sentence("leave it out with ", Option("drop", ["id", "a b"]), " or set ", Option("batch_size"))


def test_fields_are_what_was_given():
    error = InputError("latent", "at least 1", 0, "leave it out")
    assert (error.argument, error.expected, error.got, error.remedy) == ("latent", "at least 1", "0", "leave it out")
    assert str(error) == "latent: expected at least 1, got 0; leave it out"
    assert str(InputError("latent", "at least 1", 0)) == "latent: expected at least 1, got 0"
    assert isinstance(error, ValueError)
    assert issubclass(VariateWarning, UserWarning)


EVIL = "a\tb\n\x1b[31m\u202e\u200b\u2028\udcff\xad é [/red]"
SHOWN = "a\\tb\\n\\x1b[31m\\u202e\\u200b\\u2028\\udcff\\xad é [/red]"


def test_what_a_terminal_would_obey_is_escaped_and_nothing_else():
    assert printable(EVIL) == SHOWN
    assert printable(SHOWN) == SHOWN
    assert printable("") == ""
    letters = "".join(map(chr, (*range(0xD800), *range(0xE000, sys.maxunicode + 1))))
    assert all(printable(c) == (c if c.isprintable() else repr(c)[1:-1]) for c in letters[::311])


def test_long_texts_lose_their_middle_and_end_at_the_limit():
    for text in ("x" * 10**7, "\x1b" * 10**7, "\n" * (LONGEST - 1)):
        found = printable(text)
        assert len(found) == LONGEST
        assert found.isprintable()
        assert printable(found) == found
    assert printable("first" + "x" * 5_000 + "last").startswith("firstx")
    assert printable("first" + "x" * 5_000 + "last").endswith("xlast")
    assert printable("x" * LONGEST) == "x" * LONGEST


def test_fields_and_options_are_printable_and_sentences_stay_sentences():
    long = "x" * 10**7
    error = InputError(EVIL, f"one of {long}", [EVIL, long], Sentence(f"{EVIL} ", Option("drop", [EVIL, long])))
    assert error.argument == SHOWN
    assert [len(error.expected), len(error.got)] == [LONGEST, LONGEST]
    assert Option("drop", [EVIL, long]) in error.remedy.parts
    for said in (str(error), spoken(error.sentence, flags), repr(error)):
        assert said.isprintable()
        assert len(said) < 6 * LONGEST
    assert len(pickle.dumps(InputError("x", long, long, long))) < 4 * LONGEST


@pytest.mark.parametrize(
    ("got", "text"), [(None, "None"), (0.5, "0.5"), ((3, 4), "(3, 4)"), ("two words", "two words")]
)
def test_what_came_may_be_any_object(got, text):
    assert InputError("x", "another", got).got == text


def test_an_argument_is_an_option_and_a_thing_in_words_is_none():
    assert spoken(InputError("num_samples", "at least 1", 0).sentence, flags).startswith("--num-samples: expected")
    named = InputError("column 'id' of a.csv", "numbers", "text").sentence
    assert spoken(named, flags) == str(named)


def test_a_sentence_reads_as_python_and_is_said_with_flags():
    assert DROP == "leave it out with drop=['id', 'a b'] or set batch_size"
    assert isinstance(DROP, str)
    assert spoken(DROP, flags) == "leave it out with --drop id 'a b' or set --batch-size"
    assert spoken("plain text", flags) == "plain text"


def test_sentences_inside_sentences_keep_their_options():
    outer = Sentence("first: ", DROP, "; then ", Option("latent", 4))
    assert outer == f"first: {DROP}; then latent=4"
    assert spoken(outer, flags) == f"first: {spoken(DROP, flags)}; then --latent 4"
    error = InputError("data", "fewer columns", "many", DROP)
    assert spoken(error.sentence, flags).endswith(spoken(DROP, flags))
    assert str(error).endswith(DROP)


@pytest.mark.parametrize(
    ("value", "python", "flag"),
    [
        (None, "name", "--name"),
        (True, "name=True", "--name"),
        (False, "name=False", "--name False"),
        (3, "name=3", "--name 3"),
        ("mlp", "name='mlp'", "--name mlp"),
        ("a b", "name='a b'", "--name 'a b'"),
        (["x", "y"], "name=['x', 'y']", "--name x y"),
        ((28, 28), "name=(28, 28)", "--name 28 28"),
        ([("a", "counts"), ("b c", "real")], "name=[('a', 'counts'), ('b c', 'real')]", "--name a counts 'b c' real"),
    ],
)
def test_values_in_python_and_on_a_command_line(value, python, flag):
    option = Option("name", value)
    assert option.in_python == python
    assert option.as_flag("--name") == flag
    assert Sentence(option) == python
    assert spoken(Sentence(option), flags) == flag


@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_and_sentences_go_to_other_processes_whole(copied):
    error = copied(InputError("drop", "columns", "none", DROP))
    assert (error.argument, error.expected, error.got, error.remedy) == ("drop", "columns", "none", DROP)
    assert spoken(error.sentence, flags).endswith(spoken(DROP, flags))
    sentence = copied(DROP)
    assert sentence == DROP
    assert spoken(sentence, flags) == spoken(DROP, flags)


def test_unknown_names_every_known_one_and_the_nearest():
    error = unknown("prior", "vanp", {"vamp": 0, "normal": 1, "mixture": 2})
    assert error.argument == "prior"
    assert "vanp" in error.got
    assert all(name in error.expected for name in ("mixture", "normal", "vamp"))
    assert "'vamp'" in error.remedy
    assert "normal" not in error.remedy


def test_a_name_like_none_has_no_nearest():
    assert did_you_mean("vamp", ["normal", "vamp"]).endswith("'vamp'?")
    assert did_you_mean("zzz", ["normal", "vamp"]) == ""
    assert unknown("prior", "zzz", ["normal"]).remedy == ""


def test_a_warning_can_be_a_sentence():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.warn(DROP, VariateWarning, stacklevel=1)
        warnings.warn(VariateWarning(DROP), stacklevel=1)
    for warning in seen:
        (said,) = warning.message.args
        assert spoken(said, flags) == spoken(DROP, flags)


def test_a_warning_is_about_the_user_s_own_line():
    inside = {"__name__": "variate.anything"}
    exec("def call(function, *arguments): function(*arguments)", inside)
    for call in (
        warn_caller,
        partial(inside["call"], warn_caller),
        partial(inside["call"], inside["call"], warn_caller),
    ):
        with pytest.warns(VariateWarning, match="text") as caught:
            call("text")
        assert [warning.filename for warning in caught] == [__file__]
