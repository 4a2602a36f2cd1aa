/* execve: static ELF programs, and such as name an interpreter that is linked at a fixed address
   (klibc's shared library), which then gets control instead. */
#include "calls.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf_segment { uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align; };
enum { ET_EXEC = 2, EM_386 = 3, PT_LOAD = 1, PT_INTERP = 3 };

enum { ARGUMENTS = 32 << 10 }; /* bytes of argv and envp */

struct image { uint32_t entry, phdr, phnum, end; char interpreter[64]; };

static uint32_t prot_of(uint32_t elf_flags)
{
    return (elf_flags & 4 ? PROT_READ : 0) | (elf_flags & 2 ? PROT_WRITE : 0)
           | (elf_flags & 1 ? PROT_EXEC : 0);
}

static int load_segment(struct aspace *as, const struct inode *inode,
                        const struct elf_segment *seg)
{
    uint32_t start = PAGE_DOWN(seg->vaddr), end = PAGE_UP(seg->vaddr + seg->memsz);

    if (seg->filesz > seg->memsz || seg->offset > inode->size
        || seg->filesz > inode->size - seg->offset || seg->vaddr < USER_LO
        || seg->memsz > USER_HI - PAGE - seg->vaddr)
        return -ENOEXEC;
    for (struct vma *vma = vma_first(as); vma; vma = vma_after(as, vma))
        if (vma->start < end && vma->end > start)
            return -ENOEXEC;
    if (!vma_add(as, start, end, prot_of(seg->flags), SSM_VMA_ANON)
        || !aspace_write(as, seg->vaddr, inode->data + seg->offset, seg->filesz))
        return -ENOMEM;
    return 0;
}

static int load(struct aspace *as, const struct inode *inode, struct image *image)
{
    const struct elf_header *elf = (const void *)inode->data;
    const struct elf_segment *seg;

    memset(image, 0, sizeof *image);
    if (inode->size < sizeof *elf || memcmp(elf->ident, "\177ELF\1\1", 6) || elf->type != ET_EXEC
        || elf->machine != EM_386 || elf->phentsize != sizeof *seg || elf->phoff > inode->size
        || elf->phnum * sizeof *seg > inode->size - elf->phoff)
        return -ENOEXEC;
    image->entry = elf->entry;
    image->phnum = elf->phnum;
    seg = (const void *)(inode->data + elf->phoff);
    for (int i = 0; i < elf->phnum; i++, seg++) {
        if (seg->type == PT_INTERP && seg->filesz < sizeof image->interpreter
            && seg->offset < inode->size && seg->filesz <= inode->size - seg->offset)
            memcpy(image->interpreter, inode->data + seg->offset, seg->filesz);
        if (seg->type != PT_LOAD || !seg->memsz)
            continue;
        int error = load_segment(as, inode, seg);
        if (error)
            return error;
        if (elf->phoff >= seg->offset && elf->phoff < seg->offset + seg->filesz)
            image->phdr = seg->vaddr + elf->phoff - seg->offset;
        image->end = MAX(image->end, PAGE_UP(seg->vaddr + seg->memsz));
    }
    return 0;
}

struct stack { struct aspace *as; uint32_t sp; bool full; };

static uint32_t push(struct stack *stack, const void *from, uint32_t len)
{
    stack->sp -= len;
    if (!aspace_write(stack->as, stack->sp, from, len))
        stack->full = true;
    return stack->sp;
}

static void push_word(struct stack *stack, uint32_t word)
{
    push(stack, &word, sizeof word);
}

static void push_aux(struct stack *stack, uint32_t type, uint32_t value)
{
    push_word(stack, value);
    push_word(stack, type);
}

/* A vector of pointers to strings, 0 at its end; *end: where its last string ends in `strings`. */
static void push_vector(struct stack *stack, uint32_t count, const char *strings, uint32_t *end,
                        uint32_t base)
{
    push_word(stack, 0);
    while (count--) {
        uint32_t start = *end - 1;
        while (start > 0 && strings[start - 1])
            start--;
        push_word(stack, base + start);
        *end = start;
    }
}

/* argc, argv, envp and auxv as Linux has them; strings: those of argv, then of envp. Returns the
   stack pointer, 0 when there is no memory. */
static uint32_t make_stack(struct aspace *as, const struct image *program,
                           const struct task *task, uint32_t argc, uint32_t envc,
                           const char *strings, uint32_t strings_len)
{
    struct stack stack = { as, STACK_HI - 4, false };
    uint32_t names, platform, random, end = strings_len;

    names = push(&stack, strings, strings_len);
    platform = push(&stack, "i486", 5);
    random = push(&stack, &(uint64_t[2]){ now(), uptime() }, 16);
    stack.sp = ((stack.sp - 4 * (argc + envc + 3)) & ~15u) + 4 * (argc + envc + 3);
    push_aux(&stack, AT_NULL, 0);
    push_aux(&stack, AT_PLATFORM, platform);
    push_aux(&stack, AT_RANDOM, random);
    push_aux(&stack, AT_SECURE, task->user.effective != task->user.real);
    push_aux(&stack, AT_EGID, task->group.effective);
    push_aux(&stack, AT_GID, task->group.real);
    push_aux(&stack, AT_EUID, task->user.effective);
    push_aux(&stack, AT_UID, task->user.real);
    push_aux(&stack, AT_ENTRY, program->entry);
    push_aux(&stack, AT_FLAGS, 0);
    push_aux(&stack, AT_BASE, 0); /* an interpreter stands where it was linked */
    push_aux(&stack, AT_PHNUM, program->phnum);
    push_aux(&stack, AT_PHENT, sizeof(struct elf_segment));
    push_aux(&stack, AT_PHDR, program->phdr);
    push_aux(&stack, AT_CLKTCK, USER_HZ);
    push_aux(&stack, AT_PAGESZ, PAGE);
    /* pairs of words so far: 16 of them keep the alignment */
    push_vector(&stack, envc, strings, &end, names);
    push_vector(&stack, argc, strings, &end, names);
    push_word(&stack, argc);
    return stack.full ? 0 : stack.sp;
}

