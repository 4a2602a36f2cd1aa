/* Takes over what the Save State Map says of /tmp: INODE, and its pages in FRAME. */
#include "kernel.h"
#include "map.h"

/* The runs of FRAME, or their parts, that are in a file; those of pid 0 come first. */
static void restore_pages(const void *map, struct inode *inode, const struct ssm_inode *from)
{
    struct ssm_cursor at = ssm_open(map, SSM_FRAME);
    uint32_t end = from->vaddr + PAGE_UP((uint32_t)from->size);
    struct ssm_frame frame;

    while (ssm_next(&at, &frame, sizeof frame) && !frame.pid) {
        uint32_t lo = MAX(frame.vaddr, from->vaddr);
        uint32_t hi = MIN(frame.vaddr + frame.n_pages * PAGE, end);
        struct run run = { .vaddr = lo - from->vaddr, .paddr = frame.paddr + (lo - frame.vaddr) };
        if (frame.kind != SSM_FRAME_TMP || lo >= hi)
            continue;
        run.n = (hi - lo) / PAGE;
        must(inode_map_run(inode, &run), SC_REASON_NO_MEMORY, from->ino);
        frame_claim(run.paddr, run.n);
        tmpfs_count(run.n);
    }
}

static bool text_of(const void *map, uint32_t off, uint32_t len, char to[NAME_MAX + 1])
{
    const uint8_t *text = ssm_blob(map, off, len);

    if (!text || len > NAME_MAX)
        return false;
    memcpy(to, text, len);
    to[len] = 0;
    return true;
}

static void restore_inode(const void *map, const struct ssm_inode *from)
{
    char name[NAME_MAX + 1], link[NAME_MAX + 1];
    struct inode *inode = tmpfs_root();

    must(text_of(map, from->name_off, from->name_len, name)
         && text_of(map, from->link_off, from->link_len, link)
         && from->ino < PROC_INO, SC_REASON_UNSUPPORTED, from->ino);
    if (from->name_len || from->parent) { /* or it is /tmp itself */
        must(from->ino >= INO_TMP, SC_REASON_UNSUPPORTED, from->ino);
        inode = tmpfs_new(from->ino, inode, name, from->mode, from->link_len ? link : 0);
    }
    must(inode, SC_REASON_NO_MEMORY, from->ino);
    tmpfs_restore();
    inode->mode = from->mode;
    inode->uid = from->uid, inode->gid = from->gid;
    inode->atime = from->atime_ns, inode->mtime = from->mtime_ns, inode->ctime = from->ctime_ns;
    inode->size = (uint32_t)from->size;
    if (from->vaddr)
        restore_pages(map, inode, from);
}

/* First all, then where they are: a folder may come behind what is in it. */
void restore_inodes(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_INODE);
    struct ssm_inode from;

    while (ssm_next(&at, &from, sizeof from))
        restore_inode(map, &from);
    at = ssm_open(map, SSM_INODE);
    while (ssm_next(&at, &from, sizeof from)) {
        struct inode *inode = inode_find(from.ino), *folder = inode_find(from.parent);
        if (!from.parent)
            continue;
        must(inode && folder, SC_REASON_BAD_MAP, from.ino);
        if (folder == inode)
            tmpfs_orphan(inode);
        else
            inode_move(inode, folder, inode->name);
    }
}
