"""The control socket: whatever clients do, the machine goes on and the next one is answered."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from click.testing import CliRunner
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import HotswapError
from hotswap.host import remote
from hotswap.host.board import Board
from hotswap.host.control import (
    BLACKOUT_MAX,
    LINE_MAX,
    ControlError,
    Reply,
    Request,
    Tell,
    connect,
    serve_control,
)
from hotswap.host.exits import Exit
from hotswap.host.guest import Guest
from hotswap.host.operator import answer_for
from hotswap.host.remote import switchover_command
from hotswap.switchover.errors import Refused
from hotswap.switchover.options import DEFAULT
from hotswap.switchover.phases import LIMITS, Phase

SECONDS = 20  # of patience


class Asked:
    """Answers `info` with what it was asked so far; a switchover tells events until let go."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.replied: list[str] = []
        self.events: list[object] = []
        self.go_on = trio.Event()

    async def answer(self, request: Request, tell: Tell) -> Reply:
        self.requests.append(request)
        match request.op:
            case "switchover":
                for event in self.events:
                    tell(event)
                await self.go_on.wait()
                return Reply(True, "done")
            case "pause":
                raise HotswapError("no brake")
            case "stop":
                raise Refused("busy", "wait")
            case "keys":
                raise ZeroDivisionError(*[request.text] * bool(request.text))
        return Reply(True, len(self.requests))

    def note(self, request: Request) -> None:
        self.replied.append(request.op)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control"


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[Asked]:
    asked = Asked()
    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, path, asked.answer, asked.note)
            yield asked
            nursery.cancel_scope.cancel()


async def ask(path: Path, request: Request) -> list[dict[str, Any]]:
    async with connect(path) as send:
        return [line async for line in send(request)]


async def say(stream: trio.SocketStream, *lines: bytes) -> list[dict[str, Any]]:
    """Send lines as they are, all at once; a reply for each."""
    await stream.send_all(b"".join(line + b"\n" for line in lines))
    got = b""
    while got.count(b"\n") < len(lines):
        data = await stream.receive_some()
        assert data, "the machine hung up"
        got += data
    return [json.loads(line) for line in got.splitlines()]


# -- requests and replies -------------------------------------------------------------------------


async def test_a_request_gets_its_reply(path: Path) -> None:
    async with served(path) as asked:
        assert await ask(path, Request("info")) == [{"ok": True, "result": 1}]
        request = Request("switchover", "/kernel", True, 1, 7.5, "/map")
        asked.go_on.set()
        await ask(path, request)
        assert asked.requests == [Request("info"), request]


async def test_events_come_before_the_reply_in_order(path: Path) -> None:
    async with served(path) as asked:
        asked.events = [{"phase": n} for n in range(100)]
        asked.go_on.set()
        lines = await ask(path, Request("switchover"))
        assert lines == [*asked.events, {"ok": True, "result": "done"}]


async def test_an_event_is_sent_at_once(path: Path) -> None:
    async with served(path) as asked, connect(path) as send:
        asked.events = [{"phase": "SAVE"}]
        lines = send(Request("switchover"))
        assert await anext(lines) == {"phase": "SAVE"}
        asked.go_on.set()
        assert await anext(lines) == {"ok": True, "result": "done"}


async def test_requests_follow_one_another_on_one_connection(path: Path) -> None:
    async with served(path) as asked:
        async with connect(path) as send:
            for count in (1, 2, 3):
                assert [line async for line in send(Request("info"))][-1]["result"] == count
        stream = await trio.open_unix_socket(str(path))
        async with stream:
            replies = await say(stream, b'{"op":"info"}', b'{"op":"info"}')
        assert [reply["result"] for reply in replies] == [4, 5]
        assert asked.replied == ["info"] * 5


