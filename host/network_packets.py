"""Just enough of ARP, IPv4, ICMP and TCP to be somebody to talk to: packets as values.

RFC 826, 791, 792 and 9293. Without fragments, options and checks of checksums: the wire between
card and peer makes no mistakes.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import NamedTuple

_ETHERNET = struct.Struct(">6s6sH")
_ARP = struct.Struct(">HHBBH6s4s6s4s")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_TCP = struct.Struct(">HHIIBBHHH")
TTL = 64
DO_NOT_FRAGMENT = 0x4000
ECHO_HEADER = 8
MSS_OPTION = b"\x02\x04"


class EtherType(IntEnum):
    """What a frame carries."""

    IPV4 = 0x0800
    ARP = 0x0806


class Protocol(IntEnum):
    """What an IPv4 packet carries."""

    ICMP = 1
    TCP = 6


class Icmp(IntEnum):
    """Types of ICMP messages."""

    ECHO_REPLY = 0
    ECHO = 8


class Flag(IntFlag):
    """Of a TCP segment."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10


class Arp(NamedTuple):
    """A question for, or an answer with, an address."""

    answer: bool
    sender_mac: bytes
    sender: bytes
    target_mac: bytes
    target: bytes


class Packet(NamedTuple):
    """An IPv4 packet."""

    protocol: int
    source: bytes
    destination: bytes
    payload: bytes


class Segment(NamedTuple):
    """A TCP segment. `mss` is sent with a SYN."""

    source: int
    destination: int
    seq: int
    ack: int
    flags: Flag
    window: int
    data: bytes = b""
    mss: int = 0


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(destination: bytes, source: bytes, kind: int, payload: bytes) -> bytes:
    """A frame, padded as it has to be."""
    return (_ETHERNET.pack(destination, source, kind) + payload).ljust(60, b"\0")


def read_ethernet(frame: bytes) -> tuple[bytes, bytes, int, bytes]:
    """Destination, source, type and payload (perhaps padded)."""
    destination, source, kind = _ETHERNET.unpack_from(frame)
    return destination, source, kind, frame[_ETHERNET.size :]


def unpadded(frame: bytes) -> bytes:
    """The frame without what was added to make it long enough, if it is IPv4: that says its size.

    A frame that does not hold as much as it says stays as it is.
    """
    if frame[12:14] != EtherType.IPV4.to_bytes(2):
        return frame
    size = _ETHERNET.size + int.from_bytes(frame[16:18])
    return frame[:size] if size >= _ETHERNET.size + _IPV4.size else frame


def arp(packet: Arp) -> bytes:
    """An ARP packet as bytes."""
    operation = 2 if packet.answer else 1
    return _ARP.pack(1, EtherType.IPV4, 6, 4, operation, *packet[1:])


def read_arp(payload: bytes) -> Arp | None:
    """The ARP packet, or None when it is none about IPv4 over Ethernet."""
    if len(payload) < _ARP.size:
        return None
    hardware, protocol, *sizes, operation, mac, ip, to_mac, to = _ARP.unpack_from(payload)
    if (hardware, protocol, *sizes) != (1, EtherType.IPV4, 6, 4) or operation not in (1, 2):
        return None
    return Arp(operation == 2, mac, ip, to_mac, to)


def ipv4(packet: Packet) -> bytes:
    """An IPv4 packet as bytes."""
    size = _IPV4.size + len(packet.payload)
    fields = [0x45, 0, size, 0, DO_NOT_FRAGMENT, TTL, packet.protocol, 0]
    fields[7] = checksum(_IPV4.pack(*fields, packet.source, packet.destination))
    return _IPV4.pack(*fields, packet.source, packet.destination) + packet.payload


def read_ipv4(payload: bytes) -> Packet | None:
    """The IPv4 packet, or None when it is none, torn, or a fragment."""
    if len(payload) < _IPV4.size:
        return None
    version, _, size, _, fragment, _, protocol, _, source, destination = _IPV4.unpack_from(payload)
    start = 4 * (version & 0xF)
    if version >> 4 != 4 or not _IPV4.size <= start <= size <= len(payload):
        return None
    if fragment & ~DO_NOT_FRAGMENT:
        return None
    return Packet(protocol, source, destination, payload[start:size])


def icmp(kind: int, rest: bytes) -> bytes:
    """An ICMP message of code 0; `rest` is what follows the checksum."""
    check = checksum(struct.pack(">BBH", kind, 0, 0) + rest)
    return struct.pack(">BBH", kind, 0, check) + rest


def echo_reply(frame: bytes, address: bytes) -> bytes | None:
    """The answer to a ping of `address`, back to where it came from; None when it is none."""
    destination, source, kind, payload = read_ethernet(frame)
    packet = read_ipv4(payload) if kind == EtherType.IPV4 else None
    if packet is None or packet.destination != address or packet.protocol != Protocol.ICMP:
        return None
    if len(packet.payload) < ECHO_HEADER or packet.payload[0] != Icmp.ECHO:
        return None
    message = icmp(Icmp.ECHO_REPLY, packet.payload[4:])
    answer = ipv4(Packet(Protocol.ICMP, address, packet.source, message))
    return ethernet(source, destination, EtherType.IPV4, answer)


def tcp(segment: Segment, source: bytes, destination: bytes) -> bytes:
    """A TCP segment as bytes, between these two addresses."""
    options = MSS_OPTION + struct.pack(">H", segment.mss) if segment.mss else b""
    words = (_TCP.size + len(options)) // 4
    ports_to_window = (*segment[:4], words << 4, segment.flags, segment.window)
    rest = options + segment.data
    pseudo = source + destination + struct.pack(">HH", Protocol.TCP, _TCP.size + len(rest))
    check = checksum(pseudo + _TCP.pack(*ports_to_window, 0, 0) + rest)
    return _TCP.pack(*ports_to_window, check, 0) + rest


def read_tcp(payload: bytes) -> Segment | None:
    """The TCP segment, or None when it is torn."""
    if len(payload) < _TCP.size:
        return None
    source, destination, seq, ack, words, flags, window, _, _ = _TCP.unpack_from(payload)
    start = words >> 4 << 2
    if not _TCP.size <= start <= len(payload):
        return None
    return Segment(source, destination, seq, ack, Flag(flags & 0x1F), window, payload[start:])
