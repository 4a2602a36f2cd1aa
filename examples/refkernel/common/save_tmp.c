/* The part of the Save State Map that is about /tmp: INODE, and its pages in FRAME. */
#include "kernel.h"
#include "map.h"

enum { TMP_LO = 0x40000000 }; /* where the first file's pages appear among those of pid 0 */

static uint32_t place_of(struct inode *inode, uint32_t *next)
{
    uint32_t at = *next;

    if (!tmpfs_is(inode) || (inode->mode & S_IFMT) != S_IFREG)
        return 0;
    *next += PAGE_UP(inode->size);
    return inode->size ? at : 0;
}

uint32_t save_tmp_size(void)
{
    uint32_t len = 0;

    for (struct inode *inode = inode_first(); inode; inode = inode_after(inode)) {
        struct run run = { .vaddr = 0 };
        if (!tmpfs_is(inode))
            continue;
        len += sizeof(struct ssm_inode) + 2 * strlen(inode->name) + (inode->data ? 2 * inode->size : 0);
        while (inode_next_run(inode, &run))
            len += sizeof(struct ssm_frame);
    }
    return len;
}

/* Among the first of FRAME: pid 0. */
void save_tmp_frames(struct ssm_writer *out)
{
    uint32_t next = TMP_LO;

    for (struct inode *inode = inode_first(); inode; inode = inode_after(inode)) {
        uint32_t place = place_of(inode, &next);
        struct run run = { .vaddr = 0 };
        while (place && inode_next_run(inode, &run)) {
            struct ssm_frame *to = ssm_append(out);
            if (!to)
                return;
            to->vaddr = place + run.vaddr, to->paddr = run.paddr, to->n_pages = run.n;
            to->kind = SSM_FRAME_TMP;
        }
    }
}

/* /tmp itself has neither a directory nor a name here; what has been removed is in itself. */
void save_inodes(struct ssm_writer *out)
{
    uint32_t next = TMP_LO;

    ssm_begin_section(out, SSM_INODE);
    for (struct inode *inode = inode_first(); inode; inode = inode_after(inode)) {
        struct ssm_inode *to = tmpfs_used() && tmpfs_is(inode) ? ssm_append(out) : 0;
        if (!to)
            continue;
        to->ino = inode->ino;
        to->mode = inode->mode, to->uid = inode->uid, to->gid = inode->gid;
        to->vaddr = place_of(inode, &next);
        to->size = inode->size;
        to->atime_ns = inode->atime, to->mtime_ns = inode->mtime, to->ctime_ns = inode->ctime;
        if (inode->data) {
            to->link_len = inode->size;
            to->link_off = text_put(inode->data, inode->size);
        }
        if (inode == tmpfs_root())
            continue;
        to->parent = !inode->parent ? inode->ino
                     : inode->parent == tmpfs_root() ? 0 : inode->parent->ino;
        to->name_len = strlen(inode->name);
        to->name_off = text_put(inode->name, to->name_len);
    }
    ssm_end_section(out);
}
