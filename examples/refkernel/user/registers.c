/* Every register keeps its value over long loops, preemption and signals: registers [ROUNDS]
   [LOOPS]. */
#include "lib.h"

const char name[] = "registers";

struct registers {
    u32 eax, ebx, ecx, edx, esi, edi, ebp, esp, eflags;
};
void hold_flags(struct registers *from_and_to, u32 count);
void hold_until(struct registers *from_and_to);
extern volatile u32 registers_stop;

enum { CF = 0x001, PF = 0x004, AF = 0x010, ZF = 0x040, SF = 0x080, DF = 0x400, OF = 0x800 };

static void stop(int signal)
{
    (void)signal;
    registers_stop++;
}

static void set_fs_gs(u32 fs, u32 gs)
{
    __asm__ volatile("movw %w0, %%fs; movw %w1, %%gs" : : "r"(fs), "r"(gs));
}

static void check_segments(u32 fs, u32 gs, u32 data)
{
    u32 now[5];
    __asm__ volatile("movl %%fs, %0; movl %%gs, %1; movl %%ds, %2; movl %%es, %3; movl %%ss, %4"
                     : "=r"(now[0]), "=r"(now[1]), "=r"(now[2]), "=r"(now[3]), "=r"(now[4]));
    check((now[0] & 0xFFFF) == fs, "fs is %x, not %x", now[0], fs);
    check((now[1] & 0xFFFF) == gs, "gs is %x, not %x", now[1], gs);
    check((now[2] & 0xFFFF) == data, "ds is %x, not %x", now[2], data);
    check((now[3] & 0xFFFF) == data, "es is %x, not %x", now[3], data);
    check((now[4] & 0xFFFF) == data, "ss is %x, not %x", now[4], data);
}

static void check_same(const struct registers *now, const struct registers *before, u32 flags)
{
    check(now->eax == before->eax, "eax is %x, not %x", now->eax, before->eax);
    check(now->ebx == before->ebx, "ebx is %x, not %x", now->ebx, before->ebx);
    check(now->ecx == before->ecx, "ecx is %x, not %x", now->ecx, before->ecx);
    check(now->edx == before->edx, "edx is %x, not %x", now->edx, before->edx);
    check(now->esi == before->esi, "esi is %x, not %x", now->esi, before->esi);
    check(now->edi == before->edi, "edi is %x, not %x", now->edi, before->edi);
    check(now->ebp == before->ebp, "ebp is %x, not %x", now->ebp, before->ebp);
    check(now->esp == 0, "esp moved by %d", now->esp);
    check((now->eflags & flags) == (before->eflags & flags), "eflags is %x, not %x", now->eflags,
          before->eflags);
}

static struct registers pattern(u32 *state)
{
    struct registers r;
    r.eax = xorshift(state), r.ebx = xorshift(state);
    r.ecx = xorshift(state), r.edx = xorshift(state);
    r.esi = xorshift(state), r.edi = xorshift(state), r.ebp = xorshift(state), r.esp = 0;
    r.eflags = xorshift(state) & (CF | PF | AF | ZF | SF | DF | OF);
    return r;
}

void run(void)
{
    u32 round, rounds = argument(1, 10), loops = argument(2, 2000000);
    u32 state = 0x1BADF00D, data, fs, gs;
    const struct itimerval shot = {{0, 0}, {0, 30000}};
    struct registers before, now;

    __asm__("movl %%ds, %0" : "=r"(data));
    data &= 0xFFFF;
    on_signal(SIGALRM, stop);
    for (round = 0; round < rounds; round++) {
        fs = round & 1 ? data : 0;
        gs = round & 2 ? data : 0;
        set_fs_gs(fs, gs);

        before = now = pattern(&state);
        hold_flags(&now, loops);
        before.ecx = 0;
        check_same(&now, &before, CF | PF | AF | ZF | SF | DF | OF);
        check_segments(fs, gs, data);

        before = now = pattern(&state);
        registers_stop = 0;
        check(setitimer(ITIMER_REAL, &shot, 0) == 0, "setitimer");
        hold_until(&now);
        check_same(&now, &before, CF | DF);
        check(registers_stop == 1, "%u signals from one shot", registers_stop);
        check_segments(fs, gs, data);
    }
    set_fs_gs(data, data);
}
