/* What each file about files, terminals and consoles offers the others; part of kernel.h. */
#ifndef FILES_H
#define FILES_H

/* file.c (v1, v2): open files and pipes */
struct file *file_new(uint32_t id, uint32_t kind, uint32_t flags);
void file_delete(struct file *file);
struct file *file_find(uint32_t id);
struct file *file_first(void);
struct file *file_after(struct file *file);
struct pipe *pipe_new(uint32_t id);
void pipe_delete(struct pipe *pipe);
struct pipe *pipe_find(uint32_t id);
struct pipe *pipe_first(void);
struct pipe *pipe_after(struct pipe *pipe);
uint32_t pipe_used(struct pipe *pipe);
uint32_t pipe_seq(struct pipe *pipe);
void pipe_put(struct pipe *pipe, const void *from, uint32_t len);
void pipe_take(struct pipe *pipe, void *to, uint32_t len);
void pipe_peek(struct pipe *pipe, void *to);
void pipe_set_seq(struct pipe *pipe, uint32_t seq);

/* sys_file.c, sys_fd.c, pipe.c, sys_poll.c */
bool file_is_named(const struct file *file);
void file_release(struct file *file);
int fd_install(struct proc *p, struct file *file, uint32_t from, bool cloexec);
int pipe_read(struct file *file, uint32_t to, uint32_t len);
int pipe_write(struct file *file, uint32_t from, uint32_t len, bool together);
void poll_wake(void);
void select_left(struct proc *p, uint32_t nr);
void ppoll_left(struct proc *p, uint32_t nr);

/* inode.c (v1, v2): what has a name. Numbers: 1 the root, then places in the initrd; what is added
   to it; what is made in /tmp; in /proc whose and what. */
enum { INO_ROOT = 1, INO_ADDED = 0x8000, INO_TMP = 0x10000, PROC_INO = 0x40000000 };
struct inode *inode_new(uint32_t ino, struct inode *parent, const char *name, uint32_t mode);
void inode_delete(struct inode *inode);
struct inode *inode_find(uint32_t ino);
struct inode *inode_first(void);
struct inode *inode_after(struct inode *inode);
struct inode *inode_child(const struct inode *folder, uint32_t ino);
struct inode *inode_beside(const struct inode *folder, struct inode *before);
void inode_move(struct inode *inode, struct inode *parent, const char *name);
uint32_t inode_page(struct inode *inode, uint32_t index, bool make);
void inode_cut(struct inode *inode, uint32_t from);
bool inode_next_run(struct inode *inode, struct run *run);
bool inode_map_run(struct inode *inode, const struct run *run);

/* path.c: what a walk has found */
struct found {
    struct inode *folder, *inode;
    bool slash;               /* the path ends in one, or in . or .. */
    char name[NAME_MAX + 1];  /* the last component */
};
enum { WALK_NOFOLLOW = 1, WALK_MISSING = 2 };
enum { MAY_READ = 4, MAY_WRITE = 2, MAY_EXECUTE = 1 };
struct inode *root(void);
bool is_folder(const struct inode *inode);
bool may(const struct inode *inode, uint32_t what);
int path_walk(struct inode *base, const char *path, uint32_t how, struct found *found);
struct inode *path_lookup(const char *path);
int path_of(const struct inode *inode, char *text, uint32_t room);
struct inode *inode_hold(struct inode *inode);
void inode_release(struct inode *inode);

/* initrd.c, regular.c, tmpfs.c */
void initrd_init(void);
uint32_t regular_read(struct inode *inode, uint64_t offset, void *to, uint32_t len);
int regular_write(struct inode *inode, uint64_t offset, const void *from, uint32_t len);
int regular_truncate(struct inode *inode, uint64_t size);
uint32_t inode_pages(struct inode *inode);
void tmpfs_count(uint32_t more);
uint32_t tmpfs_pages(void);
uint32_t tmpfs_pages_max(void);
void tmpfs_init(struct inode *folder);
bool tmpfs_is(const struct inode *inode);
struct inode *tmpfs_root(void);
bool tmpfs_used(void);
void tmpfs_restore(void);
struct inode *tmpfs_new(uint32_t ino, struct inode *folder, const char *text, uint32_t mode,
                        const char *link);
void tmpfs_forget(struct inode *inode);
void tmpfs_orphan(struct inode *inode);
int tmpfs_make(struct found *found, uint32_t mode, const char *link);
int tmpfs_unlink(struct found *found);
int tmpfs_rmdir(struct found *found);
int tmpfs_rename(struct found *from, struct found *to);

