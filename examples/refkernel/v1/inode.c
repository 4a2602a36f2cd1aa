/* Inodes: an array sorted by number; what is in a folder is found by looking at all. The pages of a
   file in /tmp are in a table of one frame, as those of 4 MiB of a process are. */
#include "kernel.h"
#include "table.h"

enum { INODES = 2048, ENTRIES = PAGE / sizeof(uint32_t) };

static uint32_t *slots[INODES];
static struct table inodes = { .room = INODES, .slot = slots };
static struct pool inode_pool = { .size = sizeof(struct inode) };

/* `name` is kept, not copied; 0 when there are too many. */
struct inode *inode_new(uint32_t ino, struct inode *parent, const char *name, uint32_t mode)
{
    struct inode *inode = pool_take(&inode_pool);

    if (!inode)
        return 0;
    inode->ino = ino;
    inode->mode = mode;
    inode->parent = parent ? parent : inode;
    inode->name = name;
    if (!table_add(&inodes, inode)) {
        pool_give(&inode_pool, inode);
        return 0;
    }
    return inode;
}

void inode_delete(struct inode *inode)
{
    inode_cut(inode, 0);
    table_remove(&inodes, inode);
    pool_give(&inode_pool, inode);
}

struct inode *inode_find(uint32_t ino) { return table_find(&inodes, ino); }
struct inode *inode_first(void) { return table_at(&inodes, 0); }

struct inode *inode_after(struct inode *inode) { return table_after(&inodes, inode); }

/* What is in a folder, by number: the first one behind `ino`. */
struct inode *inode_child(const struct inode *folder, uint32_t ino)
{
    for (uint32_t i = table_place(&inodes, ino + 1); i < inodes.count; i++) {
        struct inode *inode = table_at(&inodes, i);
        if (inode->ino >= PROC_INO)
            return 0; /* /proc lists its own */
        if (inode->parent == folder && inode != folder) {
            inodes.seen = i;
            return inode;
        }
    }
    return 0;
}

/* The one behind `before`, or the first. */
struct inode *inode_beside(const struct inode *folder, struct inode *before)
{
    return inode_child(folder, before ? before->ino : 0);
}

/* To another folder, or to none, under another name. */
void inode_move(struct inode *inode, struct inode *parent, const char *name)
{
    inode->parent = parent;
    inode->name = name;
}

/* The frame of a page of a file in /tmp; 0: there is none, or no memory to make one. */
uint32_t inode_page(struct inode *inode, uint32_t index, bool make)
{
    uint32_t pa;

    if (index >= ENTRIES)
        return 0;
    if (!inode->page) {
        pa = make ? frame_for_kernel() : 0;
        if (!pa)
            return 0;
        inode->page = memset(P2V(pa), 0, PAGE);
    }
    if (!inode->page[index] && make) {
        pa = frame_for_user();
        if (pa)
            memset(P2V(pa), 0, PAGE);
        inode->page[index] = pa;
    }
    return inode->page[index];
}

/* Frees its pages from one on. */
void inode_cut(struct inode *inode, uint32_t from)
{
    if (!inode->page)
        return;
    for (uint32_t i = from; i < ENTRIES; i++)
        if (inode->page[i]) {
            frame_free(inode->page[i]);
            inode->page[i] = 0;
        }
    if (!from) {
        frame_free(V2P(inode->page));
        inode->page = 0;
    }
}

/* The next run of pages behind *run; vaddr counts from the file's beginning. */
bool inode_next_run(struct inode *inode, struct run *run)
{
    uint32_t i = run->vaddr / PAGE + run->n, n = 1;

    while (inode->page && i < ENTRIES && !inode->page[i])
        i++;
    if (!inode->page || i >= ENTRIES)
        return false;
    while (i + n < ENTRIES && inode->page[i + n] == inode->page[i] + n * PAGE)
        n++;
    *run = (struct run){ .vaddr = i * PAGE, .paddr = inode->page[i], .n = n };
    return true;
}

/* Pages that are there become its own; false when there is no memory to say so. */
bool inode_map_run(struct inode *inode, const struct run *run)
{
    uint32_t pa = inode->page ? V2P(inode->page) : frame_for_kernel();

    if (!pa || run->vaddr / PAGE + run->n > ENTRIES)
        return false;
    if (!inode->page)
        inode->page = memset(P2V(pa), 0, PAGE);
    for (uint32_t i = 0; i < run->n; i++)
        inode->page[run->vaddr / PAGE + i] = run->paddr + i * PAGE;
    return true;
}
