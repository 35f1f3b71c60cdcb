"""Text in pictures, in the font that Pillow brings."""

from functools import cache

from PIL import ImageDraw, ImageFont

from variate.errors import printable


def draw_text(
    draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size: int, color: str, width: float, anchor: str = "la"
) -> None:
    """Draws a text, cut where it is wider than a number of pixels."""
    font, text = font_of(size), printable(text, 200)
    if font.getlength(text) > width:
        while text and font.getlength(f"{text}...") > width:
            text = text[:-1]
        text = f"{text}..."
    draw.text((x, y), text, fill=color, font=font, anchor=anchor)


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    """The font with letters of a size in pixels."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
