"""Text a card has chosen, for messages: it may be anything, and must not speak to the terminal."""

from __future__ import annotations


def shown(content: bytes) -> str:
    """As text, with escapes for what cannot be printed."""
    text = content.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
