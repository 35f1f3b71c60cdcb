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


def test_printable_leaves_letters_and_takes_what_a_terminal_obeys():
    assert wording.printable("été \x1b[31m\n.png") == "été ?[31m?.png"


def test_sides():
    assert wording.sides((3, 64, 32)) == "3x64x32"