async def test_what_follows_a_reply_is_done_when_it_has_been_sent(path: Path) -> None:
    async with served(path) as asked, connect(path) as send:
        asked.events = [{"phase": "SAVE"}]
        lines = send(Request("switchover"))
        await anext(lines)
        assert asked.replied == []
        asked.go_on.set()
        await anext(lines)
        await wait_all_tasks_blocked()
        assert asked.replied == ["switchover"]


@pytest.mark.parametrize("dry_run", [True, False], ids=["rehearsal", "switchover"])
async def test_a_rehearsal_ends_when_its_client_hangs_up_and_a_switchover_does_not(
    path: Path, dry_run: bool
) -> None:
    begun, cancelled = trio.Event(), trio.Event()

    async def answer(request: Request, _tell: Tell) -> Reply:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    with trio.fail_after(SECONDS):
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, path, answer)
            stream = await trio.open_unix_socket(str(path))
            async with stream:
                line = {"op": "switchover", "dry_run": dry_run}
                await stream.send_all(json.dumps(line).encode() + b"\n")
                await begun.wait()
                await wait_all_tasks_blocked()
                assert not cancelled.is_set()
            if dry_run:
                await cancelled.wait()
            else:
                await wait_all_tasks_blocked()
                assert not cancelled.is_set()
            nursery.cancel_scope.cancel()


async def test_a_request_that_follows_a_rehearsal_is_answered_after_it(path: Path) -> None:
    async with served(path) as asked, await trio.open_unix_socket(str(path)) as stream:
        await stream.send_all(b'{"op":"switchover","dry_run":true}\n')
        await wait_all_tasks_blocked()
        await stream.send_all(b'{"op":"in')
        await wait_all_tasks_blocked()
        await stream.send_all(b'fo"}\n')
        await wait_all_tasks_blocked()
        asked.go_on.set()
        got = b""
        while got.count(b"\n") < 2:
            got += await stream.receive_some()
        assert [json.loads(line)["result"] for line in got.splitlines()] == ["done", 2]


async def test_an_error_is_a_reply(path: Path) -> None:
    async with served(path):
        assert await ask(path, Request("pause")) == [{"ok": False, "error": "no brake"}]


async def test_a_defect_is_a_reply_and_the_next_request_is_served(path: Path) -> None:
    async with served(path):
        (reply,) = await ask(path, Request("keys"))
        assert reply["error"] == "ZeroDivisionError: no more is known"
        (reply,) = await ask(path, Request("keys", text="by zero"))
        assert reply == {
            "ok": False, "error": "ZeroDivisionError: by zero", "todo": "report this"
        }  # fmt: skip
        assert await ask(path, Request("info")) == [{"ok": True, "result": 3}]


async def test_a_refusal_says_what_to_do_next(path: Path) -> None:
    async with served(path):
        [reply] = await ask(path, Request("stop"))
        assert reply == {"ok": False, "error": "busy; wait", "todo": "wait"}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"", "truncated"),
        (b"help", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b'{"op": "\xff"}', "utf-8"),
        (b"[1]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `op`"),
        (b'{"op": "fly"}', "Invalid enum value 'fly'"),
        (b'{"op": "info", "loudly": true}', "unknown field `loudly`"),
        (b'{"op": "switchover", "mode": 3}', "<= 2 - at `$.mode`"),
        (b'{"op": "switchover", "mode": -1}', ">= 0 - at `$.mode`"),
        (b'{"op": "switchover", "probation_ms": -1}', ">= 0.0 - at `$.probation_ms`"),
        (b'{"op": "switchover", "blackout_max_ms": 0}', ">= 1.0 - at `$.blackout_max_ms`"),
        (b'{"op": "switchover", "blackout_max_ms": 701}', "<= 700.0 - at `$.blackout_max_ms`"),
        (b'{"op": "switchover", "probation_ms": 30001}', "<= 30000.0 - at `$.probation_ms`"),
        (b'{"op": "switchover", "patience": 0.5}', ">= 1.0 - at `$.patience`"),
        (b'{"op": "switchover", "image": "a\\u0000b"}', "at `$.image`"),
        (b"[" * 100_000, "Expected `object`"),
    ],
)
async def test_what_is_no_request_is_answered_so_and_the_next_one_is_served(
    path: Path, line: bytes, error: str
) -> None:
    async with served(path) as asked:
        stream = await trio.open_unix_socket(str(path))
        async with stream:
            [reply] = await say(stream, line)
            assert not reply["ok"]
            assert reply["error"].startswith("not a request: ")
            assert error in reply["error"]
            assert reply["todo"] == "see docs/control.md"
            [reply] = await say(stream, b'{"op":"info"}')
            assert reply["ok"]
        assert asked.replied == ["info"]


