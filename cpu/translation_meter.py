"""What translating costs: blocks the engine has translated, and the host's time that took.

For measurements only: while the meter is on, a thunk stands in for the engine's translator.
"""

from __future__ import annotations

import ctypes
from typing import Self

from .core import Core
from .linkage import linkage_slots

_TRANSLATOR = "tb_gen_code_x86_64"


class TranslationMeter:
    """Counts while it is entered. A context manager; one at a time in a process.

    Raises `UnsupportedEngine` when the engine was linked in another way.
    """

    def __init__(self, core: Core) -> None:
        self._parameters = core.parameters
        (self._slot,) = linkage_slots(core.symbols, _TRANSLATOR)
        self._thunk = core.thunks.entry("translate")
        self._before = 0

    def __enter__(self) -> Self:
        clock = ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value
        assert clock is not None
        self._parameters.clock_gettime = clock
        self._before = self._slot.value
        self._parameters.translate = self._before
        self._slot.value = self._thunk
        return self

    def __exit__(self, *_: object) -> None:
        self._slot.value = self._before

    @property
    def blocks(self) -> int:
        """Blocks translated so far."""
        return self._parameters.translations

    @property
    def ns(self) -> int:
        """Host time spent translating them."""
        return self._parameters.translation_ns
