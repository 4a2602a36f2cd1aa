"""Code page 437: the characters of a PC's own font, in Unicode.

IBM Personal Computer Technical Reference, "Of Characters, Keystrokes, and Colors": the codes of
control characters have glyphs too. 0, 32 and 255 are blank.
"""

_LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
CP437 = (
    _LOW + bytes(range(0x20, 0x7F)).decode("ascii") + "⌂" + bytes(range(0x80, 0xFF)).decode("cp437")
) + " "
"""The character of each of the 256 codes."""
