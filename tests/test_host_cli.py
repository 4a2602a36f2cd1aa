"""The command line as a user meets it: real processes, real sockets, real exit statuses."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hotswap.host.exits import Exit, debug_exit_status

GUEST = Path(__file__).parents[1] / "switchover" / "guest"
STRAY = Path(__file__).parent / "guests" / "refkernel-v2-stray.elf"
V1, V2, INITRD = GUEST / "refkernel-v1.elf", GUEST / "refkernel-v2.elf", GUEST / "initrd.cpio"
COMMAND = [str(Path(sys.executable).with_name("hotswap-host"))]


def hotswap(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def boot(init: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    append = f"init=/bin/{init}"
    return hotswap("run", V1, "--initrd", INITRD, "--append", append, *options)


class Running:
    """A machine in the background, its control socket, what it prints."""

    def __init__(self, folder: Path, append: str) -> None:
        self.control = folder / "control"
        words = [*COMMAND, "run", str(V1), "--initrd", str(INITRD), "--append", append]
        self.process = subprocess.Popen(
            [*words, "--control", str(self.control), "--timeout", "50"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip() for line in self.process.stdout)

    def ask(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        patience = ["--patience", "20"] if words[0] == "switchover" else []
        return hotswap(*words, "--control", self.control, *patience)

    def info(self) -> dict[str, Any]:
        result: dict[str, Any] = json.loads(self.ask("info", "--json").stdout)["result"]
        return result

    def wait(self) -> int:
        status = self.process.wait(60)
        self._reader.join()
        return status


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "init=/bin/init ticker:2000 clock:2000 registers:100000")
    yield running
    running.process.kill()
    running.wait()
    for pipe in (running.process.stdout, running.process.stderr):
        assert pipe is not None
        pipe.close()


def test_a_guest_that_ends_well_gives_0_and_its_output_is_on_stdout() -> None:
    done = boot("init memory:1")
    assert done.returncode == Exit.OK, done.stderr
    assert "memory ok" in done.stdout
    assert "init: all ok 1 programs" in done.stdout


def test_a_value_written_to_the_debug_exit_port_is_added_to_10() -> None:
    assert boot("init nosuchprogram").returncode == debug_exit_status(1) == 11


def test_no_value_of_the_guest_s_looks_like_a_good_end() -> None:
    statuses = [debug_exit_status(value) for value in range(256)]
    assert statuses == [0, *range(11, 255), *[255] * 11]


def test_a_guest_that_does_not_end_gives_3() -> None:
    done = boot("spin", "--timeout", "1.5")
    assert done.returncode == Exit.TIMEOUT
    assert "did not end" in done.stderr


def test_a_panic_is_the_guest_s_own_exit_value() -> None:
    assert boot("nothing-there").returncode == debug_exit_status(0x70)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (b"\x0f\x01\x1d" + (0x9F000).to_bytes(4, "little") + b"\x0f\x0b", "triple fault at 0010"),
        (b"\xfa\xf4", "halted with interrupts off at 0010"),
    ],
    ids=["lidt of zeros far away, ud2", "cli, hlt"],
)
def test_a_guest_that_crashes_gives_4(tmp_path: Path, code: bytes, words: str) -> None:
    image = bytearray(V1.read_bytes())
    entry = _entry_offset(bytes(image))
    image[entry : entry + len(code)] = code
    (tmp_path / "bad.elf").write_bytes(image)
    done = hotswap("run", tmp_path / "bad.elf")
    assert done.returncode == Exit.GUEST, done.stderr
    assert words in done.stderr


def _entry_offset(elf: bytes) -> int:
    """File offset of the entry point of an ELF32 whose first PT_LOAD holds it."""
    entry = int.from_bytes(elf[24:28], "little")
    table = int.from_bytes(elf[28:32], "little")
    for index in range(int.from_bytes(elf[44:46], "little")):
        header = elf[table + 32 * index :]
        offset, _, physical, size = (
            int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12, 16)
        )
        if header[:4] == b"\1\0\0\0" and physical <= entry < physical + size:
            return offset + entry - physical
    raise AssertionError("no segment holds the entry")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["run"], Exit.USAGE, "Missing argument"),
        (["run", V1, "--memory", "0"], Exit.USAGE, "--memory"),
        (["run", V1, "--cpu", "286"], Exit.USAGE, "--cpu"),
        (["nonsense"], Exit.USAGE, "No such command"),
        (["run", "/nowhere/kernel"], Exit.FAILED, "kernel"),
        (["run", INITRD], Exit.FAILED, "neither an ELF file"),
        (["run", V1, "--initrd", "/nowhere/disk"], Exit.FAILED, "/nowhere/disk"),
        (["run", V1, "--serial", "/nowhere/log"], Exit.FAILED, "/nowhere/log"),
        (["run", V1, "--serial", "tcp:localhost:xyz"], Exit.FAILED, "xyz"),
        (["run", "/nowhere/m.toml"], Exit.FAILED, "/nowhere/m.toml: No such file"),
        (["run", "."], Exit.FAILED, "IMAGE: .: is a directory"),
        (["run", V1, "--flat", "x"], Exit.USAGE, "'x' is no address"),
        (["run", V1, "--net", "hubb:x"], Exit.FAILED, '--net = "hubb:x": is no network'),
        (["run", "--disk", INITRD], Exit.FAILED, "--disk: "),
        (["info", "--control", "/nowhere/socket"], Exit.FAILED, "/nowhere/socket"),
        (["switchover", V2, "--control", "/nowhere/socket"], Exit.FAILED, "no machine answers"),
        (
            ["switchover", V2, "--control", "/x", "--probation", "nan"],
            Exit.USAGE,
            "nan is no number",
        ),
        (["run", V1, "--timeout", "nan"], Exit.USAGE, "nan is no number"),
        (["ssm", "show", "/nowhere/map"], Exit.FAILED, "/nowhere/map"),
    ],
)
def test_wrong_use_is_one_line_that_names_the_thing(
    arguments: list[str | Path], status: int, words: str
) -> None:
    done = hotswap(*arguments)
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_machine_file_is_refused_with_all_its_faults_and_nothing_is_started(
    tmp_path: Path,
) -> None:
    (tmp_path / "cut").write_bytes(V1.read_bytes()[:20000])
    (tmp_path / "m.toml").write_text(
        '[boot]\nkernel = "cut"\n[[serial]]\nto = "log"\n[[disk]]\n[machine]\nmemroy = 1\n'
    )
    done = hotswap("run", tmp_path / "m.toml", "--control", tmp_path / "control")
    assert done.returncode == Exit.FAILED
    assert done.stdout == ""
    first, *faults = done.stderr.splitlines()
    assert first == f"hotswap-host: {tmp_path}/m.toml: 3 faults"
    assert [line.split()[0] for line in faults] == [
        "machine.memroy:",
        "disk[0].image:",
        "boot.kernel:",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"cut", "m.toml"}


def test_options_win_over_a_machine_file(tmp_path: Path) -> None:
    (tmp_path / "flat").write_bytes(bytes.fromhex("baf803 b041 ee b005 e6f4 f4"))
    (tmp_path / "m.toml").write_text('[boot]\nflat = "flat"\n[[serial]]\nto = "log"\n')
    done = hotswap("run", tmp_path / "m.toml", "--serial", "stdio")
    assert (done.returncode, done.stdout) == (debug_exit_status(5), "A"), done.stderr
    assert not (tmp_path / "log").exists()


def test_the_schema_of_machine_files_is_printed() -> None:
    done = hotswap("run", "--schema")
    assert done.returncode == Exit.OK
    assert "machine" in json.loads(done.stdout)["properties"]


def test_a_machine_with_a_disk_goes_on_from_a_snapshot(tmp_path: Path) -> None:
    disk, control = tmp_path / "disk", tmp_path / "control"
    spin = b"\xb0\x41\xba\xf8\x03\xee\xeb\xfe"  # prints A and jumps to itself
    (tmp_path / "flat").write_bytes(spin)
    disk.write_bytes(bytes(1008 * 512))
    words = [*COMMAND, "run", str(tmp_path / "flat"), "--flat", "0x8000", "--disk", str(disk)]
    words += ["--control", str(control)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == "A"
        saved = hotswap("snapshot", "save", tmp_path / "saved", "--control", control)
        assert saved.returncode == Exit.OK, saved.stderr
        in_use = hotswap("snapshot", "load", tmp_path / "saved")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert in_use.returncode == Exit.FAILED
    assert "is in use by another machine" in in_use.stderr
    loaded = hotswap("snapshot", "load", tmp_path / "saved", "--timeout", "0.5")
    assert loaded.returncode == Exit.TIMEOUT, loaded.stderr
    disk.rename(tmp_path / "other")
    lost = hotswap("snapshot", "load", tmp_path / "saved")
    assert (lost.returncode, "--moved OLD=NEW" in lost.stderr) == (Exit.FAILED, True)
    moved = f"{disk}={tmp_path / 'other'}"
    found = hotswap("snapshot", "load", tmp_path / "saved", "--timeout", "0.5", "--moved", moved)
    assert found.returncode == Exit.TIMEOUT, found.stderr


@pytest.mark.parametrize("command", ["demo", "bench"])
def test_ctrl_c_ends_a_long_command_without_a_traceback(command: str) -> None:
    words = [*COMMAND, "--log", "info", command]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "card inserted" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED
    assert "Traceback" not in said


def test_ctrl_c_ends_with_130(machine: Running) -> None:
    machine.process.send_signal(signal.SIGINT)
    assert machine.wait() == Exit.INTERRUPTED
    assert not machine.control.exists()


def test_a_signal_in_the_middle_of_a_switchover_ends_the_machine_and_tells_the_client(
    machine: Running, tmp_path: Path
) -> None:
    words = [*COMMAND, "switchover", str(V2), "--control", str(machine.control)]
    with subprocess.Popen(
        [*words, "--probation", "30000", "--patience", "100", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as client:  # fmt: skip
        assert client.stdout is not None
        for line in client.stdout:
            if json.loads(line).get("phase") == "PROBATION":
                break
        machine.process.send_signal(signal.SIGTERM)
        _, said = client.communicate(timeout=60)
    assert client.returncode == Exit.FAILED
    assert "ended before it answered" in said
    assert machine.wait() == Exit.INTERRUPTED
    assert not machine.control.exists()
    ticks = [line for line in machine.lines if line.startswith("tick ")]
    assert [int(tick.split()[1]) for tick in ticks] == list(range(1, len(ticks) + 1))
    assert not any("2.0.0" in line for line in machine.lines)


def test_a_client_that_is_interrupted_undoes_nothing(machine: Running) -> None:
    words = [*COMMAND, "switchover", str(V2), "--control", str(machine.control)]
    with subprocess.Popen(
        [*words, "--probation", "500", "--patience", "100", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as client:  # fmt: skip
        assert client.stdout is not None
        assert "PLAN" in client.stdout.readline()
        client.send_signal(signal.SIGINT)
        _, said = client.communicate(timeout=60)
    assert client.returncode == Exit.INTERRUPTED
    assert "hotswap-host: the machine goes on with the switchover" in said
    assert "Traceback" not in said
    while machine.info()["under_way"]:
        pass
    assert machine.info()["kernel"].startswith("2.")


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_a_client_whose_output_has_no_room_says_so_and_the_machine_goes_on(
    machine: Running, options: list[str]
) -> None:
    words = [*COMMAND, "switchover", str(V2), "--control", str(machine.control), *options]
    with Path("/dev/full").open("wb") as full:
        client = subprocess.run(
            [*words, "--patience", "100"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert client.returncode == Exit.FAILED
    goes_on, why = client.stderr.splitlines()
    assert "the machine goes on with the switchover" in goes_on
    assert why.startswith("hotswap-host: standard output: No space left on device")
    while machine.info()["under_way"]:
        pass
    assert machine.info()["kernel"].startswith("2.")


@pytest.mark.parametrize("words", [["info"], ["--help"]])
def test_output_that_nobody_reads_or_that_has_no_room_is_no_traceback(words: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == Exit.FAILED
    assert done.stderr.startswith("hotswap-host: standard output: No space left on device")
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == Exit.FAILED


def test_a_running_machine_is_switched_over_with_progress(machine: Running) -> None:
    done = machine.ask("switchover", V2)
    assert done.returncode == Exit.OK, done.stderr
    for phase in ("PREPARE", "QUIESCE", "SAVE", "NEWINIT", "COMMIT", "PROBATION"):
        assert phase in done.stdout
    assert machine.info()["kernel"].startswith("2.")
    back = machine.ask("switchover", V1, "--mode", "0", "--json")
    *events, reply = map(json.loads, back.stdout.splitlines())
    assert reply["ok"], reply
    assert reply["result"]["outcome"] == "committed"
    assert reply["result"]["from"].startswith("2.")
    assert {event["phase"] for event in events} >= {"PLAN", "COMMIT"}
    assert machine.ask("stop").returncode == Exit.OK
    assert machine.wait() == Exit.OK
    ticks = [line for line in machine.lines if line.startswith("tick ")]
    assert [int(tick.split()[1]) for tick in ticks] == list(range(1, len(ticks) + 1))


def test_the_map_of_a_switchover_can_be_kept_and_looked_into(
    machine: Running, tmp_path: Path
) -> None:
    kept = tmp_path / "map"
    full = machine.ask("switchover", V2, "--save-map", "/dev/full")
    assert full.returncode == Exit.FAILED
    assert "was replaced by 2." in full.stdout
    assert "/dev/full: No space left on device, so the map is not kept" in full.stderr
    assert machine.ask("switchover", V1, "--save-map", kept).returncode == Exit.OK
    shown = hotswap("ssm", "show", kept)
    assert shown.returncode == Exit.OK, shown.stdout
    for word in ("PROC", "registers", "FRAME", "DEV", "uart"):
        assert word in shown.stdout
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    broken = hotswap("ssm", "show", kept, "--json")
    assert broken.returncode == Exit.FAILED
    assert "crc" in broken.stdout.lower()


def test_a_plan_touches_nothing(machine: Running) -> None:
    done = machine.ask("switchover", V2, "--plan")
    assert done.returncode == Exit.OK, done.stderr
    assert "could be replaced" in done.stdout
    assert machine.info()["kernel"].startswith("1.")


def test_a_rehearsal_tells_what_would_happen_and_touches_nothing(machine: Running) -> None:
    done = machine.ask("switchover", V2, "--dry-run", "--count", "2")
    assert done.returncode == Exit.OK, done.stderr
    assert done.stdout.count("rehearsed ok at") == 2
    assert "processes go on" in done.stdout
    assert "2 of 2 rehearsed ok, blackout" in done.stdout
    assert machine.info()["kernel"].startswith("1.")
    bad = machine.ask("switchover", STRAY, "--dry-run", "--json")
    assert bad.returncode == Exit.FAILED
    *events, reply = map(json.loads, bad.stdout.splitlines())
    assert {event["phase"] for event in events} >= {"PLAN", "SAVE", "NEWINIT"}
    assert reply["result"]["outcome"] == "would roll back"
    assert reply["result"]["report"]["stray"]["function"].startswith("restore")
    assert "would roll back in NEWINIT: stray write: restore" in reply["error"]
    assert machine.info()["switchovers"] == 0


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--count", "2"], "--count is for rehearsals"),
        (["--dry-run", "--plan"], "--dry-run goes with neither"),
    ],
    ids=["count without a rehearsal", "rehearsal and plan"],
)
def test_options_that_do_not_go_together_are_refused(words: list[str], what: str) -> None:
    done = hotswap("switchover", V2, "--control", "/nowhere/socket", *words)
    assert done.returncode == Exit.USAGE
    assert what in done.stderr


def test_interrupting_the_client_ends_the_rehearsal_and_not_the_machine(machine: Running) -> None:
    words = [*COMMAND, "switchover", str(V2), "--control", str(machine.control)]
    client = subprocess.Popen(
        [*words, "--dry-run", "--probation", "30000", "--patience", "20"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert client.stdout is not None
    while "NEWINIT" not in client.stdout.readline():
        pass
    assert len(children_of(machine.process.pid)) == 1
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=30)
    while children_of(machine.process.pid):
        pass
    assert machine.info()["kernel"].startswith("1.")


def children_of(pid: int) -> list[str]:
    children: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            children += (task / "children").read_text().split()
    return children


def test_a_broken_image_is_refused_and_says_what_to_do(machine: Running, tmp_path: Path) -> None:
    (tmp_path / "cut.elf").write_bytes(V2.read_bytes()[:20000])
    done = machine.ask("switchover", tmp_path / "cut.elf")
    assert done.returncode == Exit.FAILED
    assert "cut.elf" in done.stderr
    assert machine.info()["kernel"].startswith("1.")


def test_pause_stops_the_clock_and_continue_starts_it(machine: Running) -> None:
    assert machine.ask("pause").returncode == Exit.OK
    first, second = machine.info(), machine.info()
    assert first["state"] == "paused"
    assert (first["time_ns"], first["instructions"]) == (second["time_ns"], second["instructions"])
    refused = machine.ask("switchover", V2)
    assert refused.returncode == Exit.FAILED
    assert "paused" in refused.stderr
    assert machine.ask("continue").returncode == Exit.OK
    assert machine.info()["time_ns"] > first["time_ns"]


def test_a_second_machine_on_the_same_socket_is_refused(machine: Running) -> None:
    done = boot("spin", "--control", machine.control)
    assert done.returncode == Exit.FAILED
    assert "listening there already" in done.stderr
    assert machine.info()["machine"] == "machine"


def test_info_without_a_machine_says_what_is_active() -> None:
    facts = json.loads(hotswap("info", "--json").stdout)
    assert facts["block_exits"] is True
    assert {"pic", "pit", "cmos", "uart", "switchover"} <= {c["name"] for c in facts["cards"]}
