/* v1: page tables, as aspace.c uses them. */
#ifndef PAGES_H
#define PAGES_H

bool pages_make(struct aspace *as);
void pages_delete(struct aspace *as);
bool pages_map(struct aspace *as, const struct vma *vma, const struct run *run);
bool pages_next_run(struct aspace *as, struct run *run, uint32_t end);
void pages_each_run(struct aspace *as, const struct vma *vma, run_told *tell, void *to);
#endif
