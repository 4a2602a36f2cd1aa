"""The records of files in the Save State Map: FILE, FD, PIPE, TTY, LOCK, INODE."""

from typing import Annotated

from hotswap.bus.choice import Choice

from .layout import U32, U64, X32, X64, Bits, Bytes32, Record


class FileKind(Choice):
    """FILE.kind; in brackets what dev_ino holds."""

    REGULAR = 0, "a file of the initrd, named by its path (inode)"
    TTY = 1, "a terminal (TTY.tty, 0xffffffff when it hung up); without TTY its path is the input"
    PIPE_READ = 2, "the end to read from (pipe id)"
    PIPE_WRITE = 3, "the end to write to (pipe id)"
    TIMER = 4, "a timerfd (timer id)"
    DIRECTORY = 5, "a directory of the initrd (inode)"
    DEVICE = 6, "a character device such as /dev/null (major << 8 | minor); since 1.1"
    PROC = 7, "a file of /proc, named by its path (0); since 1.1"
    TMP = 8, "a file or directory of /tmp (INODE.ino); since 1.1"


class File(Record):
    """One open file, shared by all descriptors that dup and fork made of it."""

    file_id: Annotated[U32, "kept across switchovers; not 0"] = 0
    kind: Annotated[U32, "", FileKind] = 0
    flags: Annotated[X32, "open flags, Linux i386 values"] = 0
    refs: Annotated[U32, "number of FD records that name it"] = 0
    dev_ino: Annotated[U64, "as kind says"] = 0
    offset: Annotated[U64, "position, bytes"] = 0
    path_off: Annotated[X32, "path, or input of a TTY: offset in BLOB"] = 0
    path_len: Annotated[U32, "its bytes, no NUL; 0 for none"] = 0


class Fd(Record):
    """One descriptor of a process."""

    pid: Annotated[U32, "process"] = 0
    fd: Annotated[U32, "descriptor number"] = 0
    file_id: Annotated[U32, "the open file"] = 0
    flags: Annotated[X32, "1 close on exec"] = 0


class PipeFlag(Bits):
    """PIPE.flags, since 1.1; a writer that does not know them leaves them 0."""

    NO_READER = 1, "the end to read from is closed"
    NO_WRITER = 2, "the end to write to is closed"


class Pipe(Record):
    """One pipe: these 16 bytes, then the `len` bytes it holds, padded with zeros to 8."""

    id: Annotated[U32, "kept across switchovers; not 0"] = 0
    len: Annotated[U32, "bytes in the pipe"] = 0
    seq: Annotated[U32, "bytes read from it so far, mod 2^32"] = 0
    flags: Annotated[X32, "", PipeFlag] = 0
    data: bytes = b""


class TtyFlag(Bits):
    """TTY.flags."""

    STOPPED = 1, "its output is stopped (^S)"
    HUNG_UP = 2, "its other end is gone: reads give 0 bytes, writes EIO"
    LITERAL_NEXT = 4, "the next character is taken as it is (^V)"


class ScreenFlag(Bits):
    """TTY.screen and TTY.saved_screen: how a screen console writes."""

    WRAP = 1, "the last column has been written: what comes next goes below"
    HIDDEN = 2, "no cursor is shown"
    NO_WRAP = 4, "the last column is written again and again (DECAWM off)"
    REVERSE = 8, "colours are swapped"
    BOLD = 16, "colours are bright"


class KeyFlag(Bits):
    """TTY.keys: what the keyboard driver remembers."""

    LEFT_SHIFT = 1, "held"
    RIGHT_SHIFT = 2, "held"
    LEFT_CTRL = 4, "held"
    RIGHT_CTRL = 8, "held"
    LEFT_ALT = 16, "held"
    RIGHT_ALT = 32, "held"
    CAPS = 64, "capitals are locked"
    EXTENDED = 128, "0xe0 has come, the rest of its key not yet"


