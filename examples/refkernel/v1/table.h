/* v1's tables: arrays of pointers to objects, sorted by the number every object begins with. */
#ifndef TABLE_H
#define TABLE_H
#include <stdbool.h>
#include <stdint.h>

struct table {
    uint32_t count, room;
    uint32_t **slot;
    uint32_t seen; /* place of one that has just been returned: a hint where to look */
};

uint32_t table_place(const struct table *table, uint32_t key);
void *table_find(const struct table *table, uint32_t key);
bool table_add(struct table *table, void *object);

static inline void *table_at(const struct table *table, uint32_t place)
{
    return place < table->count ? table->slot[place] : 0;
}

/* The next one; the object returned last is mostly the one that is asked about next. */
static inline void *table_after(struct table *table, const void *object)
{
    uint32_t at = table->seen;

    if (at >= table->count || table->slot[at] != object)
        at = table_place(table, *(const uint32_t *)object);
    table->seen = ++at;
    return table_at(table, at);
}

void table_remove(struct table *table, const void *object);
#endif
