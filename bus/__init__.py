"""The card author's whole API: cycles, Card, Backplane, slots, lines, clock, errors.

A card is a subclass of `Card` with a `State`; it is offered by a module that has a `hotswap_card`
hook (`hookimpl`) and is named by an entry point in group `hotswap.cards`.
"""

from .api import API_VERSION
from .backplane import Backplane, BackplaneState, open_backplane
from .card import Card, Policy, Resources, Settings
from .choice import Choice
from .clock import Alarm, MachineClock
from .code_engine import CodeEngine, CodeFault, CodeResult
from .commands import Commands
from .cycle import FLOATING, Cycle, MemoryRange, PortRange, Space, Width
from .disk import SECTOR, Disk, Medium
from .dma import DmaAcknowledge, DmaController
from .errors import BusError, CardError, GuestError, HotswapError, MediaError, StateError
from .frames import FRAME_MAX, FRAME_MIN, FrameInbox, FrameOutbox, FramesState
from .hookspecs import ENTRY_POINTS, hookimpl
from .leases import Lease
from .line import Edge, Lines, Wire
from .pins import (
    BoardEvent,
    BudgetSpent,
    CardFault,
    CpuPins,
    CpuReset,
    CpuShutdown,
    InterruptController,
    Memory,
    NumericErrors,
    StrayWrite,
)
from .pnp import (
    Choices,
    Configuration,
    DmaChoice,
    IrqChoice,
    LogicalDevice,
    MemoryChoice,
    PlugAndPlay,
    PortChoice,
)
from .screen import Cursor, HasScreen, PixelScreen, Screen, TextScreen
from .slot import Slot
from .state import SavedState, State
from .stream import Inbox, Outbox, StreamState
from .trace import BusTrace, CycleRecord, EdgeRecord, HostWrite

__all__ = [
    "API_VERSION",
    "ENTRY_POINTS",
    "FLOATING",
    "FRAME_MAX",
    "FRAME_MIN",
    "SECTOR",
    "Alarm",
    "Backplane",
    "BackplaneState",
    "BoardEvent",
    "BudgetSpent",
    "BusError",
    "BusTrace",
    "Card",
    "CardError",
    "CardFault",
    "Choice",
    "Choices",
    "CodeEngine",
    "CodeFault",
    "CodeResult",
    "Commands",
    "Configuration",
    "CpuPins",
    "CpuReset",
    "CpuShutdown",
    "Cursor",
    "Cycle",
    "CycleRecord",
    "Disk",
    "DmaAcknowledge",
    "DmaChoice",
    "DmaController",
    "Edge",
    "EdgeRecord",
    "FrameInbox",
    "FrameOutbox",
    "FramesState",
    "GuestError",
    "HasScreen",
    "HostWrite",
    "HotswapError",
    "Inbox",
    "InterruptController",
    "IrqChoice",
    "Lease",
    "Lines",
    "LogicalDevice",
    "MachineClock",
    "MediaError",
    "Medium",
    "Memory",
    "MemoryChoice",
    "MemoryRange",
    "NumericErrors",
    "Outbox",
    "PixelScreen",
    "PlugAndPlay",
    "Policy",
    "PortChoice",
    "PortRange",
    "Resources",
    "SavedState",
    "Screen",
    "Settings",
    "Slot",
    "Space",
    "State",
    "StateError",
    "StrayWrite",
    "StreamState",
    "TextScreen",
    "Width",
    "Wire",
    "hookimpl",
    "open_backplane",
]
