"""What an operator may ask of a running machine: the operations behind the control socket."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from hotswap.bus import Slot
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Lost, Refused, RolledBack
from hotswap.switchover.image import KernelImage, load_image, read_file
from hotswap.switchover.machine import kernel_name
from hotswap.switchover.options import Options
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import Report
from hotswap.switchover.trust import Trust, signature_of, trusted_key

from . import injections, keys
from .board import Board
from .card_changes import insert_card, remove_card, replace_card, set_card
from .card_report import card_info, card_row, card_rows
from .control import Answer, Replied, Reply, Request, Tell
from .rehearsal import refused, rehearse_often, summary
from .screen import description, save_png
from .snapshot import save_snapshot


def answer_for(board: Board) -> Answer:
    """The function that answers control requests for `board`."""

    async def answer(request: Request, tell: Tell) -> Reply:
        match request.op:
            case "cards":
                return Reply(True, msgspec.to_builtins(card_rows(board)))
            case "card_info":
                return Reply(True, msgspec.to_builtins(await card_info(board, request.card)))
            case "card_insert" | "card_remove" | "card_replace" | "card_set":
                return await _change_cards(board, request)
            case "info":
                return Reply(True, board.info())
            case "pause":
                _check_settled(board)
                await board.pause()
                return Reply(True, board.info())
            case "continue":
                board.resume()
                return Reply(True, board.info())
            case "stop":
                return Reply(True)  # and `replied_for` stops it
            case "keys":
                board.slot("kbc").input.feed(keys.text(request.text))
                return Reply(True)
            case "screen":
                return await _screen(board, request.file)
            case "switchover" if request.dry_run:
                return await _rehearse(board, request, tell)
            case "switchover":
                return await _switchover(board, request, tell)
            case "snapshot":
                return await _snapshot(board, Path(request.file))
            case "inject":
                return Reply(True, injections.inject(board.backplane, request.fault))
            case "injections":
                return Reply(True, injections.listed(board.backplane))
            case "uninject":
                return Reply(True, injections.uninject(board.backplane, request.injection))

    return answer


async def _change_cards(board: Board, request: Request) -> Reply:
    """Insert, remove, replace or set a card; the one it is about, as it is then."""

    async def change() -> Slot:
        match request.op:
            case "card_insert":
                return await insert_card(
                    board, request.card, number=request.slot, settings=request.settings,
                    sandbox=request.sandbox or "engine", to=request.to,
                )  # fmt: skip
            case "card_remove":
                return await remove_card(board, request.card)
            case "card_replace":
                return await replace_card(
                    board, request.card, request.new, request.settings, request.sandbox
                )
            case _:
                return set_card(board, request.card, request.settings)

    slot = await board.in_background(change)
    return Reply(True, msgspec.to_builtins(card_row(slot)))


def replied_for(board: Board) -> Replied:
    """What is done once the reply is on its way: a machine that is gone answers nobody."""

    def replied(request: Request) -> None:
        if request.op == "stop":
            board.stop()

    return replied


def _check_settled(board: Board) -> None:
    """A machine that is paused cannot answer in time, and would be taken for one that hangs."""
    if board.backplane.locked_by is not None:
        raise Refused(f"{board.backplane.locked_by} is under way", "pause when it has ended")


def _options(request: Request) -> Options:
    return Options(
        mode=BootMode(request.mode),
        probation_ms=request.probation_ms,
        blackout_max_ms=request.blackout_max_ms,
        patience=request.patience,
        guard=request.guard,
        reverse=request.reverse,
    )


async def _rehearse(board: Board, request: Request, tell: Tell) -> Reply:
    try:
        image = await requested_image(board, request)
        found = await rehearse_often(board, image, _options(request), tell, count=request.count)
    except Refused as refusal:
        found = [refused(refusal)]
    failed = next((rehearsal for rehearsal in found if not rehearsal.ok), None)
    result: dict[str, Any] = msgspec.to_builtins(failed or found[-1])
    if request.count > 1:
        result["summary"] = msgspec.to_builtins(summary(found))
    if failed is None:
        return Reply(True, result)
    return Reply(False, result, f"{failed.outcome} in {failed.phase}: {failed.reason}", failed.todo)


async def _switchover(board: Board, request: Request, tell: Tell) -> Reply:
    not_kept = ""
    transaction = None
    try:
        machine = board.machine
        image = await requested_image(board, request)
        options = _options(request)
        transaction = Switchover(machine, image, options, tell)
        kept = _place_for_map(request.save_map)

        async def carry_out() -> Report:
            nonlocal not_kept
            if board.paused:
                raise Refused("the machine is paused", "`hotswap-host continue` first")
            try:
                return await (transaction.plan() if request.plan else transaction.run())
            finally:
                if kept is not None and transaction.map:
                    with trio.CancelScope(shield=True):
                        not_kept = await trio.to_thread.run_sync(_write_map, kept, transaction.map)

        report = await board.in_background(carry_out)
    except Refused as refusal:
        report = await _refused(board, request, refusal, transaction)
        return Reply(False, _result(report), str(refusal), refusal.todo)
    except RolledBack as back:
        return Reply(False, _result(back.report, not_kept), str(back), back.report.todo)
    except Lost as lost:
        board.lose(str(lost))
        return Reply(False, _result(lost.report, not_kept), str(lost), lost.report.todo)
    return Reply(True, _result(report, not_kept))


async def _refused(
    board: Board, request: Request, refusal: Refused, transaction: Switchover | None
) -> Report:
    """The report of what was refused; that leaves a record as well, unless it was only a plan."""
    if transaction is not None and transaction.report.reason:
        return transaction.report  # which has left its record
    running = kernel_name(board.machine.kernel) if board.replaceable else ""
    report = Report(0, running, request.image, request.mode)
    report.reason, report.todo = refusal.reason, refusal.todo
    report.fault_of, report.saved = refusal.fault_of, "nothing was touched"
    if not request.plan and (recording := board.witness(request.image)) is not None:
        await recording.close(report)
    return report


async def requested_image(board: Board, request: Request) -> KernelImage:
    """The new kernel: the one before, or a file that is signed as the machine wants it."""
    if request.reverse:
        return board.machine.kernel_before()
    trust, ram = board.config.trust, board.processor.ram.size
    path, signature = Path(request.image), Path(request.signature) if request.signature else None

    def load() -> KernelImage:
        try:
            keys = tuple(map(trusted_key, request.trust))
        except ValueError as error:
            raise Refused(str(error), "give a minisign key or its file with --trust") from error
        content = read_file(path)
        status = signature_of(content, path, trust, signature)
        if keys:  # whoever asks may ask for more than the machine, but not for less
            status = signature_of(content, path, Trust(keys, "require"), signature)
        if signature is not None and not status:
            raise Refused(
                f"no key is trusted here, so nobody would look at {signature}",
                "give --trust KEY as well, or the image alone",
            )
        image = load_image(content, name=path.name, ram=ram)
        return msgspec.structs.replace(image, signature=status, path=str(path))

    return await trio.to_thread.run_sync(load)


async def _screen(board: Board, file: str) -> Reply:
    """What is shown now; with `file`, a PNG file of it as well. The guest goes on meanwhile."""
    shown = board.backplane.screen()
    result = description(shown)
    if file:
        picture = await trio.to_thread.run_sync(save_png, Path(file), shown)
        result |= {"file": file, "width": picture.width, "height": picture.height}
    return Reply(True, result)


async def _snapshot(board: Board, path: Path) -> Reply:
    async def save() -> Reply:
        taken = await save_snapshot(board, path)
        return Reply(True, {"file": str(path), "bytes": taken.size, "time_ns": taken.time_ns})

    return await board.in_background(save)


def _place_for_map(name: str) -> Path | None:
    """Where the map is to be kept. Raises Refused when it is known that it cannot be."""
    if not name:
        return None
    path = Path(name)
    writable = os.access(path if path.exists() else path.parent, os.W_OK)
    if path.is_dir() or not path.parent.is_dir() or not writable:
        raise Refused(f"no map can be kept at {path}", "give another --save-map FILE")
    return path


def _write_map(path: Path, content: bytes) -> str:
    """Keep the map; what is wrong, and what to do, when that fails."""
    try:
        path.write_bytes(content)
    except OSError as error:
        if path.is_file():
            path.unlink()  # half of a map is of no use
        structlog.get_logger().error("map not saved", file=str(path), why=error.strerror)
        return f"{path}: {error.strerror}, so the map is not kept; make room there"
    return ""


def _result(report: Report, map_error: str = "") -> dict[str, Any]:
    result: dict[str, Any] = msgspec.to_builtins(report)
    if map_error:
        result["map_error"] = map_error
    return result
