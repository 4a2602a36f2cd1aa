/* v2: page tables, as aspace.c uses them. */
#ifndef PAGES_H
#define PAGES_H

uint32_t *pages_entry(struct aspace *as, uint32_t vaddr, bool create);
void pages_clear(struct aspace *as, uint32_t from, uint32_t to, uint32_t bits);
void pages_delete(struct aspace *as);
#endif
