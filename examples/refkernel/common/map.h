/* What the files that write and read the Save State Map share. */
#ifndef MAP_H
#define MAP_H
#include "kernel.h"

#define HUNG_UP 0xFFFFFFFFu /* FILE.dev_ino of a terminal */

/* save_files.c: text_... put what records name into BLOB, which is written last */
void text_begin(void *at, uint32_t room);
uint32_t text_put(const void *bytes, uint32_t len);
struct text_place { uint32_t off, len; };
struct text_place text_path(const struct inode *inode);
uint32_t text_path_size(const struct inode *inode);
bool save_blob(struct ssm_writer *out);
uint32_t save_files_size(void);
void save_locks(struct ssm_writer *out);
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

/* xstate.c */
void save_xstates(struct ssm_writer *out);
void restore_xstates(const void *map);

/* save_tmp.c, save_ttys.c */
uint32_t save_tmp_size(void);
void save_tmp_frames(struct ssm_writer *out);
void save_inodes(struct ssm_writer *out);
uint32_t save_ttys_size(void);
void save_ttys(struct ssm_writer *out);
void save_system(struct ssm_writer *out);

/* restore.c */
struct proc *proc_elsewhere(uint32_t pid);

static inline void must(bool ok, uint8_t reason, uint32_t value)
{
    if (!ok)
        restore_fail(reason, value);
}

/* The process of a record; records come in the order of pids, so mostly that of the one before. */
static inline struct proc *proc_of(uint32_t pid, struct proc *before)
{
    if (before && before->pid == pid)
        return before;
    before = before ? proc_after(before) : proc_first();
    return before && before->pid == pid ? before : proc_elsewhere(pid);
}

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
void restore_locks(const void *map);
void restore_exe(const void *map, struct proc *p, uint32_t off, uint32_t len);
void restore_cwd(const void *map, struct proc *p, uint32_t off, uint32_t len);

/* restore_tmp.c, restore_ttys.c */
void restore_inodes(const void *map);
void restore_ttys(const void *map);
void restore_system(const void *map);
#endif
