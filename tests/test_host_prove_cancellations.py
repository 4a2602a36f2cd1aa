"""Cancelled at any checkpoint, a switchover is called off or committed, and nothing is left."""

from __future__ import annotations

import pytest
import trio

from hotswap.host.prove.campaign import Campaign
from hotswap.host.prove.cancellations import STEPS, prove
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.transaction import Transaction

SEED = 486


def cancelled(first: int, every: int, count: int = STEPS) -> tuple[Campaign, list[str]]:
    campaign, told = Campaign("cancellations", count, SEED), []
    campaign.tell = lambda case, _: told.append(case)
    trio.run(prove, campaign, [BootMode.DMA], first, every)
    return campaign, told


def test_every_third_checkpoint_ends_called_off_or_committed() -> None:
    campaign, told = cancelled(first=2, every=3)
    assert campaign.failures == []
    assert campaign.cases > 6
    phases = {case.split(" in ")[1].split()[0] for case in told if "called off" in case}
    assert "PLAN" in phases
    assert len(phases) > 4  # which ones, says the host: each has few checkpoints


def test_a_cancellation_that_does_not_undo_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    undo = Transaction._undo

    async def only_failures(self: Transaction, why: str, fault_of: str) -> None:
        if why == "it was called off":
            self.report.phase = self._phase_now.name
        else:
            await undo(self, why, fault_of)

    monkeypatch.setattr(Transaction, "_undo", only_failures)
    campaign, _ = cancelled(first=20, every=1, count=1)
    (failure,) = campaign.failures
    assert "is left" in failure.why
    assert failure.repeat == (
        f"hotswap-host prove cancellations --mode 2 --first 20 --count 1 --seed {SEED}"
    )
