/* The structures of a kernel: v1's or v2's, part by part. Any part of the one goes with any of the
   other, so that kernels can be made of both; compare their headers side by side. */
#ifndef STRUCT_H
#define STRUCT_H
#include "pool.h"
#include "trapframe.h"
#include "timer.h"
#include "aspace.h"
#include "proc.h"
#include "inode.h"
#include "screen.h"
#include "tty.h"
#include "file.h"
#include "clock.h"
#endif
