"""Every switchover leaves a record, which can be listed, shown and drawn."""

from __future__ import annotations

import io
import itertools
import json
import resource
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
import trio
from click.testing import CliRunner, Result
from rich.console import Console

from hotswap.host.control import Reply, Request
from hotswap.host.exits import Exit
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.history import record as history
from hotswap.host.history.chrome_trace import chrome_trace
from hotswap.host.history.command import history_command
from hotswap.host.history.live import LiveView
from hotswap.host.history.record import HistoryError, Moment, Record, find, keep, load
from hotswap.host.history.spans import LANES, spans
from hotswap.host.history.timeline import timeline
from hotswap.host.images import refkernel
from hotswap.host.operator import answer_for
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.options import Options
from hotswap.switchover.phases import LIMITS, WAITS_FOR, Phase
from hotswap.switchover.report import Outcome, PhaseEvent, Report

TESTS = Path(__file__).parent
V2 = TESTS.parent / "switchover" / "guest" / "refkernel-v2.elf"
HANGS = TESTS / "guests" / "refkernel-v2-hang.elf"
Switch = Callable[[Path], Awaitable[Reply]]


@pytest.fixture
async def switch(guest: Guest, tmp_path: Path) -> Switch:
    """Ask for a switchover to an image as an operator does; records are kept in `tmp_path`."""
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    guest.board.history = tmp_path
    answer = answer_for(guest.board)

    async def ask(image: Path) -> Reply:
        request = Request("switchover", str(image), probation_ms=5, patience=PATIENCE)
        return await answer(request, lambda event: None)

    return ask


def made(number: int, outcome: Outcome = "committed", reached: Phase = Phase.PROBATION) -> Record:
    """A record in which every phase up to `reached` has taken a millisecond."""
    phases = [phase for phase in Phase if phase <= reached]
    moments = [
        Moment(
            float(phase + late), phase.name,
            "begun" if not late else "failed" if (phase, outcome) == (reached, "rolled back")
            else "done",
            10 * late, "it broke" if late and outcome != "committed" and phase == reached else "",
        )
        for phase in phases for late in (0, 1)
    ]  # fmt: skip
    report = Report(
        number, "1.0", "2.0", 2, outcome, reached.name, blackout_ms=7.0, outside_pause_ms=9.0
    )
    took = len(phases) + 1.5
    if outcome == "rolled back":
        report.blackout_ms, report.rollback_ms, report.reason = 0.0, 1.0, "it <broke>"
        took += 1
    return Record("", "2026-01-01T00:00:00+00:00", 77, "/k.elf", took, report, moments)


def run(*arguments: str | Path) -> Result:
    words = [str(word) for word in arguments]
    return CliRunner().invoke(history_command, words, standalone_mode=False)


async def test_each_switchover_of_an_operator_leaves_a_record(
    switch: Switch, tmp_path: Path
) -> None:
    replies = [await switch(V2), await switch(HANGS), await switch(TESTS / "conftest.py")]
    kept = [load(tmp_path / f"{reply.result['record']}.json") for reply in replies]
    assert [each.report.outcome for each in kept] == ["committed", "rolled back", "refused"]
    committed, back, refused = kept
    ends = [(moment.phase, moment.state) for moment in committed.moments]
    assert ends == [(phase.name, state) for phase in Phase for state in ("begun", "done")]
    assert ends[-1] == ("PROBATION", "done")
    assert back.moments[-1].state == "failed"
    assert back.moments[-1].phase == back.report.phase == "NEWINIT"
    assert back.moments[-1].why
    assert back.report.fault_of == "new kernel"
    assert refused.moments == []
    times = [moment.at_ms for moment in committed.moments]
    assert times == sorted(times)
    assert times[-1] <= committed.took_ms