/* procfs.c, procfs_text.c */
enum {
    PROC_UPTIME = 1, PROC_MEMINFO, PROC_MOUNTS, PROC_STAT, PROC_LOADAVG, PROC_VERSION,
    PROC_CMDLINE, PROC_SELF, PROC_PID_STAT, PROC_PID_MAPS, PROC_PID_CMDLINE, PROC_PID_STATUS,
    PROC_PID_CWD, PROC_PID_EXE, PROC_PID_ROOT, PROC_PID_FD,
};
void procfs_init(struct inode *folder);
bool procfs_is(const struct inode *inode);
uint32_t procfs_pid(const struct inode *inode);
uint32_t procfs_what(const struct inode *inode);
struct inode *procfs_inode(uint32_t ino);
struct inode *procfs_child(struct inode *folder, const char *name, uint32_t len);
struct inode *procfs_next(struct inode *folder, uint32_t *place);
struct inode *procfs_target(const struct inode *link);
uint32_t link_text(const struct inode *link, char *to, uint32_t room);
void procfs_forget(uint32_t pid);
int procfs_read(const struct inode *inode, uint64_t offset, uint32_t to, uint32_t len);

/* lock.c */
struct lock {
    struct lock *next;
    struct file *file;
    uint32_t pid;  /* that holds it; 0: the open file, by flock */
    bool write;
    uint64_t start, end;
};
struct lock *lock_first(void);
bool lock_add(const struct lock *what);
int lock_fcntl(struct proc *p, struct file *file, uint32_t command, uint32_t at);
void lock_fd_closed(struct proc *p, struct file *file);
void lock_file_gone(struct file *file);

/* ttybuf.c (v1, v2): a terminal's unread input. What ends a line and is 0 is an end of file. */
void ttybuf_put(struct ttybuf *in, char c, bool ends_line);
bool ttybuf_unput(struct ttybuf *in);
uint32_t ttybuf_len(const struct ttybuf *in);
uint32_t ttybuf_edited(const struct ttybuf *in);
bool ttybuf_has_line(const struct ttybuf *in);
char ttybuf_at(const struct ttybuf *in, uint32_t at, bool *ends_line);
void ttybuf_drop(struct ttybuf *in, uint32_t n);
void ttybuf_unmark(struct ttybuf *in, bool last);

/* tty.c, tty_input.c, tty_read.c, tty_job.c, tty_ioctl.c */
extern struct tty *console;
void tty_init(uint32_t number, uint32_t rdev, void (*putc)(char c), void (*settle)(void));
struct tty *tty_find(uint32_t number);
void ttys_init(bool cold);
void ttys_unmask(void);
void console_choose(const char *cmdline);
void console_putc(char c);
bool tty_output(struct tty *tty, char c);
void tty_settle(struct tty *tty);
void tty_send(struct tty *tty, char c);
void tty_stop(struct tty *tty);
void tty_start(struct tty *tty);
void tty_flush_output(struct tty *tty);
void tty_flush_input(struct tty *tty);
void tty_input(struct tty *tty, char c);
int tty_read(struct proc *p, struct file *file, uint32_t to, uint32_t len);
int tty_write(struct proc *p, struct file *file, uint32_t from, uint32_t len);
uint32_t tty_readable(struct tty *tty);
int tty_poll(const struct file *file);
int tty_job(struct proc *p, const struct file *file, int signo);
void tty_opened(struct proc *p, struct file *file);
void tty_leader_exits(struct proc *p);
int tty_give_up(struct proc *p, struct tty *tty);
int tty_take(struct proc *p, struct tty *tty, bool steal);
int tty_set_foreground(struct proc *p, struct file *file, uint32_t pgrp);
int tty_ioctl(struct proc *p, struct file *file, uint32_t request, uint32_t arg);

/* vga.c, screen.c, kbd.c */
bool vga_init(bool cold);
void vga_put(uint32_t x, uint32_t y, char c, uint8_t attr);
void vga_blank(uint32_t x, uint32_t y, uint32_t end_x, uint32_t end_y, uint8_t attr);
void vga_shift_row(uint32_t x, uint32_t y, int n, uint8_t attr);
void vga_scroll(uint32_t top, uint32_t bottom, int n, uint8_t attr);
void vga_cursor(uint32_t x, uint32_t y, bool hidden);
struct screen *screen_state(void);
void screen_putc(char c);
void screen_settle(void);
enum { KBD_LEFT_SHIFT = 1, KBD_RIGHT_SHIFT = 2, KBD_LEFT_CTRL = 4, KBD_RIGHT_CTRL = 8,
       KBD_LEFT_ALT = 16, KBD_RIGHT_ALT = 32, KBD_CAPS = 64,
       KBD_EXTENDED = 128 }; /* 0xE0 has come, its key not yet */
bool kbd_init(bool cold);
void kbd_irq(void);
uint32_t kbd_held(void);
void kbd_hold(uint32_t flags);
#endif
