"""Work that whoever asked for it may leave: it belongs to the machine's nursery."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import outcome
import trio

from hotswap.bus import HotswapError

T = TypeVar("T")


class MachineEnded(HotswapError):
    """The machine ended before work for it did."""


async def in_background(nursery: trio.Nursery, work: Callable[[], Awaitable[T]]) -> T:
    """Do `work` in `nursery`; it goes on when whoever waits for it here is cancelled.

    Raises the exception that `work` raises, and `MachineEnded` when the nursery is cancelled
    first. A cancellation goes to whom it is meant for and no farther: that of the nursery ends
    the task that does the work, that of who asked ends the waiting.
    """
    done = trio.Event()
    result: outcome.Outcome[T] | None = None

    async def carry_out() -> None:
        nonlocal result
        try:
            result = outcome.Value(await work())
        except Exception as error:  # whoever asked raises it, who may be gone: as with any call
            result = outcome.Error(error)
        finally:
            done.set()

    nursery.start_soon(carry_out)
    await done.wait()
    if result is None:
        raise MachineEnded("the machine ended before this was done; start it again and ask again")
    return result.unwrap()
