/* System calls about memory. Private pages are given when they are first touched, shared ones at
   once: they have no other place than the page tables of who shares them. */
#include "calls.h"

int sys_brk(struct proc *p, const uint32_t a[6])
{
    struct aspace *as = &p->as;
    uint32_t old = PAGE_UP(as->brk), end = PAGE_UP(a[0]);
    struct vma *heap;

    if (a[0] < as->brk_start || a[0] > USER_HI - PAGE)
        return (int)as->brk;
    if (end > old) {
        for (struct vma *vma = vma_first(as); vma; vma = vma_after(as, vma))
            if (vma->start < end && vma->end > old)
                return (int)as->brk; /* something is in the way */
        heap = old > as->brk_start ? vma_find(as, old - 1) : 0;
        if (heap && heap->kind == SSM_VMA_HEAP && heap->prot == (PROT_READ | PROT_WRITE))
            heap->end = end;
        else if (!vma_add(as, old, end, PROT_READ | PROT_WRITE, SSM_VMA_HEAP))
            return (int)as->brk;
    } else if (end < old && vma_unmap(as, end, old)) {
        return (int)as->brk;
    }
    as->brk = a[0];
    return (int)as->brk;
}

/* The lowest gap of len bytes from MMAP_LO on; 0: none. */
static uint32_t find_gap(struct aspace *as, uint32_t len)
{
    uint32_t at = MMAP_LO;

    for (struct vma *vma = vma_first(as); vma; vma = vma_after(as, vma)) {
        if (vma->end <= at)
            continue;
        if (vma->start >= at && vma->start - at >= len)
            break;
        at = vma->end;
    }
    return USER_HI - at >= len ? at : 0;
}

static bool is_free(struct aspace *as, uint32_t start, uint32_t end)
{
    for (struct vma *vma = vma_first(as); vma; vma = vma_after(as, vma))
        if (vma->start < end && vma->end > start)
            return false;
    return true;
}

/* All pages of a shared range. */
static bool fill(struct aspace *as, const struct vma *vma)
{
    for (uint32_t at = vma->start; at < vma->end; at += PAGE)
        if (!aspace_page(as, vma, at, true))
            return false;
    return true;
}

/* A mapping of a file is a copy of it: no file here ever changes. */
static int map(struct proc *p, uint32_t at, uint32_t len, uint32_t prot, uint32_t flags,
               uint32_t fd, uint64_t offset)
{
    struct file *file = flags & MAP_ANONYMOUS ? 0 : fd_file(p, fd);
    uint32_t bytes = PAGE_UP(len);
    bool shared = (flags & MAP_SHARED) && !file;

    if (!len || bytes < len || bytes > USER_HI - USER_LO || (offset & PAGE_MASK))
        return -EINVAL;
    if (!(flags & MAP_SHARED) == !(flags & MAP_PRIVATE))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS) && !file)
        return -EBADF;
    if (file && (file->kind != SSM_FILE_REGULAR || tmpfs_is(file->inode)))
        return -ENODEV; /* what is in /tmp changes, and a copy would not */
    if (file && (flags & MAP_SHARED) && (prot & PROT_WRITE))
        return -EACCES;
    if (flags & MAP_FIXED) {
        if ((at & PAGE_MASK) || at < USER_LO || at > USER_HI - bytes)
            return -EINVAL;
        if (vma_unmap(&p->as, at, at + bytes))
            return -ENOMEM;
    } else if ((at & PAGE_MASK) || at < USER_LO || at > USER_HI - bytes
               || !is_free(&p->as, at, at + bytes)) {
        at = find_gap(&p->as, bytes);
    }
    if (!at || !vma_add(&p->as, at, at + bytes, prot & 7,
                         shared ? SSM_VMA_SHARED : SSM_VMA_ANON))
        return -ENOMEM;
    if (shared && !fill(&p->as, vma_find(&p->as, at))) {
        vma_unmap(&p->as, at, at + bytes);
        return -ENOMEM;
    }
    if (file && offset < file->inode->size
        && !aspace_write(&p->as, at, file->inode->data + offset,
                         MIN(bytes, file->inode->size - (uint32_t)offset))) {
        vma_unmap(&p->as, at, at + bytes);
        return -ENOMEM;
    }
    return (int)at;
}

