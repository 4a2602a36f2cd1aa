"""What can be wrong with a map: the codes `ssm_check` in C and the Python reader agree on."""

from hotswap.bus.choice import Choice


class Fault(Choice):
    """Reasons to refuse a map, by level; ssm_check returns the first one it meets, negative."""

    # L0: bounds, overlap, checksums
    SHORT = 1, "fewer bytes than a header"
    MAGIC = 2, "does not begin with 'KSSM'"
    MAJOR = 3, "another major version"
    HDR_LEN = 4, "header length out of range"
    TOTAL_LEN = 5, "total length out of range"
    HDR_CRC = 6, "header checksum"
    FEATURE = 7, "an unknown feature is required"
    TABLE = 8, "section table: count, entry size or place"
    TABLE_BOUNDS = 9, "section table outside the map"
    TABLE_CRC = 10, "section table checksum"
    SECTION_BOUNDS = 11, "section outside the map, or not 8-aligned"
    SECTION_PLACE = 12, "section before the end of the section table"
    SECTION_OVERLAP = 13, "two sections overlap"
    SECTION_CRC = 14, "section checksum"
    # L1: record sizes and counts
    UNKNOWN_SECTION = 15, "an unknown section is required"
    TWICE = 16, "a section appears twice"
    VERSION = 17, "another version of a section"
    REC_MIN = 18, "a reader must know more of a record than this one does"
    REC_SIZE = 19, "records shorter than they may be"
    COUNT = 20, "count and record size do not make the section's length"
    DATA = 21, "the bytes after a record run out of the section"
    ONE_TIME = 22, "TIME is not exactly one record"
    MISSING = 23, "TIME or PROC is missing"
    # L2: references (checked by the host only)
    PHYS = 32, "the map's own frames"
    CHOICE = 33, "a kind or state outside its enumeration"
    ORDER = 34, "records out of order, or two with one key"
    NO_PROC = 35, "a pid nobody has"
    NO_FILE = 36, "a file_id nobody has"
    NO_PIPE = 37, "a pipe id nobody has"
    NO_BLOB = 38, "bytes outside BLOB"
    RANGE = 39, "an address range that is empty, unaligned or overlaps"
    FRAME_PLACE = 40, "a frame outside RAM or inside memory a switchover uses"
    FRAME_TWICE = 41, "a private frame in two places"
    REFS = 42, "refs is not the number of descriptors"
    VALUE = 43, "a value that cannot be"
    BLOB_CRC = 44, "checksum of a card's state"
    NO_TTY = 45, "a terminal there is not"
    SESSION = 46, "sessions and process groups that cannot be"
    LOCK = 47, "two locks against each other"
    # L3: what only the host can see
    CARDS = 64, "DEV is not the cards inserted"
    CLOCK = 65, "the clock is not the switchover card's, or went back"
    FRAME_CRC = 66, "frames are not what their checksum says"

    @property
    def level(self) -> int:
        """0 bounds and checksums, 1 records, 2 references, 3 the host's own truth."""
        firsts = (Fault.UNKNOWN_SECTION, Fault.PHYS, Fault.CARDS)
        return sum(self >= first for first in firsts)