async def test_a_line_without_an_end_is_hung_up_on(path: Path) -> None:
    async with served(path):
        stream = await trio.open_unix_socket(str(path))
        async with stream:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"x" * 4 * LINE_MAX)
        assert (await ask(path, Request("info")))[0]["ok"]


# -- clients that hang up -------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b'{"op":', b'{"op":"info"}\n', b'{"op":"switchover"}\n'])
async def test_a_client_that_hangs_up_does_no_harm(path: Path, sent: bytes) -> None:
    async with served(path) as asked:
        stream = await trio.open_unix_socket(str(path))
        await stream.send_all(sent)
        await stream.aclose()
        asked.go_on.set()
        assert (await ask(path, Request("info")))[0]["ok"]


async def test_a_client_that_hangs_up_among_the_events_does_no_harm(path: Path) -> None:
    async with served(path) as asked:
        asked.events = [{"text": "x" * 10_000} for _ in range(1000)]
        async with connect(path) as send:
            await anext(send(Request("switchover")))
        asked.go_on.set()
        assert (await ask(path, Request("info")))[0]["ok"]


async def test_a_client_that_does_not_read_holds_up_nobody(path: Path) -> None:
    async with served(path) as asked:
        asked.events = [{"text": "x" * 10_000} for _ in range(2000)]  # the last ones are dropped
        asked.go_on.set()
        stream = await trio.open_unix_socket(str(path))
        async with stream:
            await stream.send_all(b'{"op":"switchover"}\n')
            while not asked.requests:
                await trio.lowlevel.checkpoint()
            assert (await ask(path, Request("info")))[0]["ok"]


async def test_a_switchover_whose_client_hung_up_is_carried_out(
    path: Path, board: Board, guest: Guest
) -> None:
    v2 = Path(__file__).parents[1] / "switchover" / "guest" / "refkernel-v2.elf"
    guest.boot(["registers:200"])
    await guest.pass_time(50_000_000)
    await board.nursery.start(serve_control, path, answer_for(board))
    with trio.fail_after(60):
        async with connect(path) as send:
            first = await anext(send(Request("switchover", str(v2), patience=SECONDS)))
            assert first["phase"] == "PLAN"
        while board.backplane.locked_by is not None or board.machine.switchovers == 0:
            await guest.pass_time(1_000_000)
    assert board.machine.kernel.name == "refkernel-v2.elf"


async def test_a_machine_that_ends_before_it_answers_is_an_error(path: Path) -> None:
    async with trio.open_nursery() as caller:

        async def impatient() -> None:
            with pytest.raises(ControlError, match="ended before it answered"):
                await ask(path, Request("switchover"))

        async with served(path) as asked:
            caller.start_soon(impatient)
            while not asked.requests:
                await trio.lowlevel.checkpoint()


# -- the socket -----------------------------------------------------------------------------------


async def test_the_socket_is_its_owners_alone_and_is_gone_afterwards(path: Path) -> None:
    async with served(path):
        found = await trio.Path(path).stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
    assert not await trio.Path(path).exists()


async def test_a_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    async with served(path):
        assert (await ask(path, Request("info")))[0]["ok"]


