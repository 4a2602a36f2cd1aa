"""The 82077AA's execution phase: a transfer's way from step to step.

Intel 82077AA data sheet (290166), section 5.1, "Data Transfer Commands".

| step | what is going on | ends when |
|-|-|-|
| SEEK | implied seek: the heads are on their way | they have arrived |
| FIND | the sector comes under the head, and is read | it has passed, or two turns without it |
| HOST | the buffer waits for the host, at most `PATIENCE_NS` | all is moved, or TC |
| STORE | the sector, or the formatted track, is written | it has passed |

A sector is always the next to come under the head: nobody waits for a turn. Of TC the chip takes
note in any step. On real ones the host has some microseconds for a byte; an emulated host stops for
longer than that, so it has `PATIENCE_NS` before the command ends with OR. A drive without a
diskette ends a command as one with an unformatted one does.
"""

from __future__ import annotations

from hotswap.bus import SECTOR, MediaError

from .diskette import SIZE_CODE, Drive, Mechanism, Track
from .i82077_registers import ST1, ST2, Code, Flag
from .i82077_transfer import FROM_HOST, Step, Transfer

PATIENCE_NS = 250_000_000
TURNS = 2
"""Index pulses before a sector is given up."""
TURN_NS = 200_000_000
"""Of a drive that is not there."""
ID_SIZE = 4


class Failure(Exception):
    """The command ends abnormally, with these bits of ST1 and ST2."""

    def __init__(self, st1: int, st2: int = 0) -> None:
        super().__init__(st1, st2)
        self.st1, self.st2 = st1, st2


