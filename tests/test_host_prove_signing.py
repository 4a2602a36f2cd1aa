"""The image a campaign signs is signed as minisign does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotswap.host.prove.signing import signed
from hotswap.switchover.trust import SignatureError, Trust, signature_of, trusted_key

CONTENT = b"a kernel" * 100


def test_what_was_signed_is_accepted_and_what_was_changed_is_not(tmp_path: Path) -> None:
    image = signed(CONTENT, tmp_path / "kernel.elf")
    trust = Trust((trusted_key(image.key),), "require")
    assert image.path.read_bytes() == CONTENT
    assert "file:kernel.elf" in signature_of(CONTENT, image.path, trust)
    with pytest.raises(SignatureError, match="was changed after key"):
        signature_of(CONTENT + b"\0", image.path, trust)


def test_each_image_has_a_key_of_its_own(tmp_path: Path) -> None:
    first, second = (signed(CONTENT, tmp_path / name) for name in ("a.elf", "b.elf"))
    trust = Trust((trusted_key(first.key),), "require")
    with pytest.raises(SignatureError, match="is signed with key"):
        signature_of(CONTENT, second.path, trust)