async def test_a_switchover_started_from_python_leaves_a_record(
    guest: Guest, tmp_path: Path
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    guest.board.history = tmp_path
    options = Options(probation_ms=5, patience=PATIENCE)
    report = await switch_over(guest.board.machine, refkernel(2), options)
    kept = find(tmp_path, "last")
    assert kept.report == report
    assert (kept.id, kept.report.outcome, kept.image) == ("1", "committed", "refkernel-v2")
    assert len(kept.moments) == 2 * len(Phase)


@pytest.mark.parametrize("phase", [Phase.PLAN, Phase.NEWINIT], ids=lambda phase: phase.name)
async def test_a_switchover_that_is_called_off_from_outside_leaves_a_record(
    guest: Guest, tmp_path: Path, phase: Phase
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    guest.board.history = tmp_path

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (phase.name, "begun"):
            scope.cancel()

    with trio.CancelScope() as scope:
        await switch_over(guest.board.machine, refkernel(2), Options(patience=PATIENCE), tell)
    assert scope.cancelled_caught
    kept = find(tmp_path, "last")
    assert kept.report.outcome == ("refused" if phase is Phase.PLAN else "rolled back")
    assert (kept.report.phase, kept.report.reason) == (phase.name, "it was called off")
    assert kept.report.fault_of == "operator"
    assert kept.moments[-1].why == "it was called off"


async def test_a_blackout_that_takes_too_long_as_a_whole_is_recorded_as_that(
    guest: Guest, tmp_path: Path
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    guest.board.history = tmp_path
    events: list[PhaseEvent] = []

    def tell(event: object) -> None:
        if isinstance(event, PhaseEvent):
            events.append(event)
            if (event.phase, event.state) == ("NEWINIT", "begun"):
                standing.enter_context(guest.board.processor.standing())
            elif (event.phase, event.state) == ("NEWINIT", "failed"):
                standing.close()

    request = Request("switchover", str(V2), patience=PATIENCE, blackout_max_ms=20)
    with ExitStack() as standing:
        reply = await answer_for(guest.board)(request, tell)
    words = f"blackout: no end within {0.02 * PATIENCE:g} s"
    kept = find(tmp_path, "last")
    assert reply.result["reason"].startswith(words)
    assert kept.report.reason == kept.moments[-1].why == events[-1].why == reply.result["reason"]
    assert (kept.report.outcome, kept.report.phase) == ("rolled back", "NEWINIT")


async def test_a_plan_is_no_switchover_and_leaves_no_record(guest: Guest, tmp_path: Path) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    guest.board.history = tmp_path
    reply = await answer_for(guest.board)(
        Request("switchover", str(V2), plan=True), lambda event: None
    )
    assert reply.ok
    assert not reply.result["record"]
    with pytest.raises(HistoryError, match="no record is there"):
        find(tmp_path, "last")


async def test_a_folder_that_cannot_be_written_costs_the_record_and_nothing_else(
    guest: Guest, tmp_path: Path
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    (tmp_path / "file").touch()
    request = Request("switchover", str(V2), probation_ms=5, patience=PATIENCE)
    guest.board.history = tmp_path / "file" / "in it"
    reply = await answer_for(guest.board)(request, lambda event: None)
    assert reply.ok
    assert not reply.result["record"]
    assert "so the switchover leaves no record" in reply.result["record_error"]


async def test_a_disk_that_hangs_does_not_keep_the_machine_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(history, "keep", lambda *_: hangs.wait())
    monkeypatch.setattr(history, "PATIENCE", 0.01)
    report = Report(1, "old", "new", 2)
    await history.Recording(tmp_path, "kernel").close(report)
    hangs.set()
    assert report.record_error == f"{tmp_path}: it takes longer than 0.01 s to write there"


def test_the_oldest_records_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "KEPT", 3)
    for number in range(9, 14):
        keep(made(number), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"3.json", "4.json", "5.json"}


def test_records_are_numbered_in_their_order_though_the_clock_is_set_back(tmp_path: Path) -> None:
    years = [2026, 2036, 1996, *range(2007, 2017)]
    for year in years:
        keep(msgspec.structs.replace(made(year), began=f"{year}-01-01T00:00:00+00:00"), tmp_path)
    listed = list(history.records(tmp_path, pytest.fail))
    assert [int(record.began[:4]) for record in listed] == years
    assert [record.id for record in listed] == [str(n + 1) for n in range(len(years))]
    assert find(tmp_path, "last").report.txn == 2016


def test_a_number_that_another_machine_has_just_taken_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(made(1), tmp_path)
    files = history._files
    monkeypatch.setattr(history, "_files", lambda at: files(at)[1:])  # the folder as it was before
    path = keep(made(2), tmp_path)
    assert (path.stem, load(path).id, load(path).report.record) == ("2", "2", "2")
    assert load(tmp_path / "1.json").report.txn == 1


def test_a_record_is_found_by_its_number(tmp_path: Path) -> None:
    for number in range(10, 22):
        keep(made(number), tmp_path)
    assert find(tmp_path, "1").report.txn == 10
    assert find(tmp_path, "12").report.txn == 21
    assert find(tmp_path, "last").report.txn == 21
    with pytest.raises(HistoryError, match="no record is called '13'"):
        find(tmp_path, "13")
    with pytest.raises(HistoryError, match="no record is there"):
        find(tmp_path / "nowhere", "last")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "no record of a switchover"), (b'{"id": 3}', "no record"), (b"\xff", "no record")],
)
def test_a_damaged_record_is_named_and_the_others_are_listed(
    tmp_path: Path, content: bytes, words: str
) -> None:
    keep(made(1), tmp_path)
    (tmp_path / "2.json").write_bytes(content)
    listed = run("--folder", tmp_path)
    assert listed.return_value == Exit.FAILED
    assert listed.stdout.splitlines()[1].split()[0] == "1"
    assert "2.json" in listed.stderr
    assert words in listed.stderr


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    none = tmp_path / "a file"
    none.write_bytes(b"")
    listed = CliRunner().invoke(history_command, ["--folder", str(none)])
    assert listed.exit_code != 0
    assert not isinstance(listed.exception, OSError)
    with pytest.raises(HistoryError, match="a file: Not a directory; name another one by --folder"):
        list(history.records(none, pytest.fail))


