"""Is this map fit to be switched over with? L0 bounds and checksums, L1 records, L2 references.

Level 3, the host's own truth, is in `host_truth`: the coordinator alone can see it.
"""

from __future__ import annotations

from .container import open_container
from .errors import MapError
from .memory import MemoryPlan
from .references import reference_faults
from .savemap import SaveStateMap, read


def check(data: bytes | memoryview) -> int:
    """The verdict of `ssm_check` in C: 0, or minus the first Fault of levels 0 and 1."""
    faults = open_container(data).faults
    return -faults[0].code if faults else 0


def faults(data: bytes | memoryview, plan: MemoryPlan | None = None) -> list[MapError]:
    """Everything wrong with a map, of the lowest level at which something is; [] when it is fit.

    Frames are held against `plan` when it is given.
    """
    found = open_container(data).faults
    if not found:
        return reference_faults(read(data), plan)
    level = min(fault.code.level for fault in found)
    return [fault for fault in found if fault.code.level == level]


def validate(
    data: bytes | memoryview,
    plan: MemoryPlan | None = None,
    like: tuple[SaveStateMap, bytes] | None = None,
) -> SaveStateMap:
    """The decoded map. Raises the first MapError of levels 0 to 2.

    `like` is an earlier map validated with this plan, and its bytes: what is the same in both is
    neither decoded nor checked again.
    """
    decoded = read(data, like)
    for fault in reference_faults(decoded, plan, like[0] if like else None):
        raise fault
    return decoded
