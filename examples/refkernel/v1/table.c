/* v1's tables (table.h): binary search to find, memmove to add and remove. */
#include "kernel.h"
#include "table.h"

/* Where the object with this key is, or would be: the first with a key not below it. */
uint32_t table_place(const struct table *table, uint32_t key)
{
    uint32_t lo = 0, hi = table->count;

    if (hi && *table->slot[hi - 1] < key) /* mostly a new one, the highest */
        return hi;
    if (table->seen + 1 < hi && *table->slot[table->seen] < key
        && key <= *table->slot[table->seen + 1])
        return table->seen + 1;
    while (lo < hi) {
        uint32_t middle = (lo + hi) / 2;
        if (*table->slot[middle] < key)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

void *table_find(const struct table *table, uint32_t key)
{
    uint32_t *object = table_at(table, table->seen);

    if (object && *object == key)
        return object;
    object = table_at(table, table_place(table, key));
    return object && *object == key ? object : 0;
}

/* false when it is full. */
bool table_add(struct table *table, void *object)
{
    uint32_t at = table_place(table, *(uint32_t *)object);

    if (table->count == table->room)
        return false;
    if (at < table->count)
        memmove(&table->slot[at + 1], &table->slot[at], (table->count - at) * sizeof *table->slot);
    table->slot[at] = object;
    table->count++;
    return true;
}

void table_remove(struct table *table, const void *object)
{
    uint32_t at = table_place(table, *(const uint32_t *)object);

    table->count--;
    memmove(&table->slot[at], &table->slot[at + 1], (table->count - at) * sizeof *table->slot);
}
