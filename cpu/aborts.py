"""Fifth cure: an assertion of the engine that fails is a fault of the guest's, not the host's end.

See thunks/abort.c. For the whole process, as the instructions are.
"""

from __future__ import annotations

from collections.abc import Callable

from .linkage import linkage_slots
from .native import Thunks
from .symbols import Symbols


def aborts(symbols: Symbols, thunks: Thunks) -> Callable[[], None]:
    """What catches them from then on. Raises `UnsupportedEngine`."""
    abort, translate = linkage_slots(symbols, "abort", "tb_gen_code_x86_64")

    def catch() -> None:
        p = thunks.parameters
        p.abort, p.translate = symbols.address_of("abort"), symbols.address_of("tb_gen_code")
        abort.value, translate.value = thunks.entry("gave_up"), thunks.entry("translating")

    return catch
