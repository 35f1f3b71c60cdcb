import json

import pytest

from variate.runtime.strict_json import parse


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "ü"], "b": {}}, [], "x", 7, None, {"a": float("inf")}])
def test_json_is_what_the_standard_library_says(value):
    assert parse(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested"),
        ("9" * 5_000, "digits"),
        ('{"a": 1, "a": 1}', "twice"),
        ('[{"b": {"a": 1, "a": 2}}]', "twice"),
        ("", "Expecting"),
        ("{", "Expecting"),
        ("\ufeff1", "BOM"),
    ],
)
def test_whatever_is_wrong_is_a_value_error_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        parse(text)
