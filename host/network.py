"""Opening a network back end by what the user wrote.

none              no cable
hub:NAME          a hub in this process; cards of the same NAME hear each other
peer[:ADDRESS]    a station in the machine's own time that answers pings and serves a page
passt[:OPTIONS]   the host's network, without privileges, by the program passt
tap:INTERFACE     a TAP interface of the host
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import AddressValueError
from pathlib import Path

from . import wall_clock
from .network_backend import NetworkBackEnd, NetworkError
from .network_capture import capture
from .network_hub import Hubs, unplugged
from .network_passt import open_passt
from .network_peer import Peer
from .network_tap import open_tap

__all__ = [
    "FORMS",
    "Hubs",
    "NetworkBackEnd",
    "NetworkError",
    "Peer",
    "capture",
    "is_form",
    "open_network",
]

FORMS = ("none", "hub:NAME", "peer[:ADDRESS]", "passt[:OPTIONS]", "tap:INTERFACE")


def is_form(spec: str) -> bool:
    """Whether `open_network` knows what it means."""
    kind, _, rest = spec.partition(":")
    return {"none": not rest, "hub": bool(rest), "tap": bool(rest)}.get(
        kind, kind in {"peer", "passt"}
    )


def open_network(
    spec: str,
    *,
    hubs: Hubs | None = None,
    capture_file: Path | None = None,
    now: Callable[[], int] = wall_clock.now_ns,
) -> NetworkBackEnd:
    """The back end `spec` names, see above. Raises `NetworkError` before anything is started.

    Give all cards of a process the same `hubs`. What crosses is captured in `capture_file`
    (pcapng) at the times `now` gives, ns.
    """
    back_end = _open(spec, hubs or Hubs())
    return back_end if capture_file is None else capture(back_end, capture_file, now)


def _open(spec: str, hubs: Hubs) -> NetworkBackEnd:
    kind, _, rest = spec.partition(":")
    match kind:
        case "none" if not rest:
            return NetworkBackEnd("none", unplugged)
        case "hub" if rest:
            return hubs.hub(rest).port()
        case "peer":
            return _open_peer(rest)
        case "passt":
            return open_passt(rest)
        case "tap" if rest:
            return open_tap(rest)
        case _:
            raise NetworkError(f"network {spec!r} is unknown; give one of {', '.join(FORMS)}")


def _open_peer(address: str) -> NetworkBackEnd:
    try:
        peer = Peer(address) if address else Peer()
    except AddressValueError as error:
        raise NetworkError(f"peer:{address}: {error}; give an IPv4 address") from error
    return NetworkBackEnd(f"peer {address}".rstrip(), peer.serve)