class Tty(Record):
    """One terminal. The settings are those of struct termios, Linux i386 values.

    Input as programs will read it, in lines: 0xff 0xff is a byte 0xff, 0xff 0x00 end of file (^D),
    0xff 0x01 ends a line whose last byte is no newline, 0xff 0x02 is a newline that ends no line.
    """

    tty: Annotated[U32, "1 ttyS0, 2 tty1, others from 3 on"] = 0
    iflag: Annotated[X32, ""] = 0
    oflag: Annotated[X32, ""] = 0
    cflag: Annotated[X32, ""] = 0
    lflag: Annotated[X32, ""] = 0
    line: Annotated[U32, "line discipline, 0 for N_TTY"] = 0
    cc: Annotated[Bytes32, "control characters, c_cc[0] first"] = bytes(32)
    rows: Annotated[U32, "window size, 0 when not known"] = 0
    cols: Annotated[U32, ""] = 0
    sid: Annotated[U32, "session it controls, 0 for none"] = 0
    pgrp: Annotated[U32, "foreground process group, 0 for none"] = 0
    flags: Annotated[X32, "", TtyFlag] = 0
    column: Annotated[U32, "of the output, for tabs and ONOCR"] = 0
    in_off: Annotated[X32, "input ready to be read: offset in BLOB"] = 0
    in_len: Annotated[U32, "its bytes, escaped as above"] = 0
    edit_off: Annotated[X32, "line being typed: offset in BLOB"] = 0
    edit_len: Annotated[U32, "its bytes, as typed"] = 0
    out_off: Annotated[X32, "output accepted, but not sent: offset in BLOB"] = 0
    out_len: Annotated[U32, "its bytes, after output processing"] = 0
    cursor_x: Annotated[U32, "of a screen console, from 0; 0 for a serial line"] = 0
    cursor_y: Annotated[U32, ""] = 0
    attr: Annotated[X32, "attribute byte of what is written next"] = 0
    line_column: Annotated[U32, "where the line being typed began, for erasing tabs"] = 0
    screen: Annotated[X32, "of a screen console", ScreenFlag] = 0
    saved_x: Annotated[U32, "what ESC 7 has saved: cursor_x"] = 0
    saved_y: Annotated[U32, "cursor_y"] = 0
    saved_attr: Annotated[X32, "attr"] = 0
    saved_screen: Annotated[X32, "screen", ScreenFlag] = 0
    top: Annotated[U32, "first row that scrolls, from 0"] = 0
    bottom: Annotated[U32, "last row that scrolls"] = 0
    escape_off: Annotated[X32, "escape sequence it is in the middle of: offset in BLOB"] = 0
    escape_len: Annotated[U32, "its bytes, ESC first"] = 0
    keys: Annotated[X32, "of its keyboard", KeyFlag] = 0


class Inode(Record):
    """One file, directory or symbolic link of /tmp. Its pages are frames of FRAME (kind TMP)."""

    ino: Annotated[U32, "kept across switchovers; not 0"] = 0
    parent: Annotated[U32, "ino of its directory, 0 for /tmp; itself when it has been removed"] = 0
    mode: Annotated[X32, "type and permissions, Linux values"] = 0
    uid: Annotated[U32, ""] = 0
    gid: Annotated[U32, ""] = 0
    vaddr: Annotated[X32, "FRAME.vaddr of its first byte; holes are not in FRAME"] = 0
    size: Annotated[U64, "bytes"] = 0
    atime_ns: Annotated[U64, "ns since 1970"] = 0
    mtime_ns: Annotated[U64, "ns since 1970"] = 0
    ctime_ns: Annotated[U64, "ns since 1970"] = 0
    name_off: Annotated[X32, "name: offset in BLOB"] = 0
    name_len: Annotated[U32, "its bytes"] = 0
    link_off: Annotated[X32, "what a symbolic link says: offset in BLOB"] = 0
    link_len: Annotated[U32, "its bytes"] = 0


class LockKind(Choice):
    """LOCK.kind."""

    FLOCK = 1, "flock: held by the open file; pid 0, all of the file"
    POSIX = 2, "fcntl: held by the process"


class LockType(Choice):
    """LOCK.type."""

    READ = 1, "shared"
    WRITE = 2, "exclusive"


class Lock(Record):
    """One lock that is held; who waits for one says so in PROC."""

    file_id: Annotated[U32, "an open file of the file locked"] = 0
    pid: Annotated[U32, "holder, 0 for the open file"] = 0
    kind: Annotated[U32, "", LockKind] = LockKind.FLOCK
    type: Annotated[U32, "", LockType] = LockType.READ
    start: Annotated[X64, "first byte"] = 0
    end: Annotated[X64, "first byte after it, 2^64 - 1 for all there will be"] = (1 << 64) - 1
