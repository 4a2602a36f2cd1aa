"""The daemon as an operator meets it: real processes, real signals, machines that run guests."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from .daemon_user import V2, Daemon, daemon_in, machine_file

RESTARTS = 'restart = "always"\nrestart_delay = 0\nrestart_limit = 1'


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with a machine that stays, one that always ends, and files that are none."""
    folder = tmp_path_factory.mktemp("d")
    files = folder / "machines"
    files.mkdir()
    machine_file(files / "alpha.toml", machine='restart = "on-failure"\nrestart_delay = 0.01')
    machine_file(files / "ends.toml", "nosuchprogram", RESTARTS)
    machine_file(files / "twin.toml", machine='name = "alpha"')
    (files / "wrong.toml").write_text('[machine]\nmemory = "much"\nnonsense = 1')
    (files / "bios.toml").write_text('[display]\nto = "terminal"\n[[card]]\nname = "vgaa"')
    with daemon_in(folder) as daemon:
        daemon.serve("--dir", files)
        daemon.until("daemon runs")
        daemon.until("machine runs", "alpha")
        yield daemon


def test_files_with_faults_are_named_and_the_others_run(daemon: Daemon) -> None:
    status = daemon.ask("list")["result"]
    faulty = {Path(path).name: why for path, why in status["faulty"].items()}
    assert set(faulty) == {"wrong.toml", "twin.toml"}
    assert "machine.memory" in faulty["wrong.toml"]
    assert "machine.nonsense" in faulty["wrong.toml"]
    assert "alpha.toml; give one of them another name" in faulty["twin.toml"]
    alpha = daemon.machine("alpha")
    assert (alpha["state"], alpha["kernel"], alpha["why"]) == ("running", "1.0.0-refkernel", "")
    assert {card["card"] for card in alpha["cards"]} >= {"uart", "pic", "switchover"}
    assert alpha["uptime_s"] > 0
    listed = daemon.command("list").stdout.splitlines()
    assert [line.split()[0] for line in listed[:4]] == ["machine", "alpha", "bios", "ends"]


def test_what_only_the_machine_s_process_finds_wrong_is_not_tried_again(daemon: Daemon) -> None:
    bios = daemon.machine("bios")
    while bios["state"] == "starting":
        daemon.until("machine failed", "bios")
        bios = daemon.machine("bios")
    assert (bios["state"], bios["restarts"], bios["pid"]) == ("failed", 0, 0)
    assert "no card is called so" in bios["why"]
    assert "boot" in bios["why"]


def test_a_machine_that_always_ends_has_failed_in_the_end(daemon: Daemon) -> None:
    ends = daemon.machine("ends")
    while ends["state"] != "failed":
        daemon.until("machine", "ends")
        ends = daemon.machine("ends")
    assert ends["restarts"] == 1
    assert ends["why"] == "ended with status 11; it was restarted once within 300 s"


def test_a_second_daemon_is_refused_with_the_number_of_the_first(daemon: Daemon) -> None:
    assert daemon.process is not None
    second = daemon.command("serve")
    assert second.returncode == 1
    assert f"runs here already: process {daemon.process.pid} holds" in second.stderr


def test_commands_find_a_machine_by_its_name(daemon: Daemon) -> None:
    assert "switchover" in daemon.command("card", "list", "--machine", "alpha").stdout
    assert daemon.command("pause", "--machine", "alpha").returncode == 0
    assert daemon.machine("alpha")["state"] == "paused"
    assert daemon.command("continue", "--machine", "alpha").returncode == 0
    info = json.loads(daemon.command("info", "--machine", "alpha", "--json").stdout)["result"]
    assert (info["machine"], info["state"]) == ("alpha", "running") or info["state"] == "halted"
    wrong = daemon.command("pause", "--machine", "nobody")
    assert wrong.returncode == 1
    assert "'nobody' does not run" in wrong.stderr


def test_what_the_guest_says_and_what_happens_are_kept(daemon: Daemon) -> None:
    serial = daemon.command("logs", "alpha", "--serial").stdout
    assert serial.startswith("refkernel 1.0.0")
    lines = daemon.command("logs", "alpha", "--json", "--lines", "9999").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert all(event["machine"] == "alpha" for event in events)
    assert {event["event"] for event in events} >= {"connected", "card inserted", "running"}
    assert "alpha: machine runs" in daemon.command("logs").stdout
    assert "nobody.log: nothing was kept" in daemon.command("logs", "nobody").stderr


def test_a_machine_that_is_killed_is_started_again(daemon: Daemon) -> None:
    before = daemon.machine("alpha")
    os.kill(before["pid"], signal.SIGKILL)
    assert daemon.until("machine ended", "alpha")["fields"]["why"] == "killed by SIGKILL"
    daemon.until("machine runs", "alpha")
    after = daemon.machine("alpha")
    assert after["state"] == "running"
    assert after["pid"] != before["pid"]
    assert after["restarts"] == before["restarts"] + 1


