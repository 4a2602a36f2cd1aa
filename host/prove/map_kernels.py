"""Fields of a real map, changed alone between the old kernel and the new one: it must be noticed.

Under the old kernel the processes of `still` hold every kind of object. The map it writes is
altered in one field before the new kernel sees it; the new kernel must refuse it, or show by its
echo that it has taken over something else. The machine is then back where it was, for the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.memory import Span
from hotswap.switchover.options import Options
from hotswap.switchover.transcript import Transcript
from hotswap.switchover.validate import faults

from .map_fields import NOT_KEPT, FieldAt, fields

PROGRAM = "still:1000"
ALL_WAIT = "processes wait"


class AlteredSwitchover(Switchover):
    """A switchover whose map is altered behind the host's back, after it was found fit."""

    alter: Callable[[bytes], bytes]

    async def _save(self) -> tuple[Transcript, Span]:
        script, place = await super()._save()
        self._put(place.lo, self.alter(self.map))
        return script, place


def must_notice(field: FieldAt) -> bool:
    """Whether the reference kernels must notice it, when the host did not."""
    return not field.reason and field.name not in NOT_KEPT


async def try_fields(
    wanted: Callable[[Sequence[FieldAt]], Sequence[FieldAt]], tell: Callable[[FieldAt, str], None]
) -> None:
    """Tell of each field `wanted` what was noticed; "" when the switchover was committed.

    Raises RolledBack when a switchover fails before there is a map.
    """
    left: list[FieldAt] | None = None
    while left is None or left:
        async with open_board(BoardConfig(deterministic=True)) as board:
            guest = Guest(board)
            guest.boot([PROGRAM], version=1)
            await guest.expect(ALL_WAIT)
            committed = False
            while not committed and (left is None or left):
                switch = AlteredSwitchover(board.machine, refkernel(2), Options(patience=PATIENCE))
                tried: list[FieldAt] = []

                def alter(data: bytes, tried: list[FieldAt] = tried) -> bytes:
                    nonlocal left
                    found = list(fields(data))
                    if left is None:
                        left = list(wanted(found))
                    now = {field.name: field for field in found}
                    tried.append(now[left.pop().name])
                    return tried[0].changed(data)

                switch.alter = alter
                noticed = ""
                try:
                    await switch.run()
                    committed = True
                    altered = tried[0].changed(switch.map)
                    if found := faults(altered, board.machine.plan):
                        noticed = str(found[0])  # the host would have refused it
                except RolledBack as back:
                    if not tried:
                        raise
                    noticed = back.reason
                tell(tried[0], noticed)
