"""A machine that trusts a key replaces its kernel by what that key has signed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotswap.host.assembly import assemble
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.control import Request
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import shipped
from hotswap.host.machine_fault import MachineError
from hotswap.host.machine_file import check
from hotswap.host.operator import answer_for
from hotswap.switchover.trust import Trust

from ..test_switchover_minisign import Signer  # noqa: TID252
from .conftest import MS

V2 = shipped("refkernel-v2.elf")
OURS, THEIRS = Signer(), Signer(b"stranger", seed=2)
KERNEL = {"kernel": "refkernel-v1.elf"}


async def test_only_signed_images_replace_the_kernel_and_more_may_be_asked(tmp_path: Path) -> None:
    image, signature = tmp_path / "image.elf", tmp_path / "image.elf.minisig"
    image.write_bytes(V2)
    config = BoardConfig(memory=16, deterministic=True, trust=Trust((OURS.key(),), "require"))
    async with open_board(config) as board:
        guest = Guest(board)
        guest.boot(["memory:20"], stay=True)
        await guest.pass_time(20 * MS)
        answer, kernel = answer_for(board), board.machine.kernel

        async def ask(*trust: str, plan: bool = False) -> tuple[bool, str, str]:
            request = Request("switchover", str(image), plan, patience=PATIENCE, trust=list(trust))
            reply = await answer(request, lambda event: None)
            signed = (reply.result["plan"] or {}).get("signature", "")
            return reply.ok, signed, reply.error or ""

        assert "has no signature" in (await ask())[2]
        signature.write_text(THEIRS.sign(V2))
        assert f"signed with key {THEIRS.key()}" in (await ask())[2]
        signature.write_text(OURS.sign(V2[:-1]))
        assert "was changed after" in (await ask())[2]
        assert board.machine.kernel is kernel
        signature.write_text(OURS.sign(V2))
        assert "trusted: " in (await ask(THEIRS.public.decode()))[2]
        assert "~nosuchuser/k: " in (await ask("~nosuchuser/k"))[2]
        assert (await ask(plan=True))[:2] == (True, f"key {OURS.key()}, file:image.elf")
        assert (await ask(OURS.public.decode()))[0]


async def test_a_signature_that_nobody_would_look_at_is_refused(tmp_path: Path) -> None:
    image, signature = tmp_path / "image.elf", tmp_path / "elsewhere"
    image.write_bytes(V2)
    signature.write_text(OURS.sign(V2))
    async with open_board(BoardConfig(memory=16, deterministic=True)) as board:
        Guest(board).boot(["memory:20"], stay=True)
        request = Request("switchover", str(image), signature=str(signature), patience=PATIENCE)
        reply = await answer_for(board)(request, lambda event: None)
        assert (reply.ok, reply.result["fault_of"]) == (False, "operator")
        assert f"trusted here, so nobody would look at {signature}; give" in (reply.error or "")
        request.trust = [THEIRS.public.decode()]
        reply = await answer_for(board)(request, lambda event: None)
        assert f"signed with key {OURS.key()}" in (reply.error or "")


def trusting(tmp_path: Path, **table: object) -> Trust:
    (tmp_path / "refkernel-v1.elf").write_bytes(shipped("refkernel-v1.elf"))
    return assemble(check({"boot": KERNEL, "switchover": table}, tmp_path)).config.trust


def test_a_machine_file_says_whom_to_trust(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(OURS.public)
    assert trusting(tmp_path) == Trust()
    assert trusting(tmp_path, trust=["key.pub"]) == Trust((OURS.key(),), "require")
    warning = trusting(tmp_path, trust=[THEIRS.public.decode()], signatures="warn")
    assert warning == Trust((THEIRS.key(),), "warn")
    with pytest.raises(MachineError, match="neither a file nor a key"):
        trusting(tmp_path, trust=["nobody"])
    with pytest.raises(MachineError, match="no key is trusted"):
        trusting(tmp_path, signatures="require")
