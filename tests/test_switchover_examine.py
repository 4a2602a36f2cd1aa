"""What two runs of a machine must have in common, whichever process was the quicker one."""

import msgspec

from hotswap.host.prove.sample_map import sample_map
from hotswap.switchover.examine import Examined
from hotswap.switchover.processes import OF_FILES
from hotswap.switchover.records import TimerKind
from hotswap.switchover.savemap import SaveStateMap


def with_numbers_changed(saved: SaveStateMap) -> SaveStateMap:
    """As a kernel would say it in which the same files were opened in the opposite order."""
    ids = sorted(file.file_id for file in saved.file)
    other = dict(zip(ids, reversed(ids), strict=True)) | {0: 0}
    for section in ("file", "fd", "vma", "lock"):
        for record in getattr(saved, section):
            record.file_id = other[record.file_id]
    for timer in saved.timer:
        if timer.kind == TimerKind.TIMERFD:
            timer.cookie = other[timer.cookie]
    for proc in saved.proc:
        if proc.wait_kind in OF_FILES:
            proc.wait_obj = other[proc.wait_obj]
    saved.file.sort(key=lambda file: file.file_id)
    return saved


def test_the_order_in_which_files_were_opened_makes_no_difference() -> None:
    assert len(sample_map().file) > 2
    changed = with_numbers_changed(sample_map())
    assert changed.fd != sample_map().fd
    assert Examined(changed, {}).digest() == Examined(sample_map(), {}).digest()


def test_a_descriptor_of_another_file_makes_a_difference() -> None:
    changed = sample_map()
    first = changed.fd[0].file_id
    next(fd for fd in changed.fd if fd.file_id != first).file_id = first
    assert Examined(changed, {}).digest() != Examined(sample_map(), {}).digest()


def test_what_is_told_is_left_as_it_is() -> None:
    saved = sample_map()
    before = msgspec.json.encode(saved.file)
    Examined(saved, {}).digest()
    assert msgspec.json.encode(saved.file) == before
