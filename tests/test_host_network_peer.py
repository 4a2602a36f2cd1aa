"""The station in machine time, against packets made by scapy, and against itself."""

from __future__ import annotations

import msgspec
import pytest
import trio
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.host.network import Hubs, NetworkError, Peer, open_network
from hotswap.host.network_peer import MSS, Fetch, PeerState, Ping
from hotswap.host.pytest_plugin import VirtualClock

GUEST, GUEST_MAC = "10.0.2.15", "52:54:00:12:34:56"
PEER, PEER_MAC = "10.0.2.2", "52:55:0a:00:02:02"
SECOND = 1_000_000_000
PAGE = bytes(range(256)) * 40  # eight segments


class Listener(Peer):
    """A peer whose words are kept."""

    def __init__(self, **options: object) -> None:
        super().__init__(PEER, **options)  # type: ignore[arg-type]
        self.said: list[bytes] = []
        self._send = self.said.append

    def ask(self, packet: Packet) -> list[Packet]:
        """What it says to this, checksums checked."""
        self.hear(bytes(packet))
        answers: list[Packet] = [Ether(said) for said in self.said]
        self.said.clear()
        for answer in answers:
            for layer, field in ((IP, "chksum"), (ICMP, "chksum"), (TCP, "chksum")):
                if layer in answer:
                    again = answer.copy()
                    delattr(again[layer], field)
                    assert getattr(Ether(bytes(again))[layer], field) == answer[layer].chksum
        return answers


def to_peer(*layers: Packet) -> Packet:
    packet = Ether(src=GUEST_MAC, dst=PEER_MAC) / IP(src=GUEST, dst=PEER)
    for layer in layers:
        packet /= layer
    return packet


class Connection:
    """A client of the peer, as careful as it has to be."""

    def __init__(self, peer: Listener, port: int) -> None:
        self.peer, self.port, self.seq, self.ack = peer, port, 1000, 0
        (answer,) = self.send("S")
        assert answer[TCP].flags == "SA"
        assert ("MSS", MSS) in answer[TCP].options
        self.ack = answer[TCP].seq + 1 & 0xFFFFFFFF
        assert self.send("A") == []

    def send(self, flags: str, data: bytes = b"", window: int = 8192) -> list[Packet]:
        header = TCP(sport=40000, dport=self.port, flags=flags, seq=self.seq, ack=self.ack,
                     window=window)  # fmt: skip
        answers = self.peer.ask(to_peer(header, Raw(data)) if data else to_peer(header))
        self.seq += len(data) + ("S" in flags) + ("F" in flags)
        assert all(answer[TCP].ack == self.seq for answer in answers)
        return answers

    def take(self, answer: Packet) -> bytes:
        """The data of a segment that is the next one."""
        assert answer[TCP].seq == self.ack
        data = bytes(answer[TCP].payload)[: answer[IP].len - 20 - 4 * answer[TCP].dataofs]
        self.ack = self.ack + len(data) + ("F" in answer[TCP].flags) & 0xFFFFFFFF
        return data


@pytest.fixture
def peer() -> Listener:
    return Listener(pages={80: PAGE})


def test_it_says_who_has_its_address_and_no_other(peer: Listener) -> None:
    question = Ether(src=GUEST_MAC, dst="ff:ff:ff:ff:ff:ff") / ARP(
        op=1, hwsrc=GUEST_MAC, psrc=GUEST, pdst=PEER
    )
    (answer,) = peer.ask(question)
    assert (answer.src, answer.dst, answer[ARP].op) == (PEER_MAC, GUEST_MAC, 2)
    assert (answer[ARP].hwsrc, answer[ARP].psrc) == (PEER_MAC, PEER)
    question[ARP].pdst = "10.0.2.3"
    assert peer.ask(question) == []


@pytest.mark.parametrize("size", [0, 1, 56, 1472])
def test_it_answers_a_ping(peer: Listener, size: int) -> None:
    (answer,) = peer.ask(to_peer(ICMP(id=7, seq=9), Raw(bytes(size))))
    assert (answer[IP].src, answer[IP].dst) == (PEER, GUEST)
    assert (answer[ICMP].type, answer[ICMP].id, answer[ICMP].seq) == (0, 7, 9)
    assert answer[IP].len == 28 + size


def test_a_page_comes_in_segments_and_then_the_end(peer: Listener) -> None:
    client = Connection(peer, 80)
    (answer,) = client.send("PA", b"GET / HTTP/1.0\r\n\r\n")
    got = client.take(answer)
    while "F" not in answer[TCP].flags:
        (answer,) = client.send("A")
        got += client.take(answer)
    assert got == PAGE
    (last,) = client.send("FA")
    assert (last[TCP].flags, client.take(last)) == ("A", b"")


