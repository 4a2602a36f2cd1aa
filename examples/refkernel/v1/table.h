/* v1's tables: arrays of pointers to objects, sorted by the number every object begins with. */
#ifndef TABLE_H
#define TABLE_H
#include <stdbool.h>
#include <stdint.h>

struct table {
    uint32_t count, room;
    uint32_t **slot;
};

uint32_t table_place(const struct table *table, uint32_t key);
void *table_find(const struct table *table, uint32_t key);
void *table_at(const struct table *table, uint32_t place);
bool table_add(struct table *table, void *object);
void table_remove(struct table *table, const void *object);
#endif
