import pytest

from refusals import refused
from variate.data.readers import encodings
from variate.data.readers.encodings import NotUtf8Error, Text, as_utf8, is_utf_16

WESTERN = (
    "name;café\nMüller;São Paulo\nLéon;Zürich Straße\nIt’s – 5 € m³ 20 °C;“x” ½ Nº\nÉCOLE;À GROSSE ÜBUNG\nÅrhus;Ærø\n"
)
TEXTS = {
    "cp1252": WESTERN,
    "mac_roman": "name;café\nMüller;Zürich\nGröße;Mädchen\n",
    "cp850": "Größe;Mädchen\nMüller;Österreich\n",
    "cp1250": "Łódź;Kraków\nżółć;Gdańsk\nPříbram;Žďár nad Sázavou\n",
    "cp1251": "Москва;Привет\nРоссия;город\n",
    "cp1253": "Αθήνα;Θεσσαλονίκη\n",
    "cp932": "東京,大阪\n名前,カタカナ\n",
    "gb18030": "北京,上海\n名字,城市\n",
    "big5": "台北,高雄\n名字,城市\n",
    "euc_kr": "서울,부산\n이름,도시\n",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_encodings_without_a_mark_are_told_from_letters(encoding):
    text, notes = as_utf8(TEXTS[encoding].encode(encoding), None, "x.csv")
    assert text.decode() == TEXTS[encoding]
    assert [encoding in note for note in notes] == [True]


@pytest.mark.parametrize("word", ["São Paulo", "Zürich", "café", "20 °C", "señor Ñandú", "¿qué?", "5 €", "naïve", "Öl"])
def test_one_word_is_enough_for_the_most_frequent_encoding(word):
    assert as_utf8(word.encode("cp1252"), None, "x.csv")[0].decode() == word


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ["a,b\n1,é\n", "a,b\n" + 40_000 * "1.5,Łódź\n", "a,b\n1,\U0001f321\n"])
def test_unicode(encoding, text):
    found, notes = as_utf8(text.encode(encoding), None, "x.csv")
    assert found.decode("utf-8-sig") == text
    assert len(notes) == (not encoding.startswith("utf-8"))


def test_a_letter_that_a_piece_divides(monkeypatch):
    monkeypatch.setattr(encodings, "PIECE", 3)
    assert as_utf8("aaé€\U0001f321".encode(), None, "x.csv") == ("aaé€\U0001f321".encode(), [])
    assert as_utf8("aaé€\U0001f321".encode("utf-16"), None, "x.csv")[0].decode() == "aaé€\U0001f321"


def test_a_surrogate_pair_that_the_look_at_the_beginning_divides(monkeypatch):
    monkeypatch.setattr(encodings, "BEGINNING", 8)
    assert as_utf8("abc\U0001f321d".encode("utf-16-le"), None, "x.csv")[0].decode() == "abc\U0001f321d"


@pytest.mark.parametrize(
    ("data", "argument"),
    [
        (b"a\0b,1\n", "x.csv"),
        (bytes(100), "x.csv"),
        (bytes(range(256)) * 10, "x.csv"),
        ("a,é".encode("utf-16")[:-1], "x.csv"),
        (b"\xff\xfe\0\0\1", "x.csv"),
        (b"a\0\0\xd8b\0c\0d\0e\0f\0g\0", "x.csv"),
    ],
)
def test_what_is_no_text(data, argument):
    assert refused(as_utf8, data, None, "x.csv").argument == argument


def test_no_letter_is_replaced():
    error = refused(as_utf8, "Łódź".encode("cp1250"), "ascii", "x.csv")
    assert (error.argument, "ascii" in error.expected) == ("x.csv", True)
    assert refused(as_utf8, b"\x81\xff\xfe\xfa\x8d\x90" * 9, None, "x.csv").argument == "x.csv"


def test_the_memory_for_another_encoding_is_checked(monkeypatch):
    asked = []
    monkeypatch.setattr(encodings.memory, "require", lambda size, source: asked.append((size, source)))
    as_utf8("é".encode("cp1252") * 100, None, "x.csv")
    assert asked == [(300, "x.csv")]


def test_marks():
    assert is_utf_16("a".encode("utf-16"))
    assert is_utf_16("a".encode("utf-32"))
    assert is_utf_16("ab".encode("utf-16-be"))
    assert not is_utf_16(b"a\0bcdefgh")
    assert not is_utf_16(b"")


def in_pieces(data, size):
    return lambda: (data[start : start + size] for start in range(0, len(data), size))


def streamed(data, encoding=None, size=1000):
    """The text in UTF-8 and the notes, as a reader that begins again gets them."""
    text = Text.of(in_pieces(data, size), encoding, "x.csv")
    try:
        return b"".join(text.utf8()), list(text.notes)
    except NotUtf8Error:
        text = text.told_again()
        return b"".join(text.utf8()), list(text.notes)


LETTERS = "a,b\n1,Zürich\n2,café\n3,Añejo\n" * 40


@pytest.mark.parametrize("size", [40, 41, 97, 10_000])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "mac_roman", "cp850"]
)
def test_text_in_pieces_is_told_as_the_whole(encoding, size):
    data = LETTERS.encode(encoding)
    assert streamed(data, size=size) == as_utf8(data, None, "x.csv")
    named = "utf-16" if encoding.startswith("utf-16") and data.startswith(b"\xff") else encoding
    assert streamed(data, named, size) == as_utf8(data, named, "x.csv")


@pytest.mark.parametrize("text", ["日本,1\n" * 50, "🙂\n" * 50, "a" * 95 + "é" * 20])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 96])
def test_a_character_may_lie_on_a_border(text, size):
    data = text.encode()
    assert streamed(data, "utf-8", size) == (data, [])


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_half_a_character_at_the_end_is_no_utf_8(cut):
    data = ("x" * 200 + "🙂").encode()[:-cut]
    text = Text.of(in_pieces(data, 50), None, "x.csv")
    with pytest.raises(NotUtf8Error):
        list(text.utf8())
    assert "utf-8" in refused(lambda: list(Text.of(in_pieces(data, 50), "utf-8", "x.csv").utf8())).expected


def test_a_zero_byte_is_refused_wherever_it_is():
    data = b"a,b\n" * 100 + b"\0"
    assert "NUL" in refused(lambda: list(Text.of(in_pieces(data, 50), None, "x.csv").utf8())).got
