"""Logs: one JSON object a line, bounded, and nobody is stopped by a disk without room."""

import json
import re
from contextlib import aclosing
from pathlib import Path

import pytest
import structlog
import trio

from hotswap.host.daemon.errors import DaemonError
from hotswap.host.daemon.log_file import BoundedFile, files_of
from hotswap.host.daemon.log_line import LOST, LogLine, LogWriter, decoded, log_to
from hotswap.host.daemon.log_view import follow, last_lines


class Disk(BoundedFile):
    """A file with room for so many bytes more."""

    room = 1 << 30

    def append(self, content: bytes) -> int:
        fitting = content[: self.room]
        self.room -= len(fitting)
        return super().append(fitting) if fitting else 0


def line(event: str) -> LogLine:
    return LogLine("2026-01-01T00:00:00.000Z", "a", "info", event)


def events(path: Path) -> list[str]:
    return [found.event for each in path.read_bytes().splitlines() if (found := decoded(each))]


def test_an_event_is_a_line_with_time_machine_level_event_and_fields(tmp_path: Path) -> None:
    shown: list[LogLine] = []
    log_to(LogWriter(BoundedFile(tmp_path / "log", 1000, 1), shown.append), "alpha")
    log = structlog.get_logger()
    log.debug("not worth a line")
    log.info("card inserted", card="uart", slot=3)
    try:
        raise ValueError("no")
    except ValueError as error:
        log.bind(machine="beta").error("odd", exc_info=error, what=Path("/x"))
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("time"))
    assert first == {
        "machine": "alpha", "level": "info", "event": "card inserted",
        "fields": {"card": "uart", "slot": 3},
    }  # fmt: skip
    assert (second["machine"], second["fields"]["what"]) == ("beta", "/x")
    assert "ValueError: no" in second["fields"]["exception"]
    assert [each.event for each in shown] == ["card inserted", "odd"]


def test_a_line_for_people_moves_no_cursor() -> None:
    said = LogLine("T", "a", "error", "odd\x1b[2J", {"n": 1, "exception": "Trace\n  x\ry\n"})
    assert said.for_people() == "T error   a: odd\\x1b[2J n=1\n    Trace\n      x\\x0dy"


def test_a_file_is_bounded_and_the_older_ones_are_counted(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "log", 10, 2)
    for number in range(8):
        assert file.append(b"line %d\n" % number) == 7
    names = [path.name for path in files_of(tmp_path / "log")]
    assert names == ["log.2", "log.1", "log"]
    assert [path.read_bytes() for path in files_of(tmp_path / "log")] == [
        b"line 5\n", b"line 6\n", b"line 7\n",
    ]  # fmt: skip
    assert len(list(tmp_path.iterdir())) == 3
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_removed_is_made_again(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "log", 100, 1)
    file.append(b"one\n")
    (tmp_path / "log").unlink()
    file.append(b"two\n")
    assert (tmp_path / "log").read_bytes() == b"two\n"


@pytest.mark.parametrize("path", ["/dev/full", "/nowhere/log"])
def test_a_file_that_takes_nothing_stops_nobody(path: str) -> None:
    assert BoundedFile(Path(path), 1000, 1).append(b"x\n") == 0
    LogWriter(BoundedFile(Path(path), 1000, 1)).msg(line("lost"))


def test_lines_that_were_lost_are_counted_when_there_is_room_again(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "log", 1 << 20, 1)
    writer = LogWriter(disk)
    writer.msg(line("one"))
    disk.room = 20
    for event in ("torn", "lost", "lost"):
        writer.msg(line(event))
    disk.room = 1 << 20
    writer.msg(line("two"))
    writer.msg(line("three"))
    assert events(tmp_path / "log") == ["one", LOST, "two", "three"]
    kept = (tmp_path / "log").read_bytes().splitlines()
    assert len(kept) == 5
    note = decoded(kept[2])
    assert note is not None
    assert note.fields == {"count": 3}


def test_the_last_lines_come_from_older_files_too(tmp_path: Path) -> None:
    file = BoundedFile(tmp_path / "log", 16, 3)
    for number in range(8):
        file.append(b"line %d\n" % number)
    for count, expected in ((0, []), (1, [7]), (3, [5, 6, 7]), (7, range(1, 8)), (99, range(8))):
        lines, newest = last_lines(tmp_path / "log", count)
        newest.close()
        assert lines == [b"line %d\n" % number for number in expected]


def test_a_log_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DaemonError, match=r"nothing: nothing was kept.*`hotswap-host list`"):
        last_lines(tmp_path / "nothing", 3)


async def test_who_follows_a_log_misses_nothing_when_it_becomes_another_file(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    written = BoundedFile(tmp_path / "log", 30, 9)
    written.append(b"before\n")
    lines, newest = last_lines(tmp_path / "log", 1)
    assert lines == [b"before\n"]
    found = b""
    wanted = b"".join(b"line %03d\n" % number for number in range(20))

    async def write() -> None:
        for number in range(20):
            written.append(b"line %03d\n" % number)
            if number % 4 == 0:
                await trio.sleep(0.15)

    followed = follow(tmp_path / "log", newest)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery, aclosing(followed):
            nursery.start_soon(write)
            while len(found) < len(wanted):
                found += await anext(followed)
    assert found == wanted
