/* The bytes of files: the initrd's where they are, those of /tmp in pages of their own. */
#include "kernel.h"

enum { TMP_FILE_MAX = 4 << 20 };

static uint32_t pages; /* of /tmp, all together; at most half of the RAM */

void tmpfs_count(uint32_t more) { pages += more; }
uint32_t tmpfs_pages(void) { return pages; }
uint32_t tmpfs_pages_max(void) { return frames_total / 2; }

/* Up to len bytes from `offset` on; less at the end of the file. */
uint32_t regular_read(struct inode *inode, uint64_t offset, void *to, uint32_t len)
{
    uint32_t done = 0;

    if (offset >= inode->size)
        return 0;
    len = (uint32_t)MIN(len, inode->size - offset);
    if (!tmpfs_is(inode)) {
        memcpy(to, inode->data + offset, len);
        return len;
    }
    while (done < len) {
        uint32_t at = (uint32_t)offset + done, part = MIN(len - done, PAGE - at % PAGE);
        uint32_t pa = inode_page(inode, at / PAGE, false);
        if (pa)
            memcpy((char *)to + done, P2V(pa + at % PAGE), part);
        else
            memset((char *)to + done, 0, part);
        done += part;
    }
    return len;
}

/* What has been written of len bytes, or -errno. */
int regular_write(struct inode *inode, uint64_t offset, const void *from, uint32_t len)
{
    uint32_t done = 0;

    if (!tmpfs_is(inode))
        return -EROFS;
    if (len && offset >= TMP_FILE_MAX)
        return -EFBIG;
    len = (uint32_t)MIN(len, TMP_FILE_MAX - offset);
    while (done < len) {
        uint32_t at = (uint32_t)offset + done, part = MIN(len - done, PAGE - at % PAGE);
        uint32_t pa = inode_page(inode, at / PAGE, false);
        if (!pa && pages < tmpfs_pages_max())
            pages += (pa = inode_page(inode, at / PAGE, true)) != 0;
        if (!pa)
            break;
        memcpy(P2V(pa + at % PAGE), (const char *)from + done, part);
        done += part;
    }
    inode->size = MAX(inode->size, (uint32_t)offset + done);
    if (done)
        inode->mtime = inode->ctime = real_time();
    return done || !len ? (int)done : -ENOSPC;
}

int regular_truncate(struct inode *inode, uint64_t size)
{
    uint32_t left = 0, pa = inode_page(inode, (uint32_t)size / PAGE, false);
    struct run run = { .vaddr = 0 };

    if (is_folder(inode))
        return -EISDIR;
    if (!tmpfs_is(inode))
        return -EROFS;
    if (size > TMP_FILE_MAX)
        return -EFBIG;
    if (size < inode->size) {
        if (pa && size % PAGE) /* what comes back when it grows again is zeros */
            memset(P2V(pa + (uint32_t)size % PAGE), 0, PAGE - (uint32_t)size % PAGE);
        pages -= inode_pages(inode);
        inode_cut(inode, PAGES((uint32_t)size));
        while (inode_next_run(inode, &run))
            left += run.n;
        pages += left;
    }
    inode->size = (uint32_t)size;
    inode->mtime = inode->ctime = real_time();
    return 0;
}

/* Pages it has. */
uint32_t inode_pages(struct inode *inode)
{
    struct run run = { .vaddr = 0 };
    uint32_t n = 0;

    while (inode_next_run(inode, &run))
        n += run.n;
    return n;
}
