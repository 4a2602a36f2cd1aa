"""minisign's files, read and verified: those of the real tool, and those that are wrong."""

import base64
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hotswap.switchover.minisign import (
    FormatError,
    PublicKey,
    Signature,
    read_key,
    read_signature,
)

CONTENT = b"a kernel" * 1000


class Signer:
    """Signs as minisign does."""

    def __init__(self, number: bytes = b"keynumbr", seed: int = 1) -> None:
        self.number = number
        self._private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = base64.b64encode(b"Ed" + number + raw)

    def key(self) -> PublicKey:
        return read_key(self.public)

    def sign(self, content: bytes, comment: str = "file:image.elf", *, legacy: bool = False) -> str:
        """A signature file."""
        kind = b"Ed" if legacy else b"ED"
        signature = self._private.sign(content if legacy else hashlib.blake2b(content).digest())
        seal = self._private.sign(signature + comment.encode())
        lines = base64.b64encode(kind + self.number + signature), base64.b64encode(seal)
        return (
            f"untrusted comment: test\n{lines[0].decode()}\n"
            f"trusted comment: {comment}\n{lines[1].decode()}\n"
        )


def real_minisign() -> str:
    tool = shutil.which("minisign")
    if tool is None:
        pytest.skip("NOT TESTED: minisign is missing (apt install minisign)")
    return tool


@pytest.mark.parametrize("options", [[], ["-l"]], ids=["prehashed", "legacy"])
def test_what_the_real_tool_has_signed_is_verified(tmp_path: Path, options: list[str]) -> None:
    tool = real_minisign()
    image = tmp_path / "image.elf"
    image.write_bytes(CONTENT)
    make = [tool, "-G", "-W", "-p", "key.pub", "-s", "key.sec"]
    sign = [tool, "-S", *options, "-s", "key.sec", "-m", "image.elf", "-t", "by the test"]
    for command in (make, sign):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    key = read_key((tmp_path / "key.pub").read_bytes())
    found = read_signature((tmp_path / "image.elf.minisig").read_bytes())
    assert found.prehashed is not bool(options)
    assert found.number == key.number
    assert str(key) in (tmp_path / "key.pub").read_text()
    assert found.is_of(CONTENT, key)
    assert not found.is_of(CONTENT + b"\0", key)
    assert found.comment_is_signed(key)
    assert found.comment == "by the test"


@pytest.mark.parametrize("legacy", [False, True])
def test_what_is_signed_here_satisfies_the_real_tool(tmp_path: Path, legacy: bool) -> None:
    tool, signer = real_minisign(), Signer()
    (tmp_path / "image.elf").write_bytes(CONTENT)
    (tmp_path / "image.elf.minisig").write_text(signer.sign(CONTENT, legacy=legacy))
    command = [tool, "-V", "-P", signer.public.decode(), "-m", "image.elf"]
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0


def test_a_signature_belongs_to_one_file_one_key_and_one_comment() -> None:
    signer, other = Signer(), Signer(seed=2)
    found = read_signature(signer.sign(CONTENT).encode())
    assert found.is_of(CONTENT, signer.key())
    assert not found.is_of(CONTENT, other.key())
    assert not found.is_of(CONTENT[1:], signer.key())
    changed = Signature(found.prehashed, found.number, found.signature, "file:x", found.seal)
    assert found.comment_is_signed(signer.key())
    assert not changed.comment_is_signed(signer.key())
    assert not found.comment_is_signed(other.key())


def test_words_of_the_comment() -> None:
    found = read_signature(Signer().sign(b"", "timestamp:1\tfile:a.elf\thashed").encode())
    assert (found.said("file"), found.said("timestamp"), found.said("expires")) == (
        "a.elf",
        "1",
        "",
    )


GOOD = Signer().sign(CONTENT)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "four lines"),
        ("\n".join(GOOD.split("\n")[:3]), "four lines"),
        (GOOD.replace("untrusted", "untrusting"), "four lines"),
        (GOOD.replace("trusted comment: file", "comment: file"), "four lines"),
        (GOOD.replace("\nRU", "\n%%"), "base64"),
        (GOOD.replace("\nRU", "\nAAAARU"), "has 74 bytes"),
        (GOOD.replace("\nRU", "\nRV"), "algorithm"),
    ],
)
def test_what_is_no_signature(text: str, why: str) -> None:
    with pytest.raises(FormatError, match=why):
        read_signature(text.encode())


@pytest.mark.parametrize("text", [b"", b"one\ntwo", b"!", b"AAAA", base64.b64encode(bytes(42))])
def test_what_is_no_key(text: bytes) -> None:
    with pytest.raises(FormatError, match="key"):
        read_key(text)
