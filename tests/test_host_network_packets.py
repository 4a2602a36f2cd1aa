"""Packets as values, against packets made by scapy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from hotswap.host.network_packets import echo_reply, unpadded

GUEST, GATEWAY = "10.0.2.15", "10.0.2.2"
ADDRESS = bytes((10, 0, 2, 2))
ETHER = Ether(src="52:54:00:12:34:56", dst="52:55:0a:00:02:02")


def padded(packet: Packet) -> bytes:
    return bytes(packet).ljust(60, b"\0")


@given(st.binary(max_size=100))
def test_an_ipv4_packet_ends_where_it_says(payload: bytes) -> None:
    packet = ETHER / IP(src=GUEST, dst=GATEWAY) / UDP() / Raw(payload)
    assert unpadded(padded(packet)) == bytes(packet)


@pytest.mark.parametrize(
    "packet", [ETHER / ARP(pdst=GATEWAY), ETHER / IPv6(), ETHER / IP(len=4), ETHER / IP(len=9999)]
)
def test_other_frames_and_torn_ones_stay_as_they_are(packet: Packet) -> None:
    assert unpadded(padded(packet)) == padded(packet)


@given(st.binary(max_size=1400), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_ping_is_answered_with_its_own_words(payload: bytes, number: int, seq: int) -> None:
    ping = ETHER / IP(src=GUEST, dst=GATEWAY) / ICMP(id=number, seq=seq) / Raw(payload)
    answer = echo_reply(padded(ping), ADDRESS)
    assert answer is not None
    wanted = (
        Ether(src=ETHER.dst, dst=ETHER.src)
        / IP(src=GATEWAY, dst=GUEST, id=0, flags="DF")
        / ICMP(type="echo-reply", id=number, seq=seq)
        / Raw(payload)
    )
    assert answer == padded(wanted)


@pytest.mark.parametrize(
    "packet",
    [
        ETHER / IP(src=GUEST, dst="10.0.2.3") / ICMP(),
        ETHER / IP(src=GUEST, dst=GATEWAY) / ICMP(type="echo-reply"),
        ETHER / IP(src=GUEST, dst=GATEWAY) / TCP(dport=80),
        ETHER / IP(src=GUEST, dst=GATEWAY, proto="icmp") / Raw(b"\x08\0\0\0"),
        ETHER / IP(src=GUEST, dst=GATEWAY, flags="MF") / ICMP(),
        ETHER / ARP(pdst=GATEWAY),
    ],
)
def test_what_is_no_ping_of_that_address_has_no_answer(packet: Packet) -> None:
    assert echo_reply(padded(packet), ADDRESS) is None
