"""First cure: exits only between blocks.

After each load and store stock Unicorn looks for an exit request and, finding one, goes back to the
start of the instruction, so that an asynchronous stop makes `inc [mem]` or `lock xadd` act twice
and `insb` read the device twice. uc_struct.no_exit_request, a byte only the ARM front end uses,
leaves the test at the start of every block: then nothing is repeated.
"""

from __future__ import annotations

import ctypes
import re
import struct

from .core import Core
from .errors import UnsupportedEngine

# mov disp32(%rdi),%rsi ; cmpb $0,disp32(%rsi) ; je ; ret
_CHECK_EXIT_REQUEST = re.compile(rb"\x48\x8b\xb7....\x80\xbe(....)\x00\x74.\xc3", re.DOTALL)


def install_block_exits(core: Core) -> None:
    """Set the byte, whose place is read out of the function that tests it.

    Raises `UnsupportedEngine` when that function looks different.
    """
    code = ctypes.string_at(core.symbols.address_of("check_exit_request"), 24)
    match = _CHECK_EXIT_REQUEST.match(code)
    if match is None:
        raise UnsupportedEngine(f"check_exit_request has other code: {code.hex()}")
    (offset,) = struct.unpack("<I", match[1])
    flag = ctypes.c_uint8.from_address(core.handle + offset)
    if flag.value != 0:
        raise UnsupportedEngine(f"no_exit_request is {flag.value}, not 0")
    flag.value = 1
