import pytest

from variate.data import wording


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2000, "2,000 files")])
def test_plural(number, text):
    assert wording.plural(number, "file") == text


@pytest.mark.parametrize(
    ("names", "text"), [("a", "a"), ("abcde", "a, b, c, d, e"), ("abcdefg", "a, b, c, d, e and 2 more")]
)
def test_list_names(names, text):
    assert wording.list_names(list(names)) == text


def test_names_in_a_list_are_printable_and_of_bounded_length():
    assert wording.list_names(["été \x1b[31m\n.png", "b"]) == "été \\x1b[31m\\n.png, b"
    assert len(wording.list_names(["a" * 10**6] * 3)) < 3 * wording.LONGEST_NAME + 10


def test_sides():
    assert wording.sides((3, 64, 32)) == "3x64x32"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "None"), ("a", "the text 'a'"), (dict, "the class dict"), ({}, "an object of type dict")],
)
def test_told(value, text):
    assert wording.told(value) == text
