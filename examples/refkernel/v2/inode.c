/* Inodes: a list in the order of their numbers, and one of what is in each folder. The pages of a
   file in /tmp are in pieces of it, as those of a process are in extents. */
#include "kernel.h"

static struct inode *inodes, *newest, *entered; /* entered: last into a folder */
static struct pool inode_pool = { .size = sizeof(struct inode) };
static struct pool piece_pool = { .size = sizeof(struct piece) };

static void enter(struct inode *inode, struct inode *parent, const char *name)
{
    struct inode **at = &parent->child;

    inode->parent = parent;
    inode->name = name;
    if (inode->ino >= PROC_INO)
        return; /* /proc lists its own */
    if (entered && entered->parent == parent && entered->ino < inode->ino)
        at = &entered->sibling;
    entered = inode;
    while (*at && (*at)->ino < inode->ino)
        at = &(*at)->sibling;
    inode->sibling = *at;
    *at = inode;
}

static void leave(struct inode *inode)
{
    struct inode **at = inode->parent && inode->parent != inode ? &inode->parent->child : 0;

    entered = 0;
    while (at && *at && *at != inode)
        at = &(*at)->sibling;
    if (at && *at)
        *at = inode->sibling;
    inode->parent = 0;
}

/* `name` is kept, not copied; 0 when there is no memory. */
struct inode *inode_new(uint32_t ino, struct inode *parent, const char *name, uint32_t mode)
{
    struct inode *inode = pool_take(&inode_pool), **at = &inodes;

    if (!inode)
        return 0;
    inode->ino = ino;
    inode->mode = (uint16_t)mode;
    if (newest && newest->ino < ino)
        at = &newest->next;
    while (*at && (*at)->ino < ino)
        at = &(*at)->next;
    inode->next = *at;
    *at = inode;
    if (!inode->next)
        newest = inode;
    if (parent)
        enter(inode, parent, name);
    else
        inode->parent = inode, inode->name = name;
    return inode;
}

void inode_delete(struct inode *inode)
{
    struct inode **at = &inodes, *before = 0;

    inode_cut(inode, 0);
    leave(inode);
    for (; *at != inode; at = &(*at)->next)
        before = *at;
    *at = inode->next;
    if (newest == inode)
        newest = before;
    pool_give(&inode_pool, inode);
}

struct inode *inode_find(uint32_t ino)
{
    struct inode *inode = inodes;

    while (inode && inode->ino < ino)
        inode = inode->next;
    return inode && inode->ino == ino ? inode : 0;
}

struct inode *inode_first(void) { return inodes; }
struct inode *inode_after(struct inode *inode) { return inode->next; }

/* What is in a folder, by number: the first one behind `ino`. */
struct inode *inode_child(const struct inode *folder, uint32_t ino)
{
    struct inode *inode = folder->child;

    while (inode && inode->ino <= ino)
        inode = inode->sibling;
    return inode;
}

/* The one behind `before`, or the first. */
struct inode *inode_beside(const struct inode *folder, struct inode *before)
{
    return before ? before->sibling : folder->child;
}

/* To another folder, or to none, under another name. */
void inode_move(struct inode *inode, struct inode *parent, const char *name)
{
    leave(inode);
    inode->name = name;
    if (parent)
        enter(inode, parent, name);
}

static bool add_run(struct inode *inode, const struct run *run)
{
    struct piece **at = &inode->pages, *before = 0, *piece;

    for (; *at && (*at)->vaddr < run->vaddr; at = &(*at)->next)
        before = *at;
    if (before && before->vaddr + before->n * PAGE == run->vaddr
        && before->paddr + before->n * PAGE == run->paddr) {
        before->n += run->n;
        return true;
    }
    piece = pool_take(&piece_pool);
    if (!piece)
        return false;
    *piece = (struct piece){ .next = *at, .n = run->n, .paddr = run->paddr, .vaddr = run->vaddr };
    *at = piece;
    return true;
}

/* The frame of a page of a file in /tmp; 0: there is none, or no memory to make one. */
uint32_t inode_page(struct inode *inode, uint32_t index, bool make)
{
    struct run run = { .vaddr = index * PAGE, .n = 1 };

    for (struct piece *each = inode->pages; each; each = each->next)
        if (run.vaddr >= each->vaddr && run.vaddr - each->vaddr < each->n * PAGE)
            return each->paddr + (run.vaddr - each->vaddr);
    run.paddr = make ? frame_for_user() : 0;
    if (!run.paddr)
        return 0;
    memset(P2V(run.paddr), 0, PAGE);
    if (add_run(inode, &run))
        return run.paddr;
    frame_free(run.paddr);
    return 0;
}

/* Frees its pages from one on. */
void inode_cut(struct inode *inode, uint32_t from)
{
    struct piece **at = &inode->pages, *piece;

    while ((piece = *at)) {
        uint32_t first = piece->vaddr / PAGE, keep = from > first ? MIN(from - first, piece->n) : 0;
        for (uint32_t i = keep; i < piece->n; i++)
            frame_free(piece->paddr + i * PAGE);
        piece->n = keep;
        if (keep) {
            at = &piece->next;
        } else {
            *at = piece->next;
            pool_give(&piece_pool, piece);
        }
    }
}

/* The next run of pages behind *run; vaddr counts from the file's beginning. */
bool inode_next_run(struct inode *inode, struct run *run)
{
    uint32_t from = run->vaddr + run->n * PAGE;
    struct piece *piece = inode->pages;

    while (piece && piece->vaddr < from)
        piece = piece->next;
    if (piece)
        *run = (struct run){ .vaddr = piece->vaddr, .paddr = piece->paddr, .n = piece->n };
    return piece;
}

/* Pages that are there become its own; false when there is no memory to say so. */
bool inode_map_run(struct inode *inode, const struct run *run)
{
    return add_run(inode, run);
}
