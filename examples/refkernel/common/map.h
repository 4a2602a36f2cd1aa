/* What the files that write and read the Save State Map share. */
#ifndef MAP_H
#define MAP_H
#include "kernel.h"

/* save_files.c */
void save_files(struct ssm_writer *out);
void save_fds(struct ssm_writer *out);
void save_pipes(struct ssm_writer *out);

/* restore.c */
void must(bool ok, uint8_t reason, uint32_t value);
struct proc *proc_of(uint32_t pid, struct proc *before);

/* restore_files.c */
void restore_initrd(const void *map);
void restore_pipes(const void *map);
void restore_files(const void *map);
void restore_fds(const void *map);
#endif
