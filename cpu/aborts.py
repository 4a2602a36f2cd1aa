"""Fifth cure: no guest ends the host. See thunks/abort.c.

Assertions of the engine that fail, and blocks with more temporaries than it has room for, end an
instruction, a block or the guest. For the whole process, as the instructions are.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable

from .errors import UnsupportedEngine
from .linkage import linkage_slots
from .native import Thunks
from .symbols import Symbols

_STAND_INS = {
    "abort": "gave_up",
    "tb_gen_code_x86_64": "translating",
    "tcg_temp_new_internal_x86_64": "new_temp",
}
_LAYOUT = {
    # movslq 0x30(%rdi),%rax ... mov %edx,0x30(%rdi) ... lea 0x388(%rdi,%rdx,8),%rax
    "tcg_temp_new_internal": rb"\x48\x63\x47\x30.*\x89\x57\x30.*\x48\x8d\x84\xd7\x88\x03\0\0",
    # mov 0x7390(%rdi),%rdx ... addl $1,0x38(%rdi): the operations follow the temporaries
    "tcg_emit_op": rb"\x48\x8b\x97\x90\x73\0\0.*\x83\x47\x38\x01",
}


def aborts(symbols: Symbols, thunks: Thunks) -> Callable[[], None]:
    """What puts the stand-ins in place. Raises `UnsupportedEngine`."""
    for name, pattern in _LAYOUT.items():
        code = ctypes.string_at(symbols.address_of(name), 192)
        if re.search(pattern, code, re.DOTALL) is None:
            raise UnsupportedEngine(f"{name} of the engine has other code: {code.hex()}")
    slots = linkage_slots(symbols, *_STAND_INS)

    def put() -> None:
        p = thunks.parameters
        p.abort, p.translate = symbols.address_of("abort"), symbols.address_of("tb_gen_code")
        p.new_temp = symbols.address_of("tcg_temp_new_internal")
        for slot, name in zip(slots, _STAND_INS.values(), strict=True):
            slot.value = thunks.entry(name)

    return put