def test_it_sends_no_more_than_the_window(peer: Listener) -> None:
    client = Connection(peer, 80)
    (answer,) = client.send("PA", b"GET", window=100)
    assert len(client.take(answer)) == 100


@pytest.mark.parametrize("port", [7, 9])
def test_a_client_that_closes_is_let_go(peer: Listener, port: int) -> None:
    client = Connection(peer, port)
    (answer,) = client.send("FA")
    assert (answer[TCP].flags, client.take(answer)) == ("FA", b"")
    assert client.send("A") == []


def test_a_client_that_has_nothing_to_say_gets_the_page(peer: Listener) -> None:
    client = Connection(peer, 80)
    (answer,) = client.send("FA")
    got = client.take(answer)
    while "F" not in answer[TCP].flags:
        (answer,) = client.send("A")
        got += client.take(answer)
    assert got == PAGE
    assert client.send("A") == []


def test_echo_keeps_up_with_a_client_that_is_ahead(peer: Listener) -> None:
    client = Connection(peer, 7)
    (first,), (second,) = client.send("PA", b"one"), client.send("PA", b"two")
    assert (client.take(first), client.take(second)) == (b"one", b"two")
    (answer,) = client.send("FA")
    assert (answer[TCP].flags, client.take(answer)) == ("FA", b"")


def test_discard_acknowledges(peer: Listener) -> None:
    client = Connection(peer, 9)
    (answer,) = client.send("PA", bytes(1000))
    assert (answer[TCP].flags, client.take(answer)) == ("A", b"")


def test_nobody_listens_on_other_ports(peer: Listener) -> None:
    (answer,) = peer.ask(to_peer(TCP(dport=81, sport=5, flags="S", seq=3)))
    assert (answer[TCP].flags, answer[TCP].ack) == ("RA", 4)
    assert peer.ask(to_peer(TCP(dport=81, sport=5, flags="R"))) == []


@pytest.mark.parametrize("size", range(0, 54, 3))
def test_torn_packets_are_ignored(peer: Listener, size: int) -> None:
    whole = bytes(to_peer(TCP(dport=80, flags="S")))
    peer.hear(whole[: 14 + size] if size < 40 else whole[:14] + bytes(size))
    assert peer.said == []


def test_another_process_can_go_on_with_a_connection(peer: Listener) -> None:
    """As after a snapshot: all that is needed is what the guest says, and who it is."""
    client = Connection(peer, 80)
    (answer,) = client.send("PA", b"GET")
    got = client.take(answer)
    state = msgspec.msgpack.encode(peer.state)
    client.peer = Listener(pages={80: PAGE})
    client.peer.state = msgspec.msgpack.decode(state, type=PeerState)
    while "F" not in answer[TCP].flags:
        (answer,) = client.send("A")
        got += client.take(answer)
    assert got == PAGE


# -- scripts ----------------------------------------------------------------------------------


def test_a_script_needs_a_clock() -> None:
    with pytest.raises(ValueError, match="clock"):
        Peer(script=[Ping(0, GUEST)])


async def test_a_script_pings_and_fetches_and_does_not_give_up(virtual_clock: VirtualClock) -> None:
    """The other one is a peer, too, and comes later."""
    hubs = Hubs()
    script = (Fetch(2 * SECOND, GUEST, 80, b"GET"), Ping(SECOND, GUEST, b"there?"))
    one = Peer(PEER, script=script, clock=virtual_clock.machine)
    other = Peer(GUEST, pages={80: PAGE})
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.join, open_network("hub:lan", hubs=hubs))
            await virtual_clock.advance(10 * SECOND)
            assert not any(outcome.began for outcome in one.state.outcomes)
            nursery.start_soon(other.join, open_network("hub:lan", hubs=hubs))
            await settle()
            await virtual_clock.advance(3 * SECOND)
            assert await one.finished() == [PAGE, b"there?"]
            nursery.cancel_scope.cancel()


async def test_a_script_is_not_followed_before_its_time(virtual_clock: VirtualClock) -> None:
    hubs = Hubs()
    one = Peer(PEER, script=[Ping(5 * SECOND, GUEST)], clock=virtual_clock.machine)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.join, open_network("hub:lan", hubs=hubs))
        nursery.start_soon(Peer(GUEST).join, open_network("hub:lan", hubs=hubs))
        await virtual_clock.advance(5 * SECOND - 1)
        assert one.state.neighbours == {}
        await virtual_clock.advance(1)
        assert one.state.neighbours != {}
        nursery.cancel_scope.cancel()


def test_a_peer_has_an_address() -> None:
    assert open_network("peer:192.0.2.1").name == "peer 192.0.2.1"
    with pytest.raises(NetworkError):
        open_network("peer:nobody")
