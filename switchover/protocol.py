"""What host, kernels and bootstrap say to each other: ssm_boot, the LKUS note, the recorder.

The switchover card's registers and commands are in `hotswap.cards.switchover`.
"""

from typing import Annotated

from hotswap.bus.choice import Choice
from hotswap.cards.switchover import CARD_BASE

from .layout import U16, U32, X16, X32, Record, Text16, Text32
from .schema import MAGIC, MAJOR, MINOR, Feature, SectionFlag, SectionType

RECORDER_PA = 0x500  # flight recorder, RECORDER_ENTRIES entries of 8 bytes, the first its header
RECORDER_ENTRIES = 96
BOOT_PA = 0x800  # struct ssm_boot
BOOTSTRAP_STACK = 0x7000  # grows down
BOOTSTRAP_LO, BOOTSTRAP_HI = 0x8000, 0xC000  # bootstrap: entered at its first byte
KERNEL_LO, KERNEL_HI = 0x100000, 0x200000  # both kernels are linked here
CAPS_MAGIC = 0x5041434B  # 'KCAP'
NOTE_NAME, NOTE_TYPE = "LKUS", 1


class BootFunc(Choice):
    """ssm_boot.func: why the new kernel is entered."""

    COLD = 0, "no map"
    SWITCH = 1, "go on from the map"
    REVERSE = 2, "back to the kernel before"
    RESURRECT = 3, "the kernel before has crashed"


class BootMode(Choice):
    """ssm_boot.mode: how the bootstrap gets the image to dest."""

    LZ4 = 0, "decodes the LZ4 block itself; CRC-32 of both by its own code"
    COPY = 1, "rep movsd of the decoded image; CRC-32 by the card"
    DMA = 2, "the card copies; CRC-32 by the card"


class Boot(Record):
    """At 0x800; EBX points to it at the bootstrap's and the new kernel's entry, EAX = 'KSSM'."""

    magic: Annotated[X32, "'KSSM'"] = MAGIC
    major: Annotated[U16, "of the map"] = MAJOR
    minor: Annotated[U16, "of the map"] = MINOR
    func: Annotated[U32, "", BootFunc] = BootFunc.SWITCH
    ssm_pa: Annotated[X32, "the map"] = 0
    ssm_len: Annotated[X32, "bytes"] = 0
    img_pa: Annotated[X32, "the staged image"] = 0
    img_clen: Annotated[X32, "bytes as staged"] = 0
    img_ulen: Annotated[X32, "bytes decoded"] = 0
    img_ccrc: Annotated[X32, "CRC-32 as staged"] = 0
    img_ucrc: Annotated[X32, "CRC-32 decoded"] = 0
    dest: Annotated[X32, "where the decoded image goes"] = KERNEL_LO
    entry: Annotated[X32, "the new kernel's entry"] = 0
    card_base: Annotated[X32, "the card's first port"] = CARD_BASE
    txn: Annotated[U32, "the switchover"] = 0
    mode: Annotated[U32, "", BootMode] = BootMode.LZ4
    scratch_lo: Annotated[X32, "frames the new kernel may use before COMMIT"] = 0
    scratch_hi: Annotated[X32, "their end"] = 0
    echo_pa: Annotated[X32, "where the new kernel writes the echo map"] = 0
    echo_len: Annotated[X32, "room there, bytes"] = 0
    mem_top: Annotated[X32, "bytes of RAM"] = 0


class SectionCap(Record):
    """A section a kernel reads (in its note) or writes (in its capabilities)."""

    type: Annotated[U16, "section type", SectionType] = 0
    ver: Annotated[U16, "version of the section"] = 1
    since: Annotated[U16, "it is not in maps of a lower minor version"] = 0
    flags: Annotated[X16, "", SectionFlag] = 0


class DriverCap(Record):
    """A card a kernel has a driver for."""

    name: Annotated[Text16, "the card's, NUL padded"] = b""
    least: Annotated[U16, "state version of the card: the first the driver takes over"] = 1
    most: Annotated[U16, "the last"] = 1


class Note(Record):
    """Content of the ELF note a kernel image carries: name "LKUS", type 1, section .note.lkus.

    Behind its `size` bytes come `sections` section and `drivers` driver capabilities.
    """

    ssm_major: Annotated[U16, "map version it reads and writes"] = MAJOR
    ssm_minor: Annotated[U16, ""] = MINOR
    load_lo: Annotated[X32, "first byte of the kernel, physical"] = 0
    load_hi: Annotated[X32, "end of its text, data and bss"] = 0
    entry_switch: Annotated[X32, "entry of a switchover, physical"] = 0
    ram_min: Annotated[X32, "bytes of RAM it needs"] = 0
    features: Annotated[X32, "feature bits of maps it knows", Feature] = 0
    card_abi: Annotated[U32, "1"] = 1
    version: Annotated[Text32, "as uname -r says, NUL padded"] = b""
    size: Annotated[U16, "bytes of this part; 0 before 1.1, which has nothing behind it"] = 0
    sections: Annotated[U16, "sections it reads"] = 0
    drivers: Annotated[U16, "cards it takes over"] = 0
    rsvd: Annotated[U16, "0"] = 0


class Caps(Record):
    """What a running kernel answers to QUERY_CAPS, at SSM_PA.

    Behind its `size` bytes come `sections` section and `drivers` driver capabilities.
    """

    magic: Annotated[X32, "'KCAP'"] = CAPS_MAGIC
    size: Annotated[U16, "bytes of this part"] = 0
    ssm_major: Annotated[U16, "version of the maps it writes"] = MAJOR
    ssm_minor: Annotated[U16, ""] = MINOR
    sections: Annotated[U16, "sections it writes"] = 0
    drivers: Annotated[U16, "cards it drives"] = 0
    rsvd: Annotated[U16, "0"] = 0
    features: Annotated[X32, "feat_required of its maps", Feature] = 0
    processes: Annotated[U32, "at present"] = 0
    frames: Annotated[U32, "frames that are not free"] = 0
    map_len: Annotated[U32, "bytes a map of the present state takes, about"] = 0
    version: Annotated[Text32, "as uname -r says, NUL padded"] = b""


class RecorderHead(Record):
    """Entry 0 of the flight recorder; entries 1.. are LOG records."""

    next: Annotated[U32, "index of the next free entry"] = 1
    txn: Annotated[U32, "the switchover"] = 0


class Reason(Choice):
    """Codes of ACK ERROR."""

    BAD_BOOT = 1, "ssm_boot makes no sense"
    BAD_STAGED = 2, "CRC-32 of the staged image is wrong"
    BAD_IMAGE = 3, "the image cannot be decoded"
    BAD_DECODED = 4, "CRC-32 of the decoded image is wrong"
    BAD_MAP = 5, "the map is refused"
    NO_MEMORY = 6, "no frames left"
    UNSUPPORTED = 7, "something this kernel cannot save or restore"
    PANIC = 8, "the kernel has panicked"


class RecorderSource(Choice):
    """LOG.source."""

    OLD_KERNEL = 1, ""
    BOOTSTRAP = 2, ""
    NEW_KERNEL = 3, ""
