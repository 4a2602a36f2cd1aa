"""The pytest plugin as its users have it: sessions of pytest inside this one."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest
from PIL import Image

pytest_plugins = ["pytester"]

CONFTEST = """
    import gc, os, pathlib, signal, sys
    import hotswap.host.rig.guard
    from hotswap.host.logs import configure

    hotswap.host.rig.guard.GRACE = 0.5
    configure("error", json=False)
    HERE = pathlib.Path(__file__).parent

    def pytest_sessionfinish(session):
        '''What a process still has at its end, beside what it needs for itself.'''
        sys.last_value = sys.last_traceback = sys.last_exc = None
        gc.collect()
        maps = pathlib.Path("/proc/self/maps").read_text()
        children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        left = (maps.count("guest-ram"), signal.getsignal(signal.SIGALRM) is signal.SIG_DFL)
        workers = hasattr(session.config, "workerinput")
        (HERE / f"left-{os.getpid()}").write_text(f"{left} {len(children) if workers else 0}")
"""
INI = """
    [pytest]
    trio_mode = true
    filterwarnings = error
    hotswap_guard = 20 s
"""
FAILING = '''
    import re
    from pathlib import Path

    import pytest
    import trio
    from hotswap.bus import Card, PortRange, State
    from hotswap.host.rig import Rig

    def guest(name):
        code = str(Path(__file__).parent / f"{name}.bin")
        machine = {"memory": 4, "rate": 1000000}
        return {"machine": machine, "boot": {"flat": code, "address": 0x100000}}

    GUEST, PICTURE = guest("guest"), guest("picture")


    class Loops(Card[State]):
        """Its reads never end; its writes raise."""

        name = "loops"
        ports = PortRange(0x300, 1)
        state_type = State

        def read(self, port, width):
            while True:
                pass

        async def run(self, slot):
            async for _ in slot.commands:
                raise ValueError("no such command")

        def write(self, port, width, value):
            self.slot.post(value)


    async def test_bare(expect_irq, insert_card, ports, inject):
        from hotswap.bus.injection import Drop
        await insert_card("post")
        await insert_card(Loops)
        inject(Drop(first=0x80, direction="in"))
        for value in range(50):
            ports.write(0x80, value)
        ports.read(0x80)
        ports.write(0x300, 1)
        await expect_irq(5, within="3 ms")


    @pytest.mark.hotswap_machine(**GUEST)
    async def test_text_screen(expect_serial, send_serial):
        await expect_serial("never", within="5 ms")


    @pytest.mark.hotswap_machine(**PICTURE)
    async def test_picture(rig, tmp_path):
        await rig.pass_time("5 ms")
        raise AssertionError(f"look into {tmp_path}")


    @pytest.mark.hotswap_machine(**GUEST)
    async def test_cancelled(rig: Rig):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: rig.expect_irq(3, within="1000 s"))
            await rig.expect_no_irq(3, within="5 ms")
            nursery.cancel_scope.cancel()
        raise AssertionError("after a cancellation")


    async def test_board_alone(board):
        raise AssertionError("nothing but slots")


    @pytest.mark.hotswap_machine(
        **GUEST, clock="real"
    )
    async def test_guest_hangs(rig):
        await rig.expect_serial("never", within="1000 s")


    async def test_host_hangs(rig):
        await rig.insert_card(Loops)
        rig.ports.read(0x300)


    async def test_passes(rig):
        await rig.insert_card("uart")


    @pytest.mark.hotswap_machine(**GUEST, file="x.toml")
    async def test_wrong_mark(rig):
        pass
'''
# mov word [B8000h], 0741h ('A') ; jmp .
TEXT_GUEST = "66c70500800b004107 ebfe"
GRAPHICS_GUEST = "66bace03 66b80601 66ef ebfe"  # mov dx,3CEh ; mov ax,106h ; out dx,ax


def section(output: str, test: str, title: str) -> str:
    """What stands in a failed test's report under `title`."""
    of_test = re.split(rf"^_+ {test} _+$", output, flags=re.MULTILINE)[1]
    of_test = re.split(r"^(?:_+ test_\w+ _+|=+ .* =+)$", of_test, flags=re.MULTILINE)[0]
    parts = re.split(rf"^-+ hotswap {title} -+$", of_test, flags=re.MULTILINE)
    assert len(parts) == 2, f"{title} of {test}: {of_test}"
    return re.split(r"^-{3,} .* -{3,}$", parts[1], flags=re.MULTILINE)[0].strip("\n")


