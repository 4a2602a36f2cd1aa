"""Signatures as minisign makes them: Ed25519 over a file, with a comment that is signed too.

A key is 42 bytes in base64: algorithm `Ed`, key number, public key. A signature file has four
lines: an untrusted comment; in base64 the algorithm (`ED` over BLAKE2b-512 of the file, `Ed` over
the file itself), key number and signature; `trusted comment: ` and its text; in base64 the global
signature, over signature and text (https://jedisct1.github.io/minisign/).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_UNTRUSTED, _TRUSTED = b"untrusted comment: ", b"trusted comment: "
_KEY, _SIGNATURE = 42, 74
FILE_MAX = 1 << 16
"""Bytes of a key or signature file."""


class FormatError(ValueError):
    """This is no key or signature of minisign's; the message says why."""


class PublicKey(msgspec.Struct, frozen=True):
    """A public key; `number` is how minisign tells keys apart."""

    number: bytes
    key: bytes

    def __str__(self) -> str:
        return key_name(self.number)

    def signed(self, content: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's, over `content`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, content)
        except InvalidSignature:
            return False
        return True


class Signature(msgspec.Struct, frozen=True):
    """A signature file. `comment` is worth something only when `comment_is_signed`."""

    prehashed: bool
    number: bytes
    signature: bytes
    comment: str
    seal: bytes
    """The global signature."""

    def is_of(self, content: bytes, key: PublicKey) -> bool:
        """Whether `content` was signed."""
        if self.prehashed:
            content = hashlib.blake2b(content).digest()
        return key.signed(content, self.signature)

    def comment_is_signed(self, key: PublicKey) -> bool:
        """Whether the comment belongs to this signature."""
        return key.signed(self.signature + self.comment.encode(), self.seal)

    def said(self, name: str) -> str:
        """The value of `name:value` in the comment, "" when it is not there."""
        words = (word.partition(":") for word in self.comment.split())
        return next((value for key, _, value in words if key == name), "")


def key_name(number: bytes) -> str:
    """A key number as minisign prints it."""
    return f"{int.from_bytes(number, 'little'):X}"


def read_key(text: bytes) -> PublicKey:
    """A key, or the content of a key file. Raises FormatError."""
    lines = text.strip().splitlines()
    if lines and lines[0].startswith(_UNTRUSTED):
        lines = lines[1:]
    if len(lines) != 1:
        raise FormatError("a key has one line, and perhaps a comment before it")
    content = _decoded(lines[0], _KEY, "a key")
    if content[:2] != b"Ed":
        raise FormatError(f"a key of algorithm {content[:2]!r}, known is Ed")
    return PublicKey(content[2:10], content[10:])


def read_signature(text: bytes) -> Signature:
    """The content of a signature file. Raises FormatError."""
    lines = text.strip().splitlines()
    if len(lines) != 4 or not lines[0].startswith(_UNTRUSTED) or not lines[2].startswith(_TRUSTED):
        raise FormatError("a signature has four lines: comment, signature, trusted comment, seal")
    content = _decoded(lines[1], _SIGNATURE, "a signature")
    kinds: dict[bytes, Literal[True, False]] = {b"ED": True, b"Ed": False}
    if content[:2] not in kinds:
        raise FormatError(f"a signature of algorithm {content[:2]!r}, known are ED and Ed")
    try:
        comment = lines[2][len(_TRUSTED) :].decode()
    except UnicodeDecodeError as error:
        raise FormatError("a trusted comment that is no UTF-8") from error
    seal = _decoded(lines[3], 64, "a global signature")
    return Signature(kinds[content[:2]], content[2:10], content[10:], comment, seal)


def _decoded(line: bytes, size: int, what: str) -> bytes:
    try:
        content = base64.b64decode(line, validate=True)
    except binascii.Error as error:
        raise FormatError(f"{what} in base64: {error}") from error
    if len(content) != size:
        raise FormatError(f"{what} has {size} bytes, not {len(content)}")
    return content
