"""Cards inserted, pulled, replaced and set by an operator, while the machine runs."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import BusError, HotswapError
from hotswap.host.board import Board
from hotswap.host.card_changes import remove_card, replace_card
from hotswap.host.control import Reply, Request
from hotswap.host.exits import Exit
from hotswap.host.guest import Guest
from hotswap.host.images import refkernel
from hotswap.host.operator import answer_for
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Refused
from hotswap.switchover.options import Options

COM2 = {"base": "0x2F8", "irq": 3}


async def ask(board: Board, op: Any, **fields: Any) -> Any:
    reply: Reply = await answer_for(board)(Request(op, **fields), lambda event: None)
    assert reply.ok
    return reply.result


async def refused(board: Board, op: Any, **fields: Any) -> str:
    with pytest.raises((HotswapError, Refused)) as error:
        await answer_for(board)(Request(op, **fields), lambda event: None)
    return str(error.value)


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


# -- list and info ------------------------------------------------------------------------------


async def test_the_list_has_every_card_with_what_it_leases(board: Board) -> None:
    rows = {row["name"]: row for row in await ask(board, "cards")}
    assert rows["uart"] == {
        "slot": 3, "name": "uart", "implementation": "python", "version": rows["pic"]["version"],
        "resources": {"ports": ["0x03f8-0x03ff"], "irqs": [4], "drqs": [], "windows": [],
                      "drives": 0},
        "policy": "carry", "state": "running", "fault": "",
    }  # fmt: skip
    assert rows.keys() >= {"pic", "pit", "cmos", "switchover"}


async def test_the_list_tells_frozen_and_faulted_cards(board: Board) -> None:
    board.slot("post").set_fault(ZeroDivisionError("by zero"))
    await board.backplane.quiesce(each=1, total=1)
    rows = {row["name"]: row for row in await ask(board, "cards")}
    assert (rows["uart"]["state"], rows["switchover"]["state"]) == ("frozen", "running")
    assert (rows["post"]["state"], rows["post"]["fault"]) == (
        "faulted", "ZeroDivisionError: by zero",
    )  # fmt: skip
    board.backplane.thaw()


async def test_info_of_a_card_in_its_slot(board: Board) -> None:
    board.serial.output.write(b"12345")
    board.serial.input.feed(b"123")
    info = await ask(board, "card_info", card="uart")
    assert (info["slot"], info["state"], info["state_version"]) == (3, "running", 1)
    assert info["settings"][0] == {
        "name": "base", "type": "integer", "default": 0x3F8, "value": 0x3F8,
    }  # fmt: skip
    assert (info["statistics"]["to_send"], info["statistics"]["unread"]) == (5, 3)
    assert await ask(board, "card_info", card="3") == info


async def test_info_of_a_card_that_is_not_inserted_comes_from_its_plugin(board: Board) -> None:
    info = await ask(board, "card_info", card="ne2000")
    irq = next(each for each in info["settings"] if each["name"] == "irq")
    assert irq["type"] == "3 or 4 or 5 or 9 or 10 or 11 or 12 or 15"
    assert irq["default"] == 9
    assert info["resources"][0]["irqs"] == [9]
    assert "slot" not in info
    assert "did you mean ne2000?" in await refused(board, "card_info", card="ne200")


# -- insert -------------------------------------------------------------------------------------


async def test_a_card_is_inserted_with_its_settings(board: Board) -> None:
    row = await ask(board, "card_insert", card="uart", slot=20, settings=COM2)
    assert (row["slot"], row["resources"]["ports"]) == (20, ["0x02f8-0x02ff"])
    await wait_all_tasks_blocked()
    assert board.backplane.find(20).running


async def test_an_inserted_card_leads_nowhere_and_never_stops_its_driver(board: Board) -> None:
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2)
    output = board.backplane.find(20).output
    output.write(bytes(output.capacity))
    await wait_all_tasks_blocked()
    assert len(output) == 0


async def test_an_inserted_card_leads_where_it_is_told(board: Board, tmp_path: Path) -> None:
    file = tmp_path / "com2"
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2, to=str(file))
    assert board.cables[20].to == str(file)
    board.backplane.find(20).output.write(b"hello")
    await ask(board, "card_remove", card="20")
    assert file.read_bytes() == b"hello"
    assert 20 not in board.cables


async def test_a_card_whose_connector_cannot_be_opened_is_not_inserted(board: Board) -> None:
    before = names(await ask(board, "cards"))
    said = await refused(board, "card_insert", card="uart", settings=COM2, to="/nowhere/file")
    assert "/nowhere/file: No such file" in said
    assert names(await ask(board, "cards")) == before


async def test_a_file_at_its_connector_keeps_what_it_holds(board: Board, tmp_path: Path) -> None:
    file = tmp_path / "com2"
    file.write_bytes(b"before;")
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2, to=str(file))
    board.backplane.find(20).output.write(b"after")
    await ask(board, "card_remove", card="20")
    assert file.read_bytes() == b"before;after"


async def test_a_back_end_of_a_card_that_is_refused_is_closed(board: Board) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        to = f"tcp:127.0.0.1:{free.getsockname()[1]}"
    for _ in range(2):  # else the second finds the port taken
        said = await refused(board, "card_insert", card="uart", to=to)
        assert "is taken by card uart in slot 3" in said


async def test_what_comes_late_leaves_alone_what_is_in_the_slot_by_then(
    board: Board, tmp_path: Path
) -> None:
    """The cable of a card that came while the one before was sending its last bytes stays."""
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2, to="memory")
    board.backplane.find(20).output.write(b"nobody takes this")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(remove_card, board, "20")
        await wait_all_tasks_blocked()
        await ask(board, "card_insert", card="uart", slot=20, settings=COM2, to=str(tmp_path / "f"))
    assert board.cables[20].to == str(tmp_path / "f")


async def test_a_card_replaced_meanwhile_is_not_replaced_again(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = board.make_card

    async def slowly(*what: Any) -> Any:
        card = await make(*what)
        monkeypatch.undo()
        await replace_card(board, "uart", "uart")
        return card

    monkeypatch.setattr(board, "make_card", slowly)
    with pytest.raises(BusError, match="was removed or replaced meanwhile"):
        await replace_card(board, "uart", "uart")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"card": "uart", "settings": COM2, "to": "tpc:host:1"}, "tpc: is no kind of back end"),
        ({"card": "uart"}, r"port 0x03f8 .* is taken by card uart in slot 3"),
        ({"card": "uart", "slot": 3}, "slot 3 holds card uart"),
        ({"card": "uart", "settings": {"bsae": 1}}, "did you mean base"),
        ({"card": "uart", "settings": {"base": "x", "irq": "y"}}, r'base = "x".*irq = "y"'),
        ({"card": "uat"}, "did you mean uart"),
        ({"card": "uart", "settings": {"base": 0xFFFF}}, "change its settings"),
        ({"card": "ne2000", "to": "hub:a"}, "use peer or passt"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_leased(
    board: Board, fields: dict[str, Any], said: str
) -> None:
    before = await ask(board, "cards")
    with pytest.raises(HotswapError, match=said):
        await ask(board, "card_insert", **fields)
    assert await ask(board, "cards") == before


async def test_nothing_is_changed_during_a_switchover(board: Board) -> None:
    with board.backplane.locked("switchover 7"):
        for op, fields in (
            ("card_insert", {"card": "lpt"}),
            ("card_remove", {"card": "uart"}),
            ("card_replace", {"card": "uart", "new": "uart"}),
            ("card_set", {"card": "uart", "settings": {"irq": 5}}),
        ):
            said = await refused(board, op, **fields)
            assert "switchover 7 is under way; try again when it ended" in said


async def test_a_debug_exit_card_that_is_inserted_again_ends_the_run(board: Board) -> None:
    await ask(board, "card_remove", card="debugexit")
    await ask(board, "card_insert", card="debugexit")
    board.slot("debugexit").output.write(b"\5")
    with trio.fail_after(10):
        assert (await board.ended()).status == Exit.DEBUG_EXIT + 5


async def test_a_switchover_card_that_is_inserted_again_has_the_memory_of_the_board(
    board: Board,
) -> None:
    before = board.slot("switchover").card.settings
    await ask(board, "card_remove", card="switchover")
    await ask(board, "card_insert", card="switchover")
    assert board.slot("switchover").card.settings == before


# -- remove, replace, set -----------------------------------------------------------------------


async def test_a_card_is_found_by_slot_or_name(board: Board) -> None:
    removed = await ask(board, "card_remove", card="post")
    assert (removed["slot"], removed["state"]) == (5, "removed")
    assert (await ask(board, "card_remove", card="3"))["name"] == "uart"
    assert "did you mean port92?" in await refused(board, "card_remove", card="port29")
    assert "slot 3 is empty; taken are: 0 pic" in await refused(board, "card_remove", card="3")


async def test_a_name_that_is_there_twice_is_refused(board: Board) -> None:
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2)
    assert "is in slots 3, 20; say which" in await refused(board, "card_remove", card="uart")


async def test_a_replacement_has_the_settings_of_the_card_before(board: Board) -> None:
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2)
    old = board.backplane.find(20).card
    row = await ask(board, "card_replace", card="20", new="uart")
    assert row["resources"]["irqs"] == [3]
    assert board.backplane.find(20).card is not old
    said = await refused(board, "card_replace", card="20", new="uart", settings={"irq": "5"})
    assert "card uart has IRQ 5, card uart in slot 20 has 3" in said
    assert "lpt has ports 0x02f8-0x02fa" in await refused(
        board, "card_replace", card="20", new="lpt"
    )


async def test_a_setting_that_is_fixed_cannot_be_set(board: Board) -> None:
    assert "irq cannot be changed" in await refused(
        board, "card_set", card="uart", settings={"irq": "5"}
    )
    said = await refused(board, "card_set", card="uart", settings={"iqr": "5"})
    assert "did you mean irq?" in said


# -- the machine around it ----------------------------------------------------------------------


async def test_cards_are_changed_while_the_machine_is_paused(board: Board, guest: Guest) -> None:
    guest.boot(["registers:1"], stay=True)
    await guest.reported()
    await board.pause()
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2)
    await ask(board, "card_replace", card="3", new="uart")
    await ask(board, "card_remove", card="20")
    board.resume()
    before = board.processor.instructions
    await guest.pass_time(50_000_000)
    assert board.processor.instructions > before


async def test_cards_are_changed_after_the_guest_has_stopped(board: Board) -> None:
    board.processor.write_memory(0x1000, b"\xfa\xf4")  # cli; hlt
    board.processor.flat32(0x1000, 0x8000)
    board.nursery.start_soon(board.processor.run)
    assert (await board.ended()).status == Exit.GUEST
    assert board.processor.shut_down
    await ask(board, "card_insert", card="uart", slot=20, settings=COM2)
    await ask(board, "card_replace", card="20", new="uart")
    await ask(board, "card_remove", card="20")
    assert "uart" in names(await ask(board, "cards"))


async def test_a_switchover_works_with_a_card_that_was_inserted(board: Board, guest: Guest) -> None:
    """And one that was pulled: neither kernel has a driver for them."""
    guest.boot(["registers:1"], hold=True, stay=True)
    await guest.reported()
    await ask(board, "card_insert", card="lpt", slot=20)
    await ask(board, "card_remove", card="post")
    report = await Switchover(board.machine, refkernel(2), Options(patience=20)).run()
    assert report.outcome == "committed"
    assert {"lpt", "uart"} <= set(names(await ask(board, "cards")))


async def test_a_switchover_is_refused_without_its_card(board: Board, guest: Guest) -> None:
    guest.boot(["registers:1"], hold=True, stay=True)
    await guest.reported()
    await ask(board, "card_remove", card="switchover")
    with pytest.raises(Refused, match="no switchover card is plugged in"):
        await Switchover(board.machine, refkernel(2), Options(patience=20)).run()
