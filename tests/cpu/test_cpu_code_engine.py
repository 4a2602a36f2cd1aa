"""The engine of a card's code: isolated memory, exact budgets, every fault named."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import pytest

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeEngine, CodeFault, CodeResult
from hotswap.cpu import CodePool

TEXT, RODATA, DATA = 0x100000, 0x200000, 0x300000
PAGE = 0x1000
STUBS = 0xF0000000


@pytest.fixture(scope="module")
def pool() -> Iterator[CodePool]:
    with CodePool() as pool:
        yield pool


@pytest.fixture
def engine(pool: CodePool) -> Iterator[CodeEngine]:
    engine = pool.take()
    engine.map(TEXT, PAGE, writable=False, executable=True)
    engine.map(RODATA, PAGE, writable=False, executable=False)
    engine.map(DATA, PAGE, writable=True, executable=False)
    yield engine
    engine.close()


def run(
    engine: CodeEngine, code: str, arguments: tuple[int, ...] = (), budget: int = 10_000
) -> CodeResult:
    engine.write(TEXT, bytes.fromhex(code).ljust(64, b"\xf4"))
    return engine.call(TEXT, arguments, budget)


def fault(engine: CodeEngine, code: str, budget: int = 10_000) -> CodeFault:
    found = run(engine, code, budget=budget).fault
    assert found is not None
    return found


def call_of(stub: int) -> str:
    """mov eax,stub; call eax."""
    return f"b8 {struct.pack('<I', stub).hex()} ffd0"


def test_a_function_gets_its_arguments_and_returns_edx_eax(engine: CodeEngine) -> None:
    # mov eax,[esp+4] ; sub eax,[esp+8] ; mov edx,[esp+32] ; ret
    code = "8b442404 2b442408 8b542420 c3"
    result = run(engine, code, (9, 2, 0, 0, 0, 0, 0, 0xFFFF_FFFF))
    assert result == CodeResult(0xFFFF_FFFF_0000_0007, 4)


def test_the_stack_is_aligned_as_compilers_want_it(engine: CodeEngine) -> None:
    for count in range(9):
        result = run(engine, "89e0 c3", (1,) * count)  # mov eax,esp ; ret
        assert (result.value + 4) % 16 == 0


def test_memory_is_kept_between_calls_and_registers_are_not(engine: CodeEngine) -> None:
    # inc dword [DATA] ; mov eax,[DATA] ; std ; fld1 ; mov ebx,7 ; ret
    for expected in range(1, 4):
        assert run(engine, "ff0500003000 a100003000 fd d9e8 bb07000000 c3").value == expected
    assert run(engine, "9c 58 c3").value & 0x400 == 0  # pushf ; pop eax ; ret: DF
    assert run(engine, "89d8 c3").value == 0  # mov eax,ebx ; ret
    assert run(engine, "dfe0 c3").value == 0  # fnstsw ax ; ret: TOP
    assert engine.read(DATA, 4) == struct.pack("<I", 3)


def test_a_call_begins_as_after_reset_whatever_the_one_before_has_done(
    engine: CodeEngine,
) -> None:
    # mov dword [DATA],0 ; ldmxcsr [DATA] ; movups xmm3,[TEXT] ; xor ecx,ecx ; mov fs,cx ; ret
    code = "c705 00003000 00000000 0fae1500003000 0f101d00001000 31c9 8ee1 c3"
    assert run(engine, code).fault is None
    # stmxcsr [DATA] ; movups [DATA+16],xmm3 ; mov eax,[DATA] ; or eax,[DATA+16] ; mov dx,fs ; ret
    code = "0fae1d00003000 0f111d10003000 a100003000 0b0510003000 66 8ce2 c3"
    assert run(engine, code).value == 0x23_0000_1F80
    # push 23000h ; push 0 ; push 8 ; iret: to VM86 mode, at 0:8, where nothing is
    assert fault(engine, "6800300200 6a00 6a08 cf").reason == "fetch at 0x8: a null pointer"
    assert run(engine, "8cc8 c3").value == 0x1B  # mov eax,cs ; ret


@pytest.mark.parametrize(
    ("code", "reason", "offset", "address"),
    [
        ("90 a100000000", "read at 0x0: a null pointer", 1, 0),
        ("90 a3fc0f0000", "write at 0xffc: a null pointer", 1, 0xFFC),
        ("a100004000", "read at 0x400000, where nothing is mapped", 0, 0x400000),
        ("a300001000", "write at 0x100000, which is read-only", 0, TEXT),
        ("a308002000", "write at 0x200008, which is read-only", 0, RODATA + 8),
        ("a3000000f0", "write at 0xf0000000, which is the host's", 0, 0xF0000000),
        ("a1fcffffff", "read at 0xfffffffc, where nothing is mapped", 0, 0xFFFFFFFC),
        ("90 0f0b", "bad opcode", 1, None),
        ("31c9 f7f1", "divide error", 2, None),
        ("90 cd80", "INT 0x80", 1, None),
        ("90 cc", "INT 0x3", 1, None),
        ("f4", "privileged instruction: HLT", 0, None),
        ("fa", "privileged instruction: CLI", 0, None),
        ("66 ed", "privileged instruction: IN: a card has no ports to ask", 0, None),
        ("e680", "privileged instruction: OUT: a card has no ports to ask", 0, None),
        ("0f22d8", "general protection fault", 0, None),  # mov cr3,eax
        ("0f31", "general protection fault", 0, None),  # rdtsc: the host's time
        ("b81b000000 8ed8", "general protection fault", 5, None),  # mov ds,ax
        ("ea 00000000 1b00", "general protection fault", 0, None),  # jmp 1Bh:0
        ("cf", "general protection fault", 0, None),  # iret
        ("0f34", "bad opcode", 0, None),  # sysenter
        ("f1", "bad opcode", 0, None),
    ],
)
def test_a_fault_names_what_was_done_and_where(
    engine: CodeEngine, code: str, reason: str, offset: int, address: int | None
) -> None:
    assert fault(engine, code) == CodeFault(reason, TEXT + offset, address)


def test_what_is_not_code_is_not_executed(engine: CodeEngine) -> None:
    engine.write(DATA, b"\xc3")
    engine.write(RODATA, b"\xc3")
    for place in (DATA, RODATA):
        found = fault(engine, f"b8 {struct.pack('<I', place).hex()} ffe0")
        assert found == CodeFault(f"fetch at {place:#x}, which is not executable", place, place)


def test_a_call_stops_at_its_budget_to_the_instruction(engine: CodeEngine) -> None:
    for budget in (1, 2, 100, 511, 512, 513, 5000):
        result = run(engine, "31c0 40 ebfd", budget=budget)  # xor eax,eax ; L: inc eax ; jmp L
        assert result.instructions == budget
        assert result.fault is not None
        assert result.fault.reason == f"budget spent: {budget} instructions"


def test_a_call_that_fits_its_budget_exactly_is_whole(engine: CodeEngine) -> None:
    # mov ecx,1000 ; L: dec ecx ; jnz L ; ret
    assert run(engine, "b9e8030000 49 75fd c3", budget=2002) == CodeResult(0, 2002)
    assert run(engine, "b9e8030000 49 75fd c3", budget=2001).fault is not None


def test_a_repeated_string_instruction_is_within_the_budget(engine: CodeEngine) -> None:
    # mov ecx,-1 ; mov edi,DATA ; L: mov edi,DATA ; rep lodsb with ESI at RODATA wraps: faults
    found = run(engine, "b9ffffffff be00002000 fc f3ac", budget=1000)
    assert found.instructions == 1000
    assert found.fault is not None
    assert found.fault.reason == "budget spent: 1000 instructions"


def test_time_is_bounded_whatever_the_budget() -> None:
    with CodePool(patience=2_000_000) as pool:
        engine = pool.take()
        engine.map(TEXT, PAGE, writable=False, executable=True)
        for code in ("ebfe", "d9eb d9fa d9f2 ddd8 ddd8 ebf4"):  # fldpi, fsqrt, fptan, pop both
            assert fault(engine, code, (1 << 32) - 1).reason == "time spent: 2 ms"
        engine.close()


def test_a_stack_overflow_is_named_so_and_shows_who_called(engine: CodeEngine) -> None:
    found = fault(engine, "55 89e5 e8f8ffffff", 10**6)  # push ebp ; mov ebp,esp ; call TEXT
    assert found.reason.startswith("stack overflow: write at 0xf7")
    assert found.callers == (TEXT + 8,) * 32


def test_callers_end_where_a_hostile_stack_loops(engine: CodeEngine) -> None:
    # mov ebp,esp ; mov [ebp],ebp ; ud2
    assert fault(engine, "89e5 896d00 0f0b").callers == (0,)
    # mov ebp,-4 ; ud2
    assert fault(engine, "bdfcffffff 0f0b").callers == ()


def test_a_host_call_gets_words_and_returns_64_bits(engine: CodeEngine) -> None:
    got: list[tuple[int, ...]] = []

    def function(*words: int) -> int:
        got.append(words)
        return 0x1122334455667788

    call = call_of(engine.host_call(function, 3))
    # push 3 ; push 2 ; push -1 ; call ; add esp,12 ; ret
    result = run(engine, f"6a03 6a02 6aff {call} 83c40c c3")
    assert got == [(0xFFFFFFFF, 2, 3)]
    assert result == CodeResult(0x1122334455667788, 9)


def test_a_host_call_may_read_and_write_the_memory(engine: CodeEngine) -> None:
    def double(at: int) -> int:
        (value,) = struct.unpack("<I", engine.read(at, 4))
        engine.write(at, struct.pack("<I", 2 * value))
        return 0

    call = call_of(engine.host_call(double, 1))
    engine.write(DATA, struct.pack("<I", 21))
    assert run(engine, f"6800003000 {call} 59 a100003000 c3").value == 42


def test_a_refused_host_call_ends_the_call_at_once(engine: CodeEngine) -> None:
    def refuse() -> int:
        raise HotswapError("line 7 is not leased")

    call = call_of(engine.host_call(refuse, 0))
    result = run(engine, f"{call} ff0500003000 c3")  # inc dword [DATA]
    assert result.fault is not None
    assert result.fault.reason == "line 7 is not leased"
    assert engine.read(DATA, 4) == bytes(4)


def test_what_a_host_call_raises_is_never_lost(engine: CodeEngine) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    call = call_of(engine.host_call(interrupted, 0))
    with pytest.raises(KeyboardInterrupt):
        run(engine, f"{call} ff0500003000 c3")
    assert engine.read(DATA, 4) == bytes(4)
    assert run(engine, "31c0 c3") == CodeResult(0, 2)


def test_more_host_calls_than_a_byte_can_count(engine: CodeEngine) -> None:
    stubs = [engine.host_call(lambda number=number: number, 0) for number in range(300)]
    assert run(engine, f"{call_of(stubs[-1])} c3").value == 299


def test_arguments_come_from_the_stack_of_the_engine_only(engine: CodeEngine) -> None:
    stub = engine.host_call(lambda word: word, 1)
    # mov esp,DATA+800h ; call
    assert fault(engine, f"bc00083000 {call_of(stub)}").reason == (
        "host call with ESP outside the stack"
    )
    # jump into the middle of a stub, or behind the last
    for wrong in (stub + 1, stub + 8):
        assert run(engine, f"{call_of(wrong)} c3").fault is not None


def test_a_host_call_cannot_call_the_code_again(engine: CodeEngine) -> None:
    call = call_of(engine.host_call(lambda: engine.call(TEXT, (), 10).value, 0))
    found = fault(engine, f"{call} c3")
    assert found.reason == "a card's code is called from one of its own host calls"


def test_an_engine_closed_in_a_host_call_ends_the_call(pool: CodePool) -> None:
    engine = pool.take()
    engine.map(TEXT, PAGE, writable=False, executable=True)

    def close() -> int:
        engine.close()
        return 0

    lent = pool.taken
    result = run(engine, f"{call_of(engine.host_call(close, 0))} c3")
    assert result.fault is not None
    assert result.fault.reason == "the engine was closed in a host call"
    assert pool.taken == lent - 1


def test_an_engine_inside_a_host_call_of_another_is_right(
    pool: CodePool, engine: CodeEngine
) -> None:
    inner = pool.take()
    inner.map(TEXT, PAGE, writable=False, executable=True)
    inner.write(TEXT, bytes.fromhex("8b442404 01c0 c3"))  # mov eax,[esp+4] ; add eax,eax ; ret
    call = call_of(engine.host_call(lambda word: inner.call(TEXT, (word,), 100).value, 1))
    # push ebx ; mov ebx,1000 ; xor edi,edi ; L: push ebx ; call ; pop ecx ; add edi,eax
    # dec ebx ; jnz L ; mov eax,edi ; pop ebx ; ret
    code = f"53 bbe8030000 31ff 53 {call} 59 01c7 4b 75f2 89f8 5b c3"
    assert run(engine, code) == CodeResult(1001000, 3 + 9 * 1000 + 3)
    inner.close()


def test_memory_is_shared_with_the_host_both_ways(engine: CodeEngine) -> None:
    window = memoryview(bytearray(2 * PAGE))
    engine.map(0x800000, 2 * PAGE, writable=True, executable=False, shared=window)
    # mov eax,[801000h] ; mov [800000h],eax ; ret
    code = "a100108000 a300008000 c3"
    for value in (1, 0xDEADBEEF):
        struct.pack_into("<I", window, PAGE, value)
        assert run(engine, code).value == value
        assert struct.unpack_from("<I", window) == (value,)
    assert engine.read(0x800000, 4) == window[:4]


def test_new_code_takes_the_place_of_old(engine: CodeEngine) -> None:
    for value in range(1, 50):
        assert run(engine, f"b8 {struct.pack('<I', value).hex()} c3").value == value


@pytest.mark.parametrize(
    ("address", "size", "message"),
    [
        (0, PAGE, "it goes between 0x1000"),
        (0xF0000000, PAGE, "it goes between 0x1000"),
        (0xFFFFF000, 2 * PAGE, "it goes between 0x1000"),
        (DATA, PAGE, "0x300000-0x300fff is mapped already"),
        (DATA + 1, PAGE, "give whole pages"),
        (0x400000, 16 << 20, "bytes are left"),
    ],
)
def test_what_cannot_be_mapped_is_refused(
    engine: CodeEngine, address: int, size: int, message: str
) -> None:
    with pytest.raises(HotswapError, match=message):
        engine.map(address, size, writable=True, executable=False)


def test_memory_that_is_not_mapped_is_not_read_or_written(engine: CodeEngine) -> None:
    with pytest.raises(HotswapError, match="0x301000 is not mapped"):
        engine.read(DATA + PAGE - 2, 4)
    with pytest.raises(HotswapError, match="0x301000 is not mapped"):
        engine.write(DATA + PAGE - 2, b"1234")
    assert engine.read(DATA + PAGE - 2, 2) == bytes(2)


@pytest.mark.parametrize(
    ("address", "size"), [(STUBS, 2), (STUBS + 8, 1), (STUBS + PAGE - 1, 1), (STUBS - 1, 2)]
)
def test_the_stubs_are_nobodys_to_write(engine: CodeEngine, address: int, size: int) -> None:
    before = engine.read(STUBS, PAGE)
    with pytest.raises(HotswapError, match="stubs of its calls at 0xf0000000 are the engine's"):
        engine.write(address, (b"\xeb\xfe" * 2)[:size])  # jmp $
    assert engine.read(STUBS, PAGE) == before
    assert run(engine, "c3", budget=100).instructions == 1


def test_memory_up_to_the_limit_can_be_had_and_no_more() -> None:
    with CodePool(1 << 20) as pool:
        engine = pool.take()
        stack, tables = 64 << 10, 12 * PAGE
        engine.map(TEXT, (1 << 20) - stack - tables, writable=True, executable=False)
        with pytest.raises(HotswapError, match="bytes are left"):
            engine.map(TEXT << 4, 8 * PAGE, writable=True, executable=False)
        engine.close()


def test_an_engine_taken_again_is_as_new(pool: CodePool) -> None:
    engine = pool.take()
    engine.map(DATA, PAGE, writable=True, executable=False)
    engine.map(TEXT, PAGE, writable=False, executable=True)
    engine.write(DATA, b"secret")
    stub = engine.host_call(lambda: 1, 0)
    assert run(engine, f"d9e8 {call_of(stub)} c3").value == 1  # fld1
    engine.close()
    again, made = pool.take(), pool.made
    with pytest.raises(HotswapError, match="not mapped"):
        again.read(DATA, 6)
    again.map(TEXT, PAGE, writable=False, executable=True)
    again.map(DATA, PAGE, writable=True, executable=False)
    assert again.read(DATA, PAGE) == bytes(PAGE)
    assert run(again, "dfe0 c3").value & 0x3800 == 0  # fnstsw ax ; ret: TOP
    assert run(again, f"{call_of(stub)} c3").fault is not None
    assert pool.made == made
    again.close()
    with pytest.raises(HotswapError, match="closed"):
        engine.read(DATA, 1)


PIECES = bytes.fromhex(
    "d9 db df dd f3 f2 66 67 f0 0f c4 c5 62 8e 8c 9d cf ea 9a ff 63 c8 c9 6c 6f e4 ec cd cef1 2e 64"
)
PAIRS = bytes.fromhex("0fae 0fc7 0f01 0f00 0f18 0fa2 0f31 0f32 0f30 0f05 0f34 0f77 0f38 ffd0")
"""Prefixes and opcodes that are rare or privileged, and `call eax`."""


def random_code(chance: random.Random) -> bytes:
    pieces: list[bytes] = []
    for _ in range(chance.choice([3, 10, 60])):
        if chance.random() < 0.5:
            at = chance.randrange(0, len(PAIRS), 2)
            pieces.append(chance.choice([bytes([chance.choice(PIECES)]), PAIRS[at : at + 2]]))
        elif chance.random() < 0.5:
            place = chance.choice([DATA, TEXT, STUBS, STUBS + 8, 0xF7FF8000, 0, 0xFFFFFFFF])
            pieces.append(bytes([0xB8 + chance.randrange(8)]) + struct.pack("<I", place))
        else:
            pieces.append(chance.randbytes(chance.choice([1, 2, 5])))
    return b"".join(pieces)


def test_whatever_code_does_ends_with_it(engine: CodeEngine) -> None:
    """A thousand random programs: after each, the same function gives the same."""
    chance = random.Random(1)
    engine.host_call(lambda first, second: first ^ second, 2)
    engine.write(RODATA, bytes(range(256)))
    # fldpi ; fistp dword [DATA] ; mov eax,[DATA] ; mov dx,fs ; pushf ; pop ecx ; add eax,ecx
    # ret
    function = bytes.fromhex("d9eb db1d00003000 a100003000 66 8ce2 9c 59 01c8 c3")
    for _ in range(1000):
        engine.write(TEXT, random_code(chance).ljust(PAGE, b"\x90")[:PAGE])
        budget = chance.choice([50, 1000, 20_000])
        assert engine.call(TEXT, (1, 2), budget).instructions <= budget
        engine.write(TEXT, function)
        assert engine.call(TEXT, (), 100) == CodeResult(0x23_0000_0005, 8)
        assert engine.read(RODATA, 256) == bytes(range(256))
