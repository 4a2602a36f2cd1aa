"""The runtime folder is its owner's, and one daemon's at a time, whatever became of others."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hotswap.host.daemon import runtime
from hotswap.host.daemon.errors import DaemonError
from hotswap.host.daemon.runtime import check_socket, default_runtime, hold_runtime


def test_it_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    with hold_runtime(tmp_path / "a" / "run") as held:
        assert held.path.stat().st_mode & 0o777 == 0o700
        assert held.holder() == os.getpid()
    assert held.holder() is None


def test_a_second_daemon_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    words = f"runs here already: process {os.getpid()} .*`hotswap-host stop --daemon`"
    with hold_runtime(tmp_path / "run"):
        with pytest.raises(DaemonError, match=words), hold_runtime(tmp_path / "run"):
            pass
        with pytest.raises(DaemonError, match=words), hold_runtime(tmp_path / "run"):
            pass  # the first that was refused has not taken the lock with it
    with hold_runtime(tmp_path / "run"):
        pass


def test_the_lock_of_a_killed_daemon_is_gone_though_its_number_is_there(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from hotswap.host.daemon.runtime import *\n"
        "with hold_runtime(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, tmp_path / "run"], check=False)
    assert killed.returncode == -9
    number = int((tmp_path / "run" / "lock").read_text())
    assert number != os.getpid()
    (tmp_path / "run" / "lock").write_text(f"{os.getppid()}\n")  # a number that lives again
    with hold_runtime(tmp_path / "run") as held:
        assert held.holder() == os.getpid()


def test_whoever_asks_does_not_hold_the_lock(tmp_path: Path) -> None:
    with hold_runtime(tmp_path / "run") as held:
        pass
    assert held.holder() is None
    with hold_runtime(tmp_path / "run"):
        assert held.holder() == os.getpid()


def test_a_folder_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o755)
    with (
        pytest.raises(DaemonError, match=r"mode 0755.*give a folder of mode 0700"),
        hold_runtime(tmp_path / "run"),
    ):
        pass


def test_a_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    (tmp_path / "run").symlink_to("other")
    with pytest.raises(DaemonError, match="run: is a link"), hold_runtime(tmp_path / "run"):
        pass
    assert not list((tmp_path / "other").iterdir())


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(DaemonError, match="belongs to user"), hold_runtime(tmp_path / "run"):
        pass


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(DaemonError, match="give a --runtime"),
        hold_runtime(tmp_path / "file" / "x"),
    ):
        pass


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(DaemonError, match="too long for a socket"),
        hold_runtime(tmp_path / ("x" * 120)),
    ):
        pass
    room = runtime.PATH_MAX - len(str(tmp_path)) - 1
    check_socket(tmp_path / ("x" * room))
    with pytest.raises(DaemonError, match="has 108 bytes, 107 is the most"):
        check_socket(tmp_path / ("x" * (room + 1)))


def test_where_it_is_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTSWAP_HOST_RUNTIME", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert default_runtime() == Path("/run/user/7/hotswap-host")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert default_runtime() == Path(f"/tmp/hotswap-host-{os.geteuid()}")
    monkeypatch.setenv("HOTSWAP_HOST_RUNTIME", "/elsewhere")
    assert default_runtime() == Path("/elsewhere")