class Execution:
    """Takes a transfer from step to step; `mechanism` is None where no drive is selected.

    `speed` is how many times as fast as a real one the drive turns.
    """

    def __init__(
        self, transfer: Transfer, drive: Drive, mechanism: Mechanism | None, rate: int, speed: int
    ) -> None:
        self.transfer, self.drive, self.mechanism = transfer, drive, mechanism
        self.rate, self.speed = rate, speed

    def start(self, now: int) -> None:
        """The heads are where they should be."""
        self._find(now)

    def host_done(self, now: int) -> None:
        """The transfer is `complete`: go on."""
        transfer = self.transfer
        if transfer.to_host:
            self._read_on(now)
        else:
            transfer.buffer += bytes(transfer.size - len(transfer.buffer))  # TC came early
            turn = transfer.code is Code.FORMAT_TRACK
            transfer.step, transfer.due = Step.STORE, now + self._time(turns=turn)

    def proceed(self, now: int) -> bool:
        """The step's time is over; True when that ends the command."""
        transfer = self.transfer
        try:
            match transfer.step:
                case Step.SEEK:
                    self.start(now)
                case Step.FIND:
                    return self._found(now)
                case Step.HOST:
                    raise Failure(ST1.OR)
                case Step.STORE:
                    self._store()
                    if transfer.code is Code.FORMAT_TRACK:
                        return True
                    self._next(now)
                    return self._found(now)  # its time has been spent on writing
        except Failure as failure:
            transfer.st1 |= failure.st1
            transfer.st2 |= failure.st2
            return True
        return False

    def _time(self, *, turns: int = 0) -> int:
        """Of so many turns of the diskette, or of one sector."""
        if self.mechanism is None:
            return turns * 200_000_000 // self.speed
        whole = self.mechanism.revolution_ns
        return (turns * whole if turns else self.mechanism.sector_ns) // self.speed

    def _find(self, now: int) -> None:
        transfer = self.transfer
        transfer.step, transfer.due, transfer.searched = Step.FIND, now + self._time(), False

    def _next(self, now: int) -> None:
        self.transfer.finish_sector()
        self._find(now)

    def _read_on(self, now: int) -> None:
        """The sector is read: on to the next, unless a wrong mark makes it the last one."""
        transfer = self.transfer
        if transfer.st2 & ST2.CM and not transfer.flags & Flag.SK:
            transfer.tc = True
            self._find(now)
        else:
            self._next(now)

    # -- FIND ---------------------------------------------------------------------------------

    def _found(self, now: int) -> bool:
        """The place has come under the head, or has not; True when the command ends there."""
        transfer = self.transfer
        if transfer.finished:
            at_end = transfer.at_end
            if at_end and not transfer.tc and (transfer.count or transfer.code is not Code.VERIFY):
                transfer.st1 |= ST1.EN  # the ID stays that of the last sector
                return True
            transfer.advance()
            if at_end:
                return True
        if transfer.tc:
            return True
        try:
            return self._at(now)
        except Failure as failure:
            if transfer.searched or failure.st1 not in (ST1.MA, ST1.ND):
                raise
            transfer.searched, transfer.due = True, now + self._time(turns=TURNS)
            return False

    @property
    def _mechanism(self) -> Mechanism:
        if self.mechanism is None:
            raise Failure(ST1.MA)
        return self.mechanism

    def _track(self) -> Track:
        mechanism, transfer = self._mechanism, self.transfer
        found = None
        if transfer.flags & Flag.MFM:
            found = mechanism.track(self.drive, transfer.head, self.rate)
        if found is None:
            raise Failure(ST1.MA)
        return found

    def _at(self, now: int) -> bool:
        transfer = self.transfer
        if transfer.code in FROM_HOST and self._mechanism.disk.read_only:
            raise Failure(ST1.NW)
        if transfer.code is Code.FORMAT_TRACK:
            self._ask(ID_SIZE * transfer.count, now)
            return False
        track = self._track()
        if transfer.code is Code.READ_ID:
            self._read_id(track, now)
            return True
        lba = self._lba(track)
        if transfer.code in FROM_HOST:
            self._ask(SECTOR, now)
            return False
        if transfer.code is not Code.READ_TRACK:
            wanted = transfer.code is Code.READ_DELETED_DATA
            if (lba in self.drive.deleted) != wanted:
                transfer.st2 |= ST2.CM
                if transfer.flags & Flag.SK:
                    self._next(now)
                    return False
        content = self._read(lba)
        if transfer.code is not Code.VERIFY:
            self._ask(SECTOR, now, content)
            return False
        last = transfer.count == 1
        self._read_on(now)
        if last and transfer.finished:
            transfer.advance()
        return last

    def _ask(self, size: int, now: int, content: bytes = b"") -> None:
        """Begin HOST."""
        transfer = self.transfer
        transfer.buffer[:] = content
        transfer.size, transfer.moved = size, 0
        transfer.step, transfer.due = Step.HOST, now + PATIENCE_NS

    def _lba(self, track: Track) -> int:
        """Of the sector the command names. READ TRACK takes them as they come, and compares."""
        transfer = self.transfer
        names = (transfer.h, transfer.n) == (track.head, SIZE_CODE)
        if transfer.code is Code.READ_TRACK:
            place = transfer.passed % track.sectors
            if not names or (transfer.c, transfer.r) != (track.cylinder, place + 1):
                transfer.st1 |= ST1.ND
            return track.lba + place
        if transfer.c != track.cylinder:
            raise Failure(ST1.ND, ST2.BC | ST2.WC if transfer.c == 0xFF else ST2.WC)
        if not names or not 0 < transfer.r <= track.sectors:
            raise Failure(ST1.ND)
        return track.lba + transfer.r - 1

    def _read_id(self, track: Track, now: int) -> None:
        """Whichever comes next: the diskette turns in machine time."""
        transfer, turn = self.transfer, self._time(turns=1)
        sector = 1 + now % turn * track.sectors // turn
        transfer.c, transfer.h, transfer.r, transfer.n = track.cylinder, track.head, sector, 2

    def _read(self, lba: int) -> bytes:
        try:
            return self._mechanism.disk.read(lba, 1)
        except MediaError:
            raise Failure(ST1.DE, ST2.DD) from None

    # -- STORE --------------------------------------------------------------------------------

    def _store(self) -> None:
        transfer = self.transfer
        if transfer.code is Code.FORMAT_TRACK:
            self._format()
            return
        lba = self._lba(self._track())
        self._write(lba, bytes(transfer.buffer))
        if transfer.code is Code.WRITE_DELETED_DATA:
            self.drive.deleted.add(lba)
        else:
            self.drive.deleted.discard(lba)

    def _format(self) -> None:
        """An image holds only tracks of the diskette's own format; others cannot be written."""
        transfer = self.transfer
        track, whole = self._mechanism.track(self.drive, transfer.head, self.rate), transfer.buffer
        ids = [tuple(whole[at : at + ID_SIZE]) for at in range(0, len(whole), ID_SIZE)]
        if track is None or not transfer.flags & Flag.MFM:
            raise Failure(ST1.NW)
        wanted = {(track.cylinder, track.head, r, SIZE_CODE) for r in range(1, track.sectors + 1)}
        if len(ids) != track.sectors or set(ids) != wanted or transfer.n != SIZE_CODE:
            raise Failure(ST1.NW)
        transfer.c, transfer.h, transfer.r, transfer.n = ids[-1]
        self._write(track.lba, bytes((transfer.fill,)) * SECTOR * track.sectors)
        self.drive.deleted.difference_update(range(track.lba, track.lba + track.sectors))

    def _write(self, lba: int, content: bytes) -> None:
        disk = self._mechanism.disk
        if disk.read_only:
            raise Failure(ST1.NW)
        try:
            disk.write(lba, content)
        except MediaError:
            raise Failure(ST1.DE, ST2.DD) from None
        self.drive.unsaved = True