def test_a_record_of_another_format_is_refused(tmp_path: Path) -> None:
    path = keep(msgspec.structs.replace(made(1), format=2), tmp_path)
    with pytest.raises(HistoryError, match="has format 2, here it is 1"):
        load(path)


def test_the_list_has_what_became_of_each(tmp_path: Path) -> None:
    keep(made(1), tmp_path)
    back = made(2, "rolled back", Phase.ECHO)
    back.report.new = "a-kernel-with-a-name-that-is-longer-than-most"
    keep(back, tmp_path)
    lines = run("--folder", tmp_path).stdout.splitlines()
    assert lines[1].split()[-4:] == ["committed", "PROBATION", "7.00", "ms"]
    assert "rolled back" in lines[2]
    assert "it <broke>" in lines[2]
    assert "\N{HORIZONTAL ELLIPSIS}" not in lines[2]
    listed = json.loads(run("--folder", tmp_path, "--json").stdout)
    assert [each["report"]["outcome"] for each in listed] == ["committed", "rolled back"]
    assert json.loads(run("--folder", tmp_path, "--json", "--count", "1").stdout) == listed[1:]


def test_one_is_shown_with_its_phases_and_why_it_did_not_happen(tmp_path: Path) -> None:
    record = made(2, "rolled back", Phase.ECHO)
    record.report.fault_of, record.report.saved = "new kernel", "all of it"
    record.report.todo, record.report.log = "mend it", ["[ouch]"]
    keep(record, tmp_path)
    shown = run("--folder", tmp_path, "last").stdout
    for words in (
        "rolled back in ECHO: it <broke>", "at fault: new kernel", "saved: all of it",
        "next: mend it", "the kernel said: [ouch]", "QUIESCE",
    ):  # fmt: skip
        assert words in shown


@pytest.mark.parametrize("reached", list(Phase), ids=lambda phase: phase.name)
@pytest.mark.parametrize("outcome", ["committed", "rolled back"])
def test_the_lanes_of_a_record_follow_each_other_without_a_gap(
    outcome: Outcome, reached: Phase
) -> None:
    record = made(1, outcome, reached)
    drawn = spans(record)
    for lane in LANES[1:]:
        bars = [span for span in drawn if span.lane == lane]
        assert all(before.end_ms == after.start_ms for before, after in itertools.pairwise(bars)), (
            lane
        )
        assert all(bar.start_ms < bar.end_ms <= record.took_ms for bar in bars)
        assert bars[0].start_ms == 0
        if lane != "a fault ends":
            assert bars[-1].end_ms == record.took_ms
    assert [span.name for span in drawn if span.lane == "programs"][-1] == "run"
    kernels = [span.name for span in drawn if span.lane == "kernel"]
    assert kernels[-1] == ("1.0" if outcome == "rolled back" or reached < Phase.SWITCH else "2.0"
                           if reached >= Phase.NEWINIT else "bootstrap")  # fmt: skip


