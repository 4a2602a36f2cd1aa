"""A kernel image that is signed as minisign does it, with a key made for the occasion."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hotswap.switchover.trust import BESIDE

PLAIN, PREHASHED = b"Ed", b"ED"
"""A key's kind, and that of a signature of the file's BLAKE2b."""


class Signed(NamedTuple):
    """The image's file, its signature beside it, and the public key as `--trust` takes it."""

    path: Path
    key: str


def signed(content: bytes, path: Path) -> Signed:
    """Write an image and its signature."""
    private, number = Ed25519PrivateKey.generate(), os.urandom(8)
    comment = f"file:{path.name}"
    signature = private.sign(hashlib.blake2b(content).digest())
    lines = (
        "untrusted comment: a campaign's",
        _text(PREHASHED + number + signature),
        f"trusted comment: {comment}",
        _text(private.sign(signature + comment.encode())),
    )
    path.write_bytes(content)
    path.with_name(path.name + BESIDE).write_text("".join(f"{line}\n" for line in lines))
    return Signed(path, _text(PLAIN + number + private.public_key().public_bytes_raw()))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
