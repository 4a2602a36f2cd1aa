/* Open files and pipes: lists in the order of their numbers. */
#include "kernel.h"

static struct file *files, *newest_file;
static struct pipe *pipes, *newest_pipe;
static struct pool file_pool = { .size = sizeof(struct file) };
static struct pool pipe_pool = { .size = sizeof(struct pipe) };
static uint32_t last_file, last_pipe;

/* id 0: the next number; 0 when there is no memory. */
struct file *file_new(uint32_t id, uint32_t kind, uint32_t flags)
{
    struct file *file = pool_take(&file_pool), **at = &files;

    if (!file)
        return 0;
    file->id = id ? id : last_file + 1;
    file->kind = (uint8_t)kind;
    file->flags = flags;
    if (newest_file && newest_file->id < file->id)
        at = &newest_file->next;
    while (*at && (*at)->id < file->id)
        at = &(*at)->next;
    file->next = *at;
    *at = file;
    if (!file->next)
        newest_file = file;
    last_file = MAX(last_file, file->id);
    return file;
}

void file_delete(struct file *file)
{
    struct file **at = &files, *before = 0;

    for (; *at != file; at = &(*at)->next)
        before = *at;
    *at = file->next;
    if (newest_file == file)
        newest_file = before;
    pool_give(&file_pool, file);
}

struct file *file_find(uint32_t id)
{
    struct file *file = files;

    while (file && file->id < id)
        file = file->next;
    return file && file->id == id ? file : 0;
}

struct file *file_first(void) { return files; }
struct file *file_after(struct file *file) { return file->next; }

struct pipe *pipe_new(uint32_t id)
{
    struct pipe *pipe = pool_take(&pipe_pool), **at = &pipes;
    uint32_t pa = pipe ? frame_for_kernel() : 0;

    if (!pa) {
        if (pipe)
            pool_give(&pipe_pool, pipe);
        return 0;
    }
    pipe->bytes = P2V(pa);
    pipe->id = id ? id : last_pipe + 1;
    if (newest_pipe && newest_pipe->id < pipe->id)
        at = &newest_pipe->next;
    while (*at && (*at)->id < pipe->id)
        at = &(*at)->next;
    pipe->next = *at;
    *at = pipe;
    if (!pipe->next)
        newest_pipe = pipe;
    last_pipe = MAX(last_pipe, pipe->id);
    return pipe;
}

void pipe_delete(struct pipe *pipe)
{
    struct pipe **at = &pipes, *before = 0;

    for (; *at != pipe; at = &(*at)->next)
        before = *at;
    *at = pipe->next;
    if (newest_pipe == pipe)
        newest_pipe = before;
    frame_free(V2P(pipe->bytes));
    pool_give(&pipe_pool, pipe);
}

struct pipe *pipe_find(uint32_t id)
{
    struct pipe *pipe = pipes;

    while (pipe && pipe->id < id)
        pipe = pipe->next;
    return pipe && pipe->id == id ? pipe : 0;
}

struct pipe *pipe_first(void) { return pipes; }
struct pipe *pipe_after(struct pipe *pipe) { return pipe->next; }
uint32_t pipe_used(struct pipe *pipe) { return pipe->used; }
uint32_t pipe_seq(struct pipe *pipe) { return pipe->seq; }

/* Only while it is empty: how many bytes have ever been read. */
void pipe_set_seq(struct pipe *pipe, uint32_t seq)
{
    pipe->seq = seq;
}

/* The caller has seen that there is room. */
void pipe_put(struct pipe *pipe, const void *from, uint32_t len)
{
    uint32_t at = (uint32_t)(pipe->head + pipe->used) % PIPE_SIZE, part = MIN(len, PIPE_SIZE - at);

    memcpy(pipe->bytes + at, from, part);
    memcpy(pipe->bytes, (const char *)from + part, len - part);
    pipe->used += (uint16_t)len;
}

/* All its bytes, which stay in it. */
void pipe_peek(struct pipe *pipe, void *to)
{
    uint32_t part = MIN(pipe->used, PIPE_SIZE - pipe->head);

    memcpy(to, pipe->bytes + pipe->head, part);
    memcpy((char *)to + part, pipe->bytes, pipe->used - part);
}

/* The caller has seen that they are there. */
void pipe_take(struct pipe *pipe, void *to, uint32_t len)
{
    uint32_t part = MIN(len, (uint32_t)PIPE_SIZE - pipe->head);

    memcpy(to, pipe->bytes + pipe->head, part);
    memcpy((char *)to + part, pipe->bytes, len - part);
    pipe->head = (uint16_t)((pipe->head + len) % PIPE_SIZE);
    pipe->used -= (uint16_t)len;
    pipe->seq += len;
}
