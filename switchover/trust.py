"""Which kernel images a machine accepts: those signed with a key it trusts.

What is verified here is bytes that were read already: what is used is what was verified.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from . import blame
from .errors import ImageError
from .minisign import (
    FILE_MAX,
    FormatError,
    PublicKey,
    Signature,
    key_name,
    read_key,
    read_signature,
)

Policy = Literal["none", "warn", "require"]
BESIDE = ".minisig"
OPERATOR = blame.OPERATOR
SIGN = "sign it with `minisign -S -m IMAGE`"


class Trust(msgspec.Struct, frozen=True):
    """The keys of a machine and what is done about an image none of them has signed.

    `none`: nothing is looked at. `warn`: it is logged and said in the plan. `require`: refused.
    """

    keys: tuple[PublicKey, ...] = ()
    policy: Policy = "none"


class SignatureError(ImageError):
    """An image is not signed as it has to be."""


def trusted_key(word: str) -> PublicKey:
    """A key, or the file it is in. Raises ValueError with what is wrong."""
    try:
        path = Path(word).expanduser()
        if not path.is_file():
            return read_key(word.encode())
        with path.open("rb") as file:
            return read_key(file.read(FILE_MAX))
    except FormatError as error:
        raise ValueError(f"{word}: neither a file nor a key of minisign's: {error}") from error
    except OSError as error:
        raise ValueError(f"{word}: {error.strerror}") from error
    except RuntimeError as error:  # of expanduser: there is no such user
        raise ValueError(f"{word}: {error}") from error


def signature_of(content: bytes, path: Path, trust: Trust, signature: Path | None = None) -> str:
    """Who has signed `content`, the bytes of the file at `path`; "" when nobody asks.

    The signature is in the file `signature`, by default in IMAGE.minisig beside the image. Raises
    SignatureError when it is required and not as it has to be.
    """
    if trust.policy == "none":
        return ""
    try:
        return verify(content, path, signature, trust)
    except SignatureError as error:
        if trust.policy == "require":
            raise
        structlog.get_logger().warning("signature", image=str(path), what=str(error))
        return f"NOT TRUSTED: {error}"


def verify(content: bytes, path: Path, signature: Path | None, trust: Trust) -> str:
    """Who has signed `content`, the file at `path`. Raises SignatureError."""
    signed_in = signature or path.with_name(path.name + BESIDE)
    found = _read(signed_in, path)
    key = next((key for key in trust.keys if key.number == found.number), None)
    where = str(signed_in)
    if key is None:
        known = ", ".join(map(str, trust.keys)) or "none"
        what = f"is signed with key {key_name(found.number)}; trusted: {known}"
        raise SignatureError(what, where, "sign it with a trusted key, or trust that one", OPERATOR)
    if not found.comment_is_signed(key):
        what = f"is no signature of key {key}: it was damaged or made up"
        raise SignatureError(what, where, SIGN, OPERATOR)
    if not found.is_of(content, key):
        name = found.said("file")
        if name and name != path.name:
            what = f"belongs to another file, {name}"
            raise SignatureError(what, where, f"give the signature of {path.name}", OPERATOR)
        raise SignatureError(
            f"was changed after key {key} had signed it", str(path), f"copy it again, or {SIGN}"
        )
    _check_date(found, where)
    return f"key {key}, {found.comment}"


def _read(path: Path, image: Path) -> Signature:
    try:
        with path.open("rb") as file:
            return read_signature(file.read(FILE_MAX))
    except FileNotFoundError as error:
        todo = f"{SIGN}, or give --signature FILE"
        raise SignatureError(
            f"has no signature, {path.name}", str(image), todo, OPERATOR
        ) from error
    except OSError as error:
        what = error.strerror or str(error)
        raise SignatureError(what, str(path), "give --signature FILE", OPERATOR) from error
    except FormatError as error:
        raise SignatureError(f"is no signature: {error}", str(path), SIGN, OPERATOR) from error


def _check_date(found: Signature, where: str) -> None:
    """`expires:DATE` in the trusted comment, ISO 8601, is obeyed."""
    if not (until := found.said("expires")):
        return
    try:
        end = datetime.fromisoformat(until)
    except ValueError as error:
        what = f"says expires:{until}, which is no date"
        raise SignatureError(what, where, f"{SIGN} -t 'expires:2030-12-31'", OPERATOR) from error
    if (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp() <= time.time():
        raise SignatureError(f"has expired on {until}", where, f"{SIGN} again", OPERATOR)
