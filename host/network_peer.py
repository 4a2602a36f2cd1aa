"""A station to talk to, in machine time: the same guest hears the same from it every time.

It answers ARP and pings and is a small TCP server; by a script it also pings and fetches at set
times. It lives on a wire that loses nothing, so what a server says next follows from the segment
it has just got: the acknowledgement number says how far the other side is. Nothing is sent twice,
one segment is under way at a time, and a machine restored from a snapshot is understood at once.

    port 7    echoes
    port 9    discards
    others    what `pages` says, after the first data or FIN; then FIN
    the rest  RST
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Address

import msgspec
import trio

from hotswap.bus import FrameInbox, FrameOutbox, MachineClock

from .network_backend import NetworkBackEnd
from .network_packets import (
    Arp,
    EtherType,
    Flag,
    Icmp,
    Packet,
    Protocol,
    Segment,
    arp,
    ethernet,
    icmp,
    ipv4,
    read_arp,
    read_ethernet,
    read_ipv4,
    read_tcp,
    tcp,
)

ECHO, DISCARD = 7, 9
MSS = 1460
WINDOW = 0xFFFF
FIRST_PORT = 0xC000
"""Of a fetch: this and its place in the script."""
RETRY = 1_000_000_000
"""ns of machine time."""
EVERYBODY = b"\xff" * 6
SEQ = 0xFFFFFFFF
PAGES: Mapping[int, bytes] = {
    80: b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"
}


class Ping(msgspec.Struct, frozen=True, tag=True):
    """Ping `address` at machine time `at` (ns), again every second until it answers."""

    at: int
    address: str
    payload: bytes = b"hotswap"


class Fetch(msgspec.Struct, frozen=True, tag=True):
    """Connect to `port` of `address` at `at` (ns), send `request`, read until the other closes.

    The request goes in one segment: at most `MSS` bytes.
    """

    at: int
    address: str
    port: int
    request: bytes = b""


class Outcome(msgspec.Struct):
    """What came of one line of the script."""

    due: int
    """When it is to be begun (again), ns."""
    began: bool = False
    first: int = 0
    """Sequence number of the first byte that is to come."""
    received: bytes = b""
    done: bool = False


class PeerState(msgspec.Struct):
    """All a peer remembers: who has which address, and what came of its script."""

    neighbours: dict[bytes, bytes] = {}
    outcomes: list[Outcome] = []


class Peer:
    """The station `address`. A script needs the machine's clock."""

    def __init__(
        self,
        address: str = "10.0.2.2",
        *,
        pages: Mapping[int, bytes] = PAGES,
        script: Sequence[Ping | Fetch] = (),
        clock: MachineClock | None = None,
    ) -> None:
        if script and clock is None:
            raise ValueError("a script needs a clock")
        self.address = IPv4Address(address).packed
        self.mac = b"\x52\x55" + self.address
        self.pages = pages
        self.script = script
        self.state = PeerState(outcomes=[Outcome(line.at) for line in script])
        self._clock = clock
        self._send: Callable[[bytes], None] = _nowhere
        self._changed = trio.Event()

    # -- on the wire --------------------------------------------------------------------------

    async def serve(self, frames_in: FrameInbox, frames_out: FrameOutbox) -> None:
        """Be the back end of a card."""
        async with trio.open_nursery() as nursery:
            self._send = frames_in.feed
            nursery.start_soon(self._follow_script)
            while True:
                await frames_out.ready()
                while (frame := frames_out.take()) is not None:
                    self.hear(frame)

    async def join(self, back_end: NetworkBackEnd) -> None:
        """Be one more station at a back end, e.g. at a port of a hub."""
        frames_in, frames_out = FrameInbox(), FrameOutbox()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(back_end.serve, frames_in, frames_out)
            self._send = frames_out.write
            nursery.start_soon(self._follow_script)
            while True:
                await frames_in.wait()
                while (frame := frames_in.read()) is not None:
                    self.hear(frame)

    def hear(self, frame: bytes) -> None:
        """A frame comes by."""
        destination, source, kind, payload = read_ethernet(frame)
        if kind == EtherType.ARP:
            self._hear_arp(payload)
        elif kind == EtherType.IPV4 and destination == self.mac:
            packet = read_ipv4(payload)
            if packet is not None and packet.destination == self.address:
                self.state.neighbours[packet.source] = source
                self._hear_packet(packet)

    def _hear_arp(self, payload: bytes) -> None:
        packet = read_arp(payload)
        if packet is None or packet.target != self.address:
            return
        self.state.neighbours[packet.sender] = packet.sender_mac
        self._wake()
        if not packet.answer:
            answer = Arp(True, self.mac, self.address, packet.sender_mac, packet.sender)
            self._send(ethernet(packet.sender_mac, self.mac, EtherType.ARP, arp(answer)))

    def _say(self, destination: bytes, protocol: int, payload: bytes) -> None:
        mac = self.state.neighbours[destination]
        packet = ipv4(Packet(protocol, self.address, destination, payload))
        self._send(ethernet(mac, self.mac, EtherType.IPV4, packet))

    def _hear_packet(self, packet: Packet) -> None:
        if packet.protocol == Protocol.TCP:
            segment = read_tcp(packet.payload)
            if segment is not None and not segment.flags & Flag.RST:
                self._hear_segment(packet.source, segment)
        elif packet.protocol == Protocol.ICMP and len(packet.payload) >= 8:
            if packet.payload[0] == Icmp.ECHO:
                reply = icmp(Icmp.ECHO_REPLY, packet.payload[4:])
                self._say(packet.source, Protocol.ICMP, reply)
            elif packet.payload[0] == Icmp.ECHO_REPLY:
                self._hear_echo(int.from_bytes(packet.payload[4:6]), packet.payload[8:])

    def _hear_segment(self, who: bytes, got: Segment) -> None:
        line = got.destination - FIRST_PORT
        if 0 <= line < len(self.script):
            answers = self._as_client(self.state.outcomes[line], self.script[line], got)
        elif got.destination in (ECHO, DISCARD, *self.pages):
            answer = self._as_server(who, got)
            answers = [] if answer is None else [answer]
        else:
            answers = [_reply(got, Flag.RST | Flag.ACK)]
        for answer in answers:
            self._say(who, Protocol.TCP, tcp(answer, self.address, who))

    # -- server -------------------------------------------------------------------------------

    def _as_server(self, who: bytes, got: Segment) -> Segment | None:
        echoes = got.destination == ECHO  # with the other's own numbers: it may be ahead of us
        first = got.seq if echoes else _first_number(who, got)
        if got.flags & Flag.SYN:
            return _reply(got, Flag.SYN | Flag.ACK)._replace(seq=first, mss=MSS)
        if echoes:
            last = got.flags & Flag.FIN
            answer = _reply(got, Flag.ACK | last, got.data)._replace(seq=got.seq)
            return answer if got.data or last else None
        page = self.pages.get(got.destination, b"")
        at = got.ack - first - 1 & SEQ
        if at < len(page) and (at or got.data or got.flags & Flag.FIN):
            data = page[at : at + max(1, min(MSS, got.window))]
            last = Flag.FIN if at + len(data) == len(page) else Flag(0)
            return _reply(got, Flag.ACK | Flag.PSH | last, data)
        if got.flags & Flag.FIN:
            closed = at > len(page)
            return _reply(got, Flag.ACK if closed else Flag.ACK | Flag.FIN)
        return _reply(got, Flag.ACK) if got.data else None

    # -- script -------------------------------------------------------------------------------

    async def _follow_script(self) -> None:
        """Begin each line at its time, and again until somebody answers."""
        clock = self._clock
        while waiting := [(o.due, n) for n, o in enumerate(self.state.outcomes) if not o.began]:
            due, number = min(waiting)
            assert clock is not None
            await clock.sleep_until(due)
            outcome, line = self.state.outcomes[number], self.script[number]
            outcome.due = due + RETRY
            if not outcome.began:
                self._begin(number, line, IPv4Address(line.address).packed)

    def _begin(self, number: int, line: Ping | Fetch, address: bytes) -> None:
        if address not in self.state.neighbours:
            question = arp(Arp(False, self.mac, self.address, bytes(6), address))
            self._send(ethernet(EVERYBODY, self.mac, EtherType.ARP, question))
        elif isinstance(line, Ping):
            rest = number.to_bytes(2) + bytes(2) + line.payload
            self._say(address, Protocol.ICMP, icmp(Icmp.ECHO, rest))
        else:
            port = FIRST_PORT + number
            syn = Segment(port, line.port, 0, 0, Flag.SYN, WINDOW, mss=MSS)
            self._say(address, Protocol.TCP, tcp(syn, self.address, address))

    def _hear_echo(self, number: int, payload: bytes) -> None:
        if number < len(self.script) and isinstance(self.script[number], Ping):
            outcome = self.state.outcomes[number]
            outcome.began = outcome.done = True
            outcome.received = payload
            self._wake()

    def _as_client(self, outcome: Outcome, line: Ping | Fetch, got: Segment) -> list[Segment]:
        if isinstance(line, Ping):
            return []
        if got.flags & Flag.SYN:
            outcome.began, outcome.first = True, got.seq + 1 & SEQ
            opened = _reply(got, Flag.ACK)  # alone: passt 2023_03_09 reads no data in this one
            return [opened, opened._replace(flags=Flag.ACK | Flag.PSH, data=line.request)]
        if not got.data and not got.flags & Flag.FIN:
            return []
        if got.seq - outcome.first & SEQ == len(outcome.received) and not outcome.done:
            outcome.received += got.data
            outcome.done = bool(got.flags & Flag.FIN)
            self._wake()
        last = Flag.FIN if outcome.done else Flag(0)
        ack = outcome.first + len(outcome.received) + outcome.done & SEQ
        return [_reply(got, Flag.ACK | last)._replace(seq=1 + len(line.request), ack=ack)]

    async def finished(self) -> list[bytes]:
        """Wait for the end of the script: what was received in each of its lines."""
        while not all(outcome.done for outcome in self.state.outcomes):
            await self._changed.wait()
        return [outcome.received for outcome in self.state.outcomes]

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


def _nowhere(_frame: bytes) -> None:
    """It is not on a wire yet."""


def _first_number(who: bytes, got: Segment) -> int:
    """The initial sequence number: the same for a connection whenever it is asked for."""
    return zlib.crc32(b"%b %d %d" % (who, got.source, got.destination))


def _reply(got: Segment, flags: Flag, data: bytes = b"") -> Segment:
    """An answer that acknowledges all of `got`."""
    length = len(got.data) + bool(got.flags & Flag.SYN) + bool(got.flags & Flag.FIN)
    ack = got.seq + length & SEQ
    return Segment(got.destination, got.source, got.ack, ack, flags, WINDOW, data)
