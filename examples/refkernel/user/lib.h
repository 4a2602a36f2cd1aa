/* What the programs share. A program defines `name` and `run`; it is started as

       NAME [NUMBER...] [hold]

   and ends with exactly one line, `NAME ok CHECKS` or `NAME FAILED what`, and status 0 or 1. The
   number of checks does not depend on time. With `hold` a program that is well does not exit: it
   wipes the stack it no longer uses and sleeps in pause() for ever, so that its memory and
   registers can be compared with those of another run. */
#ifndef LIB_H
#define LIB_H

#include "linux.h"

#define PAGE         4096u
#define MS           1000000u    /* ns */
#define SECOND       1000000000u /* ns */
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

extern const char name[];
void run(void);

/* argv[n] (n from 1), or 0. */
char *word(u32 n);
/* The n-th number (from 1) among the arguments, or `otherwise`. */
u32 argument(u32 n, u32 otherwise);
u32 number(const char *digits);

/* Count a check that holds; report one that does not and exit with status 1. */
void check(int holds, const char *what, ...);
/* Print one formatted line (at most 159 bytes) on the console with one write. Formats: %s %c %d
   %u %x %08x. */
void print(const char *format, ...);
/* As print, into text[size], ended by 0; returns the length. */
u32 format(char *text, u32 size, const char *format, ...);

/* Fork, checked; 0 in the child. A child calls exit() itself and reports its own failures. */
int spawn(void);
/* Wait for a child of spawn() and count its exit status as a check. */
void reap(int pid, int status);
/* Write or read exactly `size` bytes, or what comes before an end of file; interrupted calls are
   repeated. */
u32 write_all(int fd, const void *from, u32 size);
u32 read_all(int fd, void *to, u32 size);
/* Call `handler` on `signal`; blocked system calls then end with EINTR. */
void on_signal(int signal, void (*handler)(int));
/* The same with more: SA_ flags; with SA_SIGINFO the handler gets a struct siginfo, too. */
void on_signal_with(int signal, void *handler, u32 flags);

/* Marsaglia's xorshift32: the next value of a never-zero state. */
u32 xorshift(u32 *state);
/* CRC-32 (IEEE 802.3, as zlib) continued over size bytes; start with 0. */
u32 crc32(u32 crc, const void *from, u32 size);

/* CLOCK_MONOTONIC in ns. */
u64 monotonic(void);
u64 nanoseconds(struct timespec time);
/* Sleep at least that long, signals or not. */
void sleep_ms(u32 ms);

u32 length(const char *text);
int same(const char *a, const char *b);
void *memcpy(void *to, const void *from, u32 size);
void *memset(void *to, int value, u32 size);
int memcmp(const void *a, const void *b, u32 size);
#endif
