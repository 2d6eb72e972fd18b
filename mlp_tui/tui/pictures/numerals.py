"""Large digits in blocks: Textual's Digits are three cells high whatever the room, and have no ASCII form."""

from .glyphs import ASCII, UNICODE, Glyphs

NUMERALS = """
.###. ..#.. .###. .###. ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# #...# ..##. #.... .#... ....# #...# #...#
#...# ..#.. ....# ....# .#.#. #.... #.... ...#. #...# #...#
#...# ..#.. ...#. ..##. #..#. ####. ####. ..#.. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# ..#.. #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. ..#.. .###. .##..
"""
"""The ten digits, five dots wide and seven high."""


def numeral(digit: int, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """A digit in blocks, as large as the room allows: each of its dots is twice as wide as high, in cells."""
    scale = max(1, min(width // 10, height // 7))
    ink = "#" if glyphs is ASCII else "█"
    rows = (row[6 * digit : 6 * digit + 5] for row in NUMERALS.split("\n")[1:-1])
    lines = ["".join((ink if dot == "#" else " ") * 2 * scale for dot in row) for row in rows]
    return [line for line in lines for _ in range(scale)]
