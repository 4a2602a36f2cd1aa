"""Where a card's code was when its call ended, in words."""

from __future__ import annotations

from hotswap.bus import CodeFault
from hotswap.bus.errors import CodeError

from .image import ElfImage
from .lines import Lines

CALLERS = 8
"""Most in a report."""
TEXT_MAX = 200


def code_error(image: ElfImage, fault: CodeFault, during: str) -> CodeError:
    """What `fault` means in the card's own names; `during` is what it was asked."""
    lines = Lines(image)
    what = fault.reason
    if fault.address is not None and f"{fault.address:#x}" not in what:
        what = f"{what} at {fault.address:#x}"
    callers = [address for address in fault.callers if _is_code(image, address)]
    eip = fault.eip
    if what.startswith("hotswap_"):
        eip -= 1  # a call into the host is told of by where it returns to
    elif not _is_code(image, eip) and callers:
        what = f"{what} (EIP {eip:#x})"
        eip = callers.pop(0) - 1
    file, line = lines.at(eip)
    function = image.names.title(eip)[:TEXT_MAX]
    return CodeError(
        image.descriptor.name,
        what,
        function=function.partition("+")[0] if file else function,
        file=file[:TEXT_MAX],
        line=line,
        callers=tuple(_place(image, lines, address) for address in callers[:CALLERS]),
        during=during,
    )


def _place(image: ElfImage, lines: Lines, address: int) -> str:
    """A caller: the call is just before the address it returns to."""
    file, line = lines.at(address - 1)
    title = image.names.title(address)[:TEXT_MAX]
    return f"{title} ({file[:TEXT_MAX]}:{line})" if file else title


def _is_code(image: ElfImage, address: int) -> bool:
    segment = image.segment(address)
    return segment is not None and segment.executable
