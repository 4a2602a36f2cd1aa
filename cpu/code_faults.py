"""What the exceptions of a card's code are called in a report.

Vectors and the error code of #PF: Intel SDM volume 3A, 6.15 "Exception and Interrupt Reference".
"""

from __future__ import annotations

from .code_memory import GUARD, STACK_SIZE, STACK_TOP, STUBS
from .host_memory import PAGE

DE, DB, UD, SS, GP, PF, MF, XM = 0, 1, 6, 12, 13, 14, 16, 19
_PRESENT, _WRITE, _FETCH = 1, 2, 16
_NAMES = {
    DE: "divide error",
    DB: "debug exception",
    3: "INT3",
    4: "overflow (INTO)",
    5: "BOUND range exceeded",
    UD: "bad opcode",
    SS: "stack fault",
    MF: "x87 error",
    XM: "SSE error",
}
_PRIVILEGED = {
    0xF4: "HLT",
    0xFA: "CLI",
    0xFB: "STI",
    **dict.fromkeys((0xE4, 0xE5, 0xEC, 0xED, 0x6C, 0x6D), "IN: a card has no ports to ask"),
    **dict.fromkeys((0xE6, 0xE7, 0xEE, 0xEF, 0x6E, 0x6F), "OUT: a card has no ports to ask"),
}
_PREFIXES = bytes([0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65])
_STACK_LOW = STACK_TOP - STACK_SIZE


def name_page_fault(address: int, error: int) -> str:
    """What was tried at `address`; #PF's error code says how."""
    how = "fetch" if error & _FETCH else "write" if error & _WRITE else "read"
    if _STACK_LOW - GUARD <= address < _STACK_LOW and how != "fetch":
        return f"stack overflow: {how} at {address:#x}, below the {STACK_SIZE >> 10} KiB it has"
    if address < PAGE:
        return f"{how} at {address:#x}: a null pointer"
    if not error & _PRESENT:
        return f"{how} at {address:#x}, where nothing is mapped"
    if how == "fetch":
        return f"fetch at {address:#x}, which is not executable"
    if address >= STUBS:
        return f"{how} at {address:#x}, which is the host's"
    return f"{how} at {address:#x}, which is read-only"


def name_exception(vector: int, code: bytes) -> str:
    """Any other exception; `code` is what stands at EIP, as far as it can be read."""
    if vector != GP:
        return _NAMES.get(vector, f"exception {vector}")
    opcode = code.lstrip(_PREFIXES)[:1]
    what = _PRIVILEGED.get(opcode[0]) if opcode else None
    return f"privileged instruction: {what}" if what else "general protection fault"