/* Linux 1.0's call: its arguments are in memory. */
int sys_mmap(struct proc *p, const uint32_t a[6])
{
    uint32_t arg[6];

    if (copy_in(arg, a[0], sizeof arg))
        return -EFAULT;
    return map(p, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

/* The offset is in pages. */
int sys_mmap2(struct proc *p, const uint32_t a[6])
{
    return map(p, a[0], a[1], a[2], a[3], a[4], (uint64_t)a[5] * PAGE);
}

static bool is_range(uint32_t at, uint32_t len)
{
    return !(at & PAGE_MASK) && at >= USER_LO && at < USER_HI && len <= USER_HI - at;
}

int sys_munmap(struct proc *p, const uint32_t a[6])
{
    if (!a[1] || !is_range(a[0], a[1]))
        return -EINVAL;
    return vma_unmap(&p->as, a[0], a[0] + PAGE_UP(a[1]));
}

int sys_mprotect(struct proc *p, const uint32_t a[6])
{
    if (!is_range(a[0], a[1]) || a[2] > 7)
        return -EINVAL;
    return a[1] ? vma_protect(&p->as, a[0], a[0] + PAGE_UP(a[1]), a[2]) : 0;
}

/* Bigger in its place, or where there is room. */
static int grow(struct aspace *as, struct vma *vma, uint32_t at, uint32_t old, uint32_t len,
                uint32_t flags)
{
    uint32_t prot = vma->prot, kind = vma->kind, to;

    if (vma->end == at + old && at + len > at && at + len <= USER_HI
        && is_free(as, at + old, at + len)) {
        vma->end = at + len;
        return (int)at;
    }
    to = flags & MREMAP_MAYMOVE ? find_gap(as, len) : 0;
    if (!to || !vma_add(as, to, to + len, prot, kind))
        return -ENOMEM;
    if (!aspace_move(as, at, to, old) || vma_unmap(as, at, at + old)) {
        vma_unmap(as, to, to + len);
        return -ENOMEM;
    }
    return (int)to;
}

/* Of private ranges only, and not to an address of the caller's choice. */
int sys_mremap(struct proc *p, const uint32_t a[6])
{
    uint32_t at = a[0], old = PAGE_UP(a[1]), len = PAGE_UP(a[2]);
    struct vma *vma;

    if (!old || !len || len < a[2] || (a[3] & ~(uint32_t)MREMAP_MAYMOVE) || !is_range(at, a[1]))
        return -EINVAL;
    if (len <= old) {
        int error = len < old ? vma_unmap(&p->as, at + len, at + old) : 0;
        return error ? error : (int)at;
    }
    vma = vma_find(&p->as, at);
    if (!vma || vma->end < at + old)
        return -EFAULT;
    if (vma->kind == SSM_VMA_SHARED || len > USER_HI - USER_LO)
        return -EINVAL;
    return grow(&p->as, vma, at, old, len, a[3]);
}

/* Advice is not taken, but for pages whose content nobody wants. */
int sys_madvise(struct proc *p, const uint32_t a[6])
{
    uint32_t end = a[0] + PAGE_UP(a[1]);

    if (!is_range(a[0], a[1]))
        return -EINVAL;
    for (uint32_t at = a[0]; at < end;) {
        struct vma *vma = vma_find(&p->as, at);
        if (!vma)
            return -ENOMEM;
        if (a[2] == MADV_DONTNEED && vma->kind != SSM_VMA_SHARED
            && !aspace_drop(&p->as, at, MIN(end, vma->end)))
            return -ENOMEM;
        at = vma->end;
    }
    return 0;
}

/* There is nothing behind memory that it could be written to. */
int sys_msync(struct proc *p, const uint32_t a[6])
{
    (void)p;
    return is_range(a[0], a[1]) ? 0 : -EINVAL;
}
