"""Which images a machine accepts: whose signature, of what, until when, and whose fault it is."""

from pathlib import Path

import pytest

from hotswap.switchover import blame
from hotswap.switchover.trust import SignatureError, Trust, signature_of, trusted_key

from .test_switchover_minisign import CONTENT, Signer

OURS, THEIRS = Signer(), Signer(b"stranger", seed=2)
REQUIRED = Trust((OURS.key(),), "require")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.elf"
    path.write_bytes(CONTENT)
    return path


def sign(image: Path, text: str) -> None:
    image.with_name("image.elf.minisig").write_text(text)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_signed_image_is_accepted_and_who_has_signed_it_is_said(
    image: Path, legacy: bool
) -> None:
    sign(image, OURS.sign(CONTENT, "file:image.elf built on Monday", legacy=legacy))
    said = signature_of(CONTENT, image, REQUIRED)
    assert said == f"key {OURS.key()}, file:image.elf built on Monday"


def test_the_signature_may_be_somewhere_else(image: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else.sig"
    elsewhere.write_text(OURS.sign(CONTENT))
    assert signature_of(CONTENT, image, REQUIRED, elsewhere)


@pytest.mark.parametrize(
    ("text", "words", "fault_of"),
    [
        (None, "has no signature, image.elf.minisig", blame.OPERATOR),
        ("rubbish", "is no signature", blame.OPERATOR),
        (THEIRS.sign(CONTENT), f"with key {THEIRS.key()}; trusted: {OURS.key()}", blame.OPERATOR),
        (Signer(seed=3).sign(CONTENT), "was damaged or made up", blame.OPERATOR),
        (OURS.sign(CONTENT).replace("image", "imago"), "was damaged or made up", blame.OPERATOR),
        (OURS.sign(CONTENT + b"\0"), "was changed after key", blame.NEW),
        (OURS.sign(b"", "file:b.elf"), "belongs to another file, b.elf", blame.OPERATOR),
        (OURS.sign(CONTENT, "expires:2020-01-01"), "has expired on 2020-01-01", blame.OPERATOR),
        (OURS.sign(CONTENT, "expires:soon"), "which is no date", blame.OPERATOR),
    ],
    ids=["none", "rubbish", "key", "forged", "comment", "changed", "other", "expired", "no date"],
)
def test_anything_else_is_refused_or_warned_of(
    image: Path, text: str | None, words: str, fault_of: str
) -> None:
    if text is not None:
        sign(image, text)
    with pytest.raises(SignatureError, match=words) as caught:
        signature_of(CONTENT, image, REQUIRED)
    assert caught.value.fault_of == fault_of
    assert caught.value.todo
    warned = signature_of(CONTENT, image, Trust(REQUIRED.keys, "warn"))
    assert warned.startswith("NOT TRUSTED: ")
    assert words in warned
    assert signature_of(CONTENT, image, Trust(REQUIRED.keys, "none")) == ""


def test_a_signature_that_has_not_expired_is_good(image: Path) -> None:
    sign(image, OURS.sign(CONTENT, "expires:9999-12-31"))
    assert signature_of(CONTENT, image, REQUIRED)


def test_a_key_is_given_as_such_or_by_its_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pub"
    file.write_bytes(b"untrusted comment: minisign public key\n" + OURS.public + b"\n")
    assert trusted_key(str(file)) == trusted_key(OURS.public.decode()) == OURS.key()
    with pytest.raises(ValueError, match="neither a file nor a key"):
        trusted_key(str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="~nosuchuser/k: Could not determine home"):
        trusted_key("~nosuchuser/k")