/* What a program changes of who runs it: all files are user 0's. */
static void become(struct task *task, const struct inode *inode)
{
    task->user.saved = task->user.fs = task->user.effective =
        inode->mode & S_ISUID ? 0 : task->user.effective;
    task->group.saved = task->group.fs = task->group.effective =
        inode->mode & S_ISGID ? 0 : task->group.effective;
    task->did_exec = true;
    task->altstack = (struct altstack){ .size = 0 };
    memset(task->tls, 0, sizeof task->tls);
}

/* Replaces what p runs. On an error p is as before, but for one that has no address space yet. */
int exec(struct proc *p, const char *path, uint32_t argc, uint32_t envc, const char *strings,
         uint32_t strings_len)
{
    struct inode *inode, *library;
    struct found found;
    struct aspace as;
    struct image program, interpreter;
    struct task task = p->task;
    uint32_t sp = 0, entry;
    int error = path_walk(p->cwd, path, 0, &found);

    if (error)
        return error;
    inode = found.inode;
    if ((inode->mode & S_IFMT) != S_IFREG || tmpfs_is(inode) || procfs_is(inode) /* noexec */
        || !(inode->mode & (task.user.effective ? S_IXOTH : S_IXUSR | S_IXGRP | S_IXOTH)))
        return -EACCES;
    become(&task, inode);
    memset(&as, 0, sizeof as);
    if (!aspace_new(&as))
        return -ENOMEM;
    error = load(&as, inode, &program);
    entry = program.entry;
    as.brk_start = as.brk = program.end;
    if (!error && program.interpreter[0]) {
        library = path_lookup(program.interpreter);
        error = library ? load(&as, library, &interpreter) : -ENOENT;
        entry = interpreter.entry;
    }
    if (!error && !vma_add(&as, STACK_LO, STACK_HI, PROT_READ | PROT_WRITE, SSM_VMA_STACK))
        error = -ENOMEM;
    if (!error) {
        sp = make_stack(&as, &program, &task, argc, envc, strings, strings_len);
        if (!sp)
            error = -ENOMEM;
    }
    if (error) {
        aspace_delete(&as);
        return error;
    }
    if (!process_return_memory(p))
        aspace_delete(&p->as);
    p->as = as;
    if (p->exe)
        inode_release(p->exe);
    p->exe = inode_hold(inode);
    p->task = task;
    p->task.vfork_parent = 0;
    for (const char *at = path; *at; at++)
        if (*at == '/')
            path = at + 1;
    copy_name(p->name, sizeof p->name, path);
    fpu_drop(p);
    memset(p->fpu, 0, sizeof p->fpu);
    memset(&p->frame, 0, sizeof p->frame);
    p->frame.eip = entry, p->frame.esp = sp;
    p->frame.cs = USER_CS, p->frame.ss = p->frame.ds = p->frame.es = USER_DS;
    p->frame.eflags = EFLAGS_IF | 2;
    return 0;
}

/* Appends the strings of a vector to text; their number, or -errno. */
static int collect(uint32_t vector, char *text, uint32_t room, uint32_t *len)
{
    uint32_t word;

    for (int n = 0;; n++, vector += 4) {
        int part;
        if (!vector)
            return n;
        if (copy_in(&word, vector, sizeof word))
            return -EFAULT;
        if (!word)
            return n;
        part = copy_string(text + *len, word, room - *len);
        if (part < 0)
            return part == -ENAMETOOLONG ? -E2BIG : part;
        *len += (uint32_t)part + 1;
    }
}

/* Signals that are caught go back to their default, ignored ones stay. */
int sys_execve(struct proc *p, const uint32_t a[6])
{
    static char text[ARGUMENTS];
    static char path[PATH_MAX];
    uint32_t len = 0, ignored[2] = { 0, 0 };
    struct sigact act;
    int argc, envc, error = copy_string(path, a[0], sizeof path);

    if (error < 0)
        return error;
    argc = collect(a[1], text, sizeof text, &len);
    envc = argc < 0 ? argc : collect(a[2], text, sizeof text, &len);
    if (envc < 0)
        return envc;
    error = script_expand(p, path, text, sizeof text, &len, &argc);
    if (error)
        return error;
    error = exec(p, path, (uint32_t)argc, (uint32_t)envc, text, len);
    if (error)
        return error;
    for (int signo = 1; signo <= NSIG; signo++)
        if (sig_action(p, signo, &act) && act.handler == SIG_IGN)
            ignored[(signo - 1) / 32] |= 1u << (signo - 1) % 32;
    sig_forget(p);
    for (int signo = 1; signo <= NSIG; signo++)
        if (ignored[(signo - 1) / 32] >> (signo - 1) % 32 & 1)
            sig_set_action(p, signo, &(struct sigact){ .handler = SIG_IGN });
    fds_close(p, false);
    return 0;
}
