/* What the files that write and read the Save State Map share. */
#ifndef MAP_H
#define MAP_H
#include "kernel.h"

/* save_files.c */
void save_files(struct ssm_writer *out);
void save_fds(struct ssm_writer *out);
void save_pipes(struct ssm_writer *out);

/* save_task.c */
void save_tasks(struct ssm_writer *out);
void save_restarts(struct ssm_writer *out, uint64_t when);
void save_cputimers(struct ssm_writer *out);
void save_actions(struct ssm_writer *out);
void save_siginfos(struct ssm_writer *out);
uint32_t save_task_size(struct proc *p);

/* restore.c */
void must(bool ok, uint8_t reason, uint32_t value);
struct proc *proc_of(uint32_t pid, struct proc *before);

/* restore_task.c */
void restore_tasks(const void *map);
void restore_restarts(const void *map, uint64_t when);
bool restore_cputimer(const struct ssm_timer *from);
void restore_actions(const void *map);
void restore_siginfos(const void *map);

/* restore_files.c */
void restore_initrd(const void *map);
void restore_pipes(const void *map);
void restore_files(const void *map);
void restore_fds(const void *map);
#endif
