"""Loads the thunks: three pages of machine code and, behind them, the page of its parameters."""

from __future__ import annotations

import ctypes

from .host_memory import PAGE, make_executable, map_pages, map_pages_near, unmap_pages
from .machine_code import CODE, ENTRIES

_FIELDS = [
    "deliver_exception",
    "deliver_external",
    "exec_interrupt",
    "tlb_fill",
    "tlb_flush",
    "stop",
    "raise_exception",
    "raise_exception_at",
    "exit_loop",
    "restart",
    "fetch",
    "check_io8",
    "check_io16",
    "check_io32",
    "cs",
    "env",
    "eip",
    "eflags",
    "cs_base",
    "dr",
    "cr0",
    "hflags",
    "hflags2",
    "interrupt_request",
    "icount_decr",
    "exception_index",
    "exception_is_int",
    "error_code",
    "cflags_next_tb",
    "tlb",
    "count",
    "fence",
    "last",
    "limit",
    "check_exit",
    "uc",
    "icount_offset",
    "translated",
    "rewritten",
    "exact",
    "header",
    "align",
    "vector",
    "int_eip",
    "delivering",
    "ferr",
    "no_flags",
    "delivered_at",
    "access",
    "watched",
    "aligned",
    "read_port",
    "write_port",
    "latches",
    "rdtsc",
    "code_pages",
    "pages",
    "new_code_pages",
    "guarded",
    "guarded_pages",
    "stray",
    "stray_eip",
    "stray_address",
    "stray_physical",
    "stray_size",
    "store_begin",
    "store_end",
    "store_ra",
    "tick_file",
    "in_slice",
    "tick_end",
    "translate",
    "clock_gettime",
    "translations",
    "translation_ns",
    "running",
    "abort",
    "new_temp",
    "translating",
    "gave_up",
    "read_eflags",
    "fclex",
    "fninit",
    "fsave",
    "frstor",
    "fldenv",
    "read_crn",
    "write_crn",
    "ltr",
    "get_dr",
    "set_dr",
    "invlpg",
    "rdmsr",
    "wrmsr",
    "at_ecx",
    "at_cr0",
    "at_fpus",
    "at_hflags2",
    "at_version",
    "at_features",
    "at_uc",
    "at_dr7",
    "start",
    "process",
    "df",
    "old_exception",
    "load_mxcsr",
    "fpregs",
    "xmm",
    "segments",
    "flat",
    "hflags_at_start",
    "stubs",
    "stub_count",
    "host_calls",
    "stack",
    "stack_low",
    "stack_size",
    "in_call",
    "ended",
    "patience",
    "deadline",
    "cpu_began",
    "late",
    "error",
    "result",
    "lost_stack",
]

_CODE_SIZE = 3 * PAGE
NO_LIMIT = 1 << 62
"""A value of `Parameters.limit` no count reaches."""


class Parameters(ctypes.Structure):
    """`struct params` of thunks/thunks.h."""

    _fields_ = [(name, ctypes.c_uint64) for name in _FIELDS]

    deliver_exception: int
    deliver_external: int
    exec_interrupt: int
    tlb_fill: int
    tlb_flush: int
    stop: int
    raise_exception: int
    raise_exception_at: int
    exit_loop: int
    restart: int
    fetch: int
    check_io8: int
    check_io16: int
    check_io32: int
    cs: int
    env: int
    eip: int
    eflags: int
    cs_base: int
    dr: int
    cr0: int
    hflags: int
    hflags2: int
    interrupt_request: int
    icount_decr: int
    exception_index: int
    exception_is_int: int
    error_code: int
    cflags_next_tb: int
    tlb: int
    count: int
    fence: int
    last: int
    limit: int
    check_exit: int
    uc: int
    icount_offset: int
    translated: int
    rewritten: int
    exact: int
    header: int
    align: int
    vector: int
    int_eip: int
    delivering: int
    ferr: int
    no_flags: int
    delivered_at: int
    access: int
    watched: int
    aligned: int
    read_port: int
    write_port: int
    latches: int
    rdtsc: int
    code_pages: int
    pages: int
    new_code_pages: int
    guarded: int
    guarded_pages: int
    stray: int
    stray_eip: int
    stray_address: int
    stray_physical: int
    stray_size: int
    store_begin: int
    store_end: int
    store_ra: int
    tick_file: int
    in_slice: int
    tick_end: int
    translate: int
    clock_gettime: int
    translations: int
    translation_ns: int
    running: int
    abort: int
    new_temp: int
    translating: int
    gave_up: int
    read_eflags: int
    fclex: int
    fninit: int
    fsave: int
    frstor: int
    fldenv: int
    read_crn: int
    write_crn: int
    ltr: int
    get_dr: int
    set_dr: int
    invlpg: int
    rdmsr: int
    wrmsr: int
    at_ecx: int
    at_cr0: int
    at_fpus: int
    at_hflags2: int
    at_version: int
    at_features: int
    at_uc: int
    at_dr7: int
    start: int
    process: int
    df: int
    old_exception: int
    load_mxcsr: int
    fpregs: int
    xmm: int
    segments: int
    flat: int
    hflags_at_start: int
    stubs: int
    stub_count: int
    host_calls: int
    stack: int
    stack_low: int
    stack_size: int
    in_call: int
    ended: int
    patience: int
    deadline: int
    cpu_began: int
    late: int
    error: int
    result: int
    lost_stack: int


class Thunks:
    """One engine's copy of the thunks. It stays, unless whoever closes the engine frees it.

    Translated code calls those `near` it in five bytes, and is rewritten only then.
    """

    def __init__(self, near: int | None = None) -> None:
        size = _CODE_SIZE + PAGE
        self.address = map_pages(size) if near is None else map_pages_near(near, size)
        self.parameters_address = self.address + _CODE_SIZE
        self.parameters = Parameters.from_address(self.parameters_address)
        self.parameters.limit = self.parameters.fence = self.parameters.delivered_at = NO_LIMIT
        ctypes.memmove(self.address, CODE, len(CODE))
        make_executable(self.address, _CODE_SIZE)

    def entry(self, name: str) -> int:
        """The address of the thunk called `name` in its C source."""
        return self.address + ENTRIES[name]

    def free(self) -> None:
        """Give the pages up: nothing may point at them any more, the engine least of all."""
        unmap_pages(self.address, _CODE_SIZE + PAGE)