def test_the_timeline_shows_every_phase_and_where_it_went_wrong() -> None:
    drawn = ElementTree.fromstring(timeline(made(1, "rolled back", Phase.ECHO)))
    texts = {
        text.text: text.get("class") for text in drawn.iter("{http://www.w3.org/2000/svg}text")
    }
    assert texts["QUIESCE"] == "name"
    assert texts["ECHO"] == "wrong"
    assert texts["rolled back in ECHO: it <broke>"] == "wrong"
    assert "COMMIT" not in texts
    assert {"way back", "at R1", "stand still"} <= texts.keys()


def test_the_timeline_of_what_was_refused_before_any_phase_says_why() -> None:
    record = made(1)
    record.moments.clear()
    record.report.outcome, record.report.reason = "refused", "no kernel"
    assert "refused in PROBATION: no kernel" in timeline(record)


def test_the_trace_has_complete_events_on_named_threads(tmp_path: Path) -> None:
    record = made(1)
    keep(record, tmp_path)
    assert run("--folder", tmp_path, "--trace", tmp_path / "trace").exit_code == 0
    trace = json.loads((tmp_path / "trace").read_text())
    assert trace == json.loads(msgspec.json.encode(chrome_trace(record)))
    named = {
        e["tid"]: e["args"]["name"] for e in trace["traceEvents"] if e["name"] == "thread_name"
    }
    assert set(named.values()) == set(LANES)
    done = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    echo = next(event for event in done if event["name"] == "ECHO")
    assert (named[echo["tid"]], echo["ts"], echo["dur"]) == ("phases", 9000.0, 1000.0)
    assert echo["args"]["instructions"] == 10


def test_a_picture_goes_to_standard_output_too(tmp_path: Path) -> None:
    keep(made(1), tmp_path)
    assert run("--folder", tmp_path, "--svg", "-").stdout.startswith("<svg")


def test_a_picture_there_is_no_room_for_leaves_no_file(tmp_path: Path) -> None:
    keep(made(1), tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        done = run("--folder", tmp_path, "--svg", tmp_path / "picture")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"{tmp_path / 'picture'}: File too large; name another file" in str(done.exception)
    assert not (tmp_path / "picture").exists()


def event(phase: Phase, state: str, ms: float = 0) -> dict[str, object]:
    return {
        "phase": phase.name, "state": state, "ms": ms, "instructions": 1234, "why": "",
        "limit_ms": LIMITS[phase].seconds * 1000, "limit_instructions": 0,
        "waits_for": WAITS_FOR[phase],
    }  # fmt: skip


def test_the_live_view_shows_the_phase_its_budget_and_what_is_waited_for() -> None:
    screen = io.StringIO()
    with LiveView(Console(file=screen, force_terminal=True, width=120)) as view:
        view.show(event(Phase.PLAN, "begun"))
        view.show(event(Phase.PLAN, "done", 0.5))
        view.show(event(Phase.SAVE, "begun"))
        assert "waits for the old kernel: ACK SAVED" in screen.getvalue()
        assert "of 100 ms" in screen.getvalue()
        view.show({**event(Phase.SAVE, "failed", 3), "why": "it broke"})
    last = screen.getvalue()[screen.getvalue().rindex("PLAN") :]
    assert "it broke" in last
    assert "waits for" not in last


def test_without_a_terminal_each_phase_that_ends_is_a_line() -> None:
    screen = io.StringIO()
    with LiveView(Console(file=screen)) as view:
        view.show(event(Phase.PLAN, "begun"))
        view.show(event(Phase.PLAN, "done", 0.5))
        view.show({**event(Phase.SAVE, "failed", 3), "why": "it broke"})
    lines = screen.getvalue().splitlines()
    assert [line.split()[:2] for line in lines] == [["done", "PLAN"], ["failed", "SAVE"]]
    assert "it broke" in lines[1]


def test_every_phase_says_what_it_waits_for() -> None:
    assert set(WAITS_FOR) == set(Phase)
