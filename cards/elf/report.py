"""Where a card's code was when its call ended, in words."""

from __future__ import annotations

from hotswap.bus import CodeFault
from hotswap.bus.errors import CodeError

from .image import ElfImage

CALLERS = 8
"""Most in a report."""


def code_error(image: ElfImage, fault: CodeFault, during: str) -> CodeError:
    """What `fault` means in the card's own names; `during` is what it was asked."""
    what = fault.reason
    if fault.address is not None and f"{fault.address:#x}" not in what:
        what = f"{what} at {fault.address:#x}"
    callers = [address for address in fault.callers if _is_code(image, address)]
    return CodeError(
        image.descriptor.name,
        what,
        function=image.names.title(fault.eip),
        callers=tuple(image.names.title(address) for address in callers[:CALLERS]),
        during=during,
    )


def _is_code(image: ElfImage, address: int) -> bool:
    segment = image.segment(address)
    return segment is not None and segment.executable
