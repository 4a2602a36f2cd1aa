/* Open files and pipes: arrays sorted by number. */
#include "kernel.h"
#include "table.h"

enum { FILES = 2048, PIPES = 512 };

static uint32_t *file_slots[FILES], *pipe_slots[PIPES];
static struct table files = { .room = FILES, .slot = file_slots };
static struct table pipes = { .room = PIPES, .slot = pipe_slots };
static struct pool file_pool = { .size = sizeof(struct file) };
static struct pool pipe_pool = { .size = sizeof(struct pipe) };
static uint32_t last_file, last_pipe;

/* id 0: the next number; 0 when there are too many. */
struct file *file_new(uint32_t id, uint32_t kind, uint32_t flags)
{
    struct file *file = pool_take(&file_pool);

    if (!file)
        return 0;
    file->id = id ? id : last_file + 1;
    file->kind = kind;
    file->flags = flags;
    if (!table_add(&files, file)) {
        pool_give(&file_pool, file);
        return 0;
    }
    last_file = MAX(last_file, file->id);
    return file;
}

void file_delete(struct file *file)
{
    table_remove(&files, file);
    pool_give(&file_pool, file);
}

struct file *file_find(uint32_t id) { return table_find(&files, id); }
struct file *file_first(void) { return table_at(&files, 0); }

struct file *file_after(struct file *file) { return table_after(&files, file); }

struct pipe *pipe_new(uint32_t id)
{
    struct pipe *pipe = pool_take(&pipe_pool);
    uint32_t pa = pipe ? frame_for_kernel() : 0;

    if (!pa) {
        if (pipe)
            pool_give(&pipe_pool, pipe);
        return 0;
    }
    pipe->bytes = P2V(pa);
    pipe->id = id ? id : last_pipe + 1;
    if (!table_add(&pipes, pipe)) {
        frame_free(pa);
        pool_give(&pipe_pool, pipe);
        return 0;
    }
    last_pipe = MAX(last_pipe, pipe->id);
    return pipe;
}

void pipe_delete(struct pipe *pipe)
{
    table_remove(&pipes, pipe);
    frame_free(V2P(pipe->bytes));
    pool_give(&pipe_pool, pipe);
}

struct pipe *pipe_find(uint32_t id) { return table_find(&pipes, id); }
struct pipe *pipe_first(void) { return table_at(&pipes, 0); }

struct pipe *pipe_after(struct pipe *pipe) { return table_after(&pipes, pipe); }

uint32_t pipe_used(struct pipe *pipe) { return pipe->in - pipe->out; }
uint32_t pipe_seq(struct pipe *pipe) { return pipe->out; }

/* Only while it is empty: how many bytes have ever been read. */
void pipe_set_seq(struct pipe *pipe, uint32_t seq)
{
    pipe->in = pipe->out = seq;
}

/* The caller has seen that there is room. */
void pipe_put(struct pipe *pipe, const void *from, uint32_t len)
{
    uint32_t at = pipe->in % PIPE_SIZE, part = MIN(len, PIPE_SIZE - at);

    memcpy(pipe->bytes + at, from, part);
    memcpy(pipe->bytes, (const char *)from + part, len - part);
    pipe->in += len;
}

/* All its bytes, which stay in it. */
void pipe_peek(struct pipe *pipe, void *to)
{
    uint32_t at = pipe->out % PIPE_SIZE, len = pipe_used(pipe), part = MIN(len, PIPE_SIZE - at);

    memcpy(to, pipe->bytes + at, part);
    memcpy((char *)to + part, pipe->bytes, len - part);
}

/* The caller has seen that they are there. */
void pipe_take(struct pipe *pipe, void *to, uint32_t len)
{
    uint32_t at = pipe->out % PIPE_SIZE, part = MIN(len, PIPE_SIZE - at);

    memcpy(to, pipe->bytes + at, part);
    memcpy((char *)to + part, pipe->bytes, len - part);
    pipe->out += len;
}
