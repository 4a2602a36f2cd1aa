"""A board on the bench, with the instruments to test it: what the pytest plugin's fixtures are."""

from hotswap.host.virtual_clock import Ports, VirtualClock

from .evidence import Evidence
from .expectation import ExpectationFailed
from .guard import GuardExpired, HostHangs
from .rig import Rig, open_rig

__all__ = [
    "Evidence",
    "ExpectationFailed",
    "GuardExpired",
    "HostHangs",
    "Ports",
    "Rig",
    "VirtualClock",
    "open_rig",
]