@pytest.fixture
def suite(pytester: pytest.Pytester) -> Path:
    """A folder with tests, their guests and options."""
    pytester.makeconftest(CONFTEST)
    pytester.makeini(INI)
    for name, code in (("guest", TEXT_GUEST), ("picture", GRAPHICS_GUEST)):
        (pytester.path / f"{name}.bin").write_bytes(bytes.fromhex(code))
    return pytester.path


def nothing_is_left(suite: Path, mappings: Collection[int] = (0,)) -> None:
    """No RAM of a guest is mapped, no alarm is set, no child runs, in any of the processes."""
    found = [path.read_text() for path in suite.glob("left-*")]
    assert found
    assert set(found) <= {f"({count}, True) 0" for count in mappings}


def test_a_failure_shows_trace_serial_log_screen_and_slots(
    pytester: pytest.Pytester, suite: Path
) -> None:
    """All of it on two processes of pytest-xdist; and none of the tests leaves anything."""
    pytester.makepyfile(FAILING)
    done = pytester.runpytest_subprocess(
        "-n", "2", "-p", "no:cacheprovider", "--hotswap-trace=6", "-o", "hotswap_guard=2 s"
    )
    output = done.stdout.str()
    done.assert_outcomes(passed=1, failed=7, errors=1)

    slots = section(output, "test_bare", "slots")
    assert "machine time 3.000000 ms" in slots
    assert re.search(r"slot  0 post +\S.* ports 0x0080", slots)
    assert re.search(r"slot  1 loops +FAULT: ValueError: no such command", slots)
    assert "injection 1 (drop port 0x0080 in): 1 hits" in slots
    trace = section(output, "test_bare", "bus trace").splitlines()
    assert len(trace) == 6
    assert trace[-4].endswith("OUT   0x0080 0x31  post")
    assert "injection 1: drop port 0x0080 in: IN 0x0080" in trace[-3]
    assert trace[-2].endswith("IN    0x0080 0xff  post")
    assert "no IRQ 5 within 3 ms of machine time from 0.000000 ms" in output

    assert section(output, "test_text_screen", "screen") == "A"
    assert re.search("slot .* uart +runs", section(output, "test_text_screen", "slots"))
    picture = section(output, "test_picture", "screen")
    size = re.fullmatch(r"a picture of (\d+) by (\d+) pixels: (/.*/test_picture0/.*\.png)", picture)
    assert size is not None, picture
    with Image.open(size[3]) as image:
        assert image.size == (int(size[1]), int(size[2]))
    assert "after a cancellation" in output
    assert "slot  3 uart" in section(output, "test_board_alone", "slots")
    assert "not over after 2 s of host time (ini option hotswap_guard)" in output
    assert re.search(
        r"HostHangs: no task has had .* 0\.5 s .* loops at /.*/test_\w+\.py:\d", output
    )
    assert "hotswap_machine: give a machine file or its tables, one of them" in output
    nothing_is_left(suite)


def test_ctrl_c_ends_it_at_once_and_leaves_nothing(pytester: pytest.Pytester, suite: Path) -> None:
    pytester.makepyfile("""
        import os, signal
        from pathlib import Path

        import pytest
        import trio

        @pytest.mark.hotswap_machine(
            boot={"flat": str(Path(__file__).parent / "guest.bin"), "address": 0x100000}
        )
        async def test_for_ever(rig):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: rig.expect_serial("never", within="1000 s"))
                await rig.pass_time("5 ms")
                os.kill(os.getpid(), signal.SIGINT)
    """)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    assert done.ret == pytest.ExitCode.INTERRUPTED, done.stdout.str()
    nothing_is_left(suite, {0, 1})  # pytest still holds the traceback, and so the frames


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-o", "hotswap_clock=fast"], "hotswap_clock: use virtual or real"),
        (["-o", "hotswap_guard=1 hour"], "'1 hour' is no length of time"),
    ],
)
def test_a_wrong_ini_option_is_a_usage_error(
    pytester: pytest.Pytester, suite: Path, words: list[str], why: str
) -> None:
    done = pytester.runpytest_inprocess("--collect-only", *words)
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{why}*"])
