"""A map that passes the host's checks and says more than the new kernel has room for."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane
from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover import coordinator
from hotswap.switchover.savemap import read, write
from hotswap.switchover.transcript import Transcript, complete

from .conftest import MS

INPUT = 4096
"""Bytes of unread input either kernel has room for: TTY_INPUT."""


@pytest.mark.parametrize("start", [1, 2])
async def test_a_line_being_typed_behind_a_full_buffer_is_refused_by_the_new_kernel(
    guest: Guest, switchover: SwitchKernel, monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    def too_much(script: Transcript, backplane: Backplane) -> bytes:
        found = read(complete(script, backplane))
        line = found.put_blob(b"x" * (INPUT - 1) + b"\n")
        tty = found.tty[0]
        tty.in_off, tty.in_len = line, INPUT
        tty.edit_off, tty.edit_len = line, INPUT - 1
        return write(found)

    guest.boot(["sleeper:60"], version=start)
    await guest.pass_time(20 * MS)
    with monkeypatch.context() as hostile:
        hostile.setattr(coordinator, "complete", too_much)
        report = await switchover(3 - start)
    assert (report.outcome, report.phase) == ("rolled back", "NEWINIT"), report.reason
    assert "reason" in "\n".join(report.log), report.log
    assert (await switchover(3 - start)).outcome == "committed"
    assert (await guest.reported())["sleeper"].startswith("ok")