async def test_a_machine_that_ends_leaves_the_socket_of_another_one(path: Path) -> None:
    machine = trio.CancelScope()

    async def serve(*, task_status: trio.TaskStatus[None]) -> None:
        with machine:
            await serve_control(path, Asked().answer, task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(serve)
        await trio.Path(path).unlink()
        async with served(path):
            machine.cancel()
            await wait_all_tasks_blocked()
            assert (await ask(path, Request("info")))[0]["ok"]


async def refused(path: Path) -> str:
    with pytest.raises(ControlError) as refusal:
        await serve_control(path, Asked().answer)
    return str(refusal.value)


async def test_a_second_machine_on_the_same_path_is_refused(path: Path) -> None:
    async with served(path):
        said = await refused(path)
        assert "a machine is listening there already" in said
        assert f"hotswap-host stop --control {path}" in said
        assert (await ask(path, Request("info")))[0]["ok"]


async def test_a_file_in_the_way_is_left_alone(path: Path) -> None:
    await trio.Path(path).write_text("precious")
    assert "there is a file of that name; give another" in await refused(path)
    assert await trio.Path(path).read_text() == "precious"


async def test_a_path_that_cannot_be_is_refused(path: Path) -> None:
    assert "No such file or directory" in await refused(path / "no" / "folder")
    assert "path too long" in await refused(path.with_name("x" * 200))


def test_stopping_where_no_machine_is_says_that_there_is_nothing_to_stop(path: Path) -> None:
    with pytest.raises(ControlError, match=r"No such file or directory; there is nothing to stop$"):
        remote.ask(path, Request("stop"))


async def test_a_command_first_asks_how_the_machine_is(path: Path) -> None:
    async with served(path) as asked:
        info, cards = Request("info"), Request("cards")
        for request, asked_for in ((info, [info]), (cards, [info, cards])):
            asked.requests.clear()
            reply = await trio.to_thread.run_sync(remote.ask, path, request)
            assert reply == {"ok": True, "result": len(asked_for)}
            assert asked.requests == asked_for


async def test_a_machine_that_does_not_answer_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "ANSWER", 0.1)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        for request in (Request("info"), Request("cards"), Request("stop")):
            with (
                trio.fail_after(SECONDS),
                pytest.raises(ControlError, match=r"not answer within 0\.1 s"),
            ):
                await trio.to_thread.run_sync(remote.ask, path, request, abandon_on_cancel=True)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(False, error="no brake"), "no brake"),
        (Reply(False, error="oh", todo="report this"), "oh; report this"),
        (Reply(False, error="busy; wait", todo="wait"), "busy; wait"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do_next(
    reply: Reply, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remote.say(msgspec.to_builtins(reply), in_json=False) == Exit.FAILED
    assert capsys.readouterr().err == f"hotswap-host: {said}\n"


async def test_asking_where_no_machine_is_says_how_to_start_one(path: Path) -> None:
    with pytest.raises(ControlError, match=r"no machine answers at .*; start one with `hotswap-h"):
        await ask(path, Request("info"))


def test_a_blackout_may_be_given_no_more_than_its_phases_may_take() -> None:
    phases = [phase for phase in Phase if Phase.QUIESCE <= phase <= Phase.COMMIT]
    assert round(sum(LIMITS[phase].seconds for phase in phases) * 1000) == BLACKOUT_MAX
    longer = ["--blackout-max", str(BLACKOUT_MAX + 1), "--control", "nowhere", "image"]
    refused = CliRunner().invoke(switchover_command, longer)
    assert refused.exit_code == Exit.USAGE
    assert "is not in the range 1<=x<=700" in refused.stderr


def test_a_switchover_has_the_same_limits_whoever_asks_for_it() -> None:
    asked = Request("switchover")
    typed = {option.name: option.default for option in switchover_command.params}
    for name, option in (("probation_ms", "probation"), ("blackout_max_ms", "blackout_max")):
        assert getattr(asked, name) == typed[option] == getattr(DEFAULT, name)
