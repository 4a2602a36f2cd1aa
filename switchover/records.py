"""Every record and enumeration of the Save State Map, from the four files that define them."""

from .records_file import (
    Fd,
    File,
    FileKind,
    Inode,
    KeyFlag,
    Lock,
    LockKind,
    LockType,
    Pipe,
    PipeFlag,
    ScreenFlag,
    Tty,
    TtyFlag,
)
from .records_machine import Blob, Dev, DevPolicy, Log, System, Time, Timer, TimerKind
from .records_memory import Frame, FrameKind, Protection, Vma, VmaKind
from .records_process import (
    Proc,
    ProcState,
    Regs,
    Restart,
    RestartFlag,
    Sigact,
    Siginfo,
    Task,
    WaitFlag,
    WaitKind,
    Xstate,
    XstateKind,
)

__all__ = [
    "Blob", "Dev", "DevPolicy", "Fd", "File", "FileKind", "Frame", "FrameKind", "Inode", "KeyFlag",
    "Lock", "LockKind", "LockType", "Log", "Pipe", "PipeFlag", "Proc", "ProcState", "Protection",
    "Regs", "Restart", "RestartFlag", "ScreenFlag", "Sigact", "Siginfo", "System", "Task", "Time",
    "Timer", "TimerKind", "Tty", "TtyFlag", "Vma", "VmaKind", "WaitFlag", "WaitKind",
    "Xstate", "XstateKind",
]  # fmt: skip
