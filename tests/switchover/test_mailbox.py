"""The mailbox is open for a transaction and no longer, however that ends."""

from hotswap.cards.switchover import SwitchoverCard
from hotswap.host.guest import Guest
from hotswap.host.images import crashing, refkernel
from hotswap.host.pytest_plugin import SwitchKernel

from .conftest import MS


async def test_nothing_is_signalled_when_nobody_listens(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["memory:40"], stay=True)
    card = guest.board.slot("switchover").card
    assert isinstance(card, SwitchoverCard)
    for image, outcome in ((crashing(refkernel(2)), "rolled back"), (refkernel(2), "committed")):
        report = await switchover(image, probation_ms=20)
        assert report.outcome == outcome
        assert report.log or outcome == "rolled back"
        before = card.signals.statistics().current_buffer_used
        await guest.pass_time(200 * MS)  # 50 ticks: a heartbeat each
        assert card.state.txn == 0
        assert card.signals.statistics().current_buffer_used == before