def test_a_switchover_is_let_end_before_a_machine_is_stopped(daemon: Daemon) -> None:
    with socket.socket(socket.AF_UNIX) as to:
        to.settimeout(100)
        to.connect(str(daemon.folder / "run" / "alpha.sock"))
        request = {"op": "switchover", "image": str(V2), "probation_ms": 1500, "patience": 20}
        to.sendall(json.dumps(request).encode() + b"\n")
        with to.makefile() as lines:
            assert any('"phase":"PROBATION","state":"begun"' in line for line in lines)
            assert daemon.machine("alpha")["state"] == "switching over"
            stopped = daemon.ask("stop", name="alpha")
            assert stopped["result"]["state"] == "stopped"
            report = json.loads(next(line for line in lines if '"ok"' in line))
    assert report["result"]["outcome"] == "committed"
    assert daemon.until("machine stopped", "alpha")["fields"]["why"] == "ended with status 0"
    again = daemon.ask("stop", name="alpha")
    assert again["error"] == "machine alpha is stopped already"
    assert daemon.command("start", "alpha").returncode == 0
    assert daemon.machine("alpha")["kernel"] == "1.0.0-refkernel"
    assert daemon.command("start", "alpha").stderr.endswith("machine alpha is running already\n")


def test_files_are_read_again_for_sighup(daemon: Daemon) -> None:
    files = daemon.folder / "machines"
    changed = (files / "alpha.toml").read_text().replace("memory = 16", "memory = 17")
    (files / "alpha.toml").write_text(changed)
    (files / "wrong.toml").write_text('[boot]\nkernel = "/nowhere"')
    (files / "twin.toml").unlink()
    (files / "ends.toml").rename(daemon.folder / "ends.toml")
    daemon.settled()  # a machine that runs outlives its file
    daemon.signal(signal.SIGHUP)
    daemon.until("machine file has changed", "alpha")
    assert "/nowhere" in daemon.until("machine file has faults")["fields"]["why"]
    daemon.until("machine is forgotten with its file", "ends")
    status = daemon.ask("list")["result"]
    assert [Path(path).name for path in status["faulty"]] == ["wrong.toml"]
    assert daemon.machine("alpha")["file_changed"]
    assert "ends" not in [machine["name"] for machine in status["machines"]]
    (files / "alpha.toml").rename(daemon.folder / "alpha.toml")
    daemon.signal(signal.SIGHUP)
    daemon.until("machine is in no file any more; it goes on", "alpha")
    (daemon.folder / "alpha.toml").rename(files / "alpha.toml")


def test_a_machine_is_started_from_a_file_of_its_own(daemon: Daemon) -> None:
    """On a disk without room: what it logs and sends is lost, and that is all."""
    for name in ("later.log", "later.serial"):
        (daemon.folder / "logs" / name).symlink_to("/dev/full")
    file = machine_file(daemon.folder / "later.toml", "nosuchprogram")
    started = daemon.command("start", file)
    assert started.returncode in (0, 1)  # it may have ended by now
    daemon.until("machine failed", "later")
    assert daemon.machine("later")["why"] == "ended with status 11"


def test_requests_that_are_none_are_refused(daemon: Daemon) -> None:
    assert "not a request" in daemon.ask("pause")["error"]
    assert "no machine is called 'x'" in daemon.ask("stop", name="x")["error"]
    assert "No such file" in daemon.ask("start", file="/nowhere.toml")["error"]
    assert daemon.command("stop").returncode == 2
    assert daemon.command("stop", "alpha", "--daemon").returncode == 2


def test_the_socket_is_the_owner_s_alone(daemon: Daemon) -> None:
    assert (daemon.folder / "run" / "daemon").stat().st_mode & 0o777 == 0o600
    assert (daemon.folder / "run" / "alpha.sock").stat().st_mode & 0o777 == 0o600


def test_a_daemon_that_was_killed_is_followed_by_one_that_has_its_machines(daemon: Daemon) -> None:
    """Last but one: then machines that hang are ended all the same, in bounded time."""
    daemon.settled()  # one on its way up would be left behind, too
    before = daemon.machine("alpha")
    daemon.signal(signal.SIGKILL)
    daemon.ended()
    alone = daemon.command("list")
    assert alone.returncode == 1
    assert f"machines of one: alpha (process {before['pid']}); `hotswap-host serve`" in alone.stderr
    assert daemon.command("info", "--machine", "alpha").returncode == 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(daemon.folder / "notify"))
        systemd.settimeout(100)
        daemon.serve(daemon.folder / "machines" / "alpha.toml", NOTIFY_SOCKET=systemd.getsockname())
        assert systemd.recv(999).startswith(b"READY=1")
        assert daemon.until("machine taken over", "alpha")["fields"]["pid"] == before["pid"]
        after = daemon.machine("alpha")
        assert (after["pid"], after["state"]) == (before["pid"], "running")
        assert after["uptime_s"] > before["uptime_s"]

        os.kill(before["pid"], signal.SIGKILL)  # no child of this daemon's
        daemon.until("machine ended", "alpha")
        daemon.until("machine runs", "alpha")

        os.kill(daemon.machine("alpha")["pid"], signal.SIGSTOP)
        assert daemon.machine("alpha", hangs=True)["state"] == "not answering"
        daemon.signal(signal.SIGTERM)
        daemon.until("daemon ends")
        assert systemd.recv(999) == b"STOPPING=1"
        daemon.until("machine is being stopped", "alpha")
        daemon.signal(signal.SIGTERM)
        daemon.until("machine had to be killed", "alpha")
        assert daemon.ended() == 0
    left = {path.name for path in (daemon.folder / "run").iterdir()}
    assert left == {"lock", "logs"}
