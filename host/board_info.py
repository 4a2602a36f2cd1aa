"""How a machine is, for people and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotswap.switchover.machine import kernel_name
from hotswap.switchover.memory import MIB

if TYPE_CHECKING:
    from .board import Board


def board_info(board: Board) -> dict[str, Any]:
    """How the machine is, for people and machines."""
    processor, machine = board.processor, board.replaceable
    state = "paused" if board.paused else "halted" if processor.halted else "running"
    return {
        "machine": board.config.name,
        "state": "shut down" if processor.shut_down else state,
        "kernel": kernel_name(machine.kernel) if machine else "",
        "memory_mib": processor.ram.size // MIB,
        "clock": "instructions" if board.config.deterministic else "real time",
        "time_ns": board.backplane.clock.now(),
        "instructions": processor.instructions,
        "switchovers": machine.switchovers if machine else 0,
        "under_way": board.backplane.locked_by or "",
        "engine": processor.capabilities.summary(),
        "cards": [
            {
                "slot": number,
                "card": slot.title,
                "fault": slot.fault.what if slot.fault else "",
                "policy": slot.policy.value,
            }
            for number, slot in sorted(board.backplane.slots.items())
        ],
    }
