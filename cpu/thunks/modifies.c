/*
 * W of a page fault's error code, for instructions that read, modify and write.
 *
 * The chip looks at once whether it may write; the engine reads first, and that read faults. So the
 * instruction is looked at, after a fault only. Opcodes: Intel SDM 2, appendix A.
 */
#include "thunks.h"

#define BIT(n) (1u << (n))

static u8 byte(u32 *linear)
{
    return P.fetch(P.env, (*linear)++);
}

static int is_prefix(u8 opcode)
{
    return (opcode & 0xE7) == 0x26 || (opcode >= 0x64 && opcode <= 0x67) || opcode == 0xF0 ||
           opcode == 0xF2 || opcode == 0xF3;
}

/* Which /r of a two-byte opcode modify a memory operand: bit n for /n. */
static u32 modify_0f(u8 opcode)
{
    switch (opcode) {
    case 0xA4: case 0xA5: case 0xAC: case 0xAD:            /* SHLD, SHRD */
    case 0xAB: case 0xB3: case 0xBB:                       /* BTS, BTR, BTC */
    case 0xB0: case 0xB1: case 0xC0: case 0xC1:            /* CMPXCHG, XADD */
        return 0xff;
    case 0xBA:
        return BIT(5) | BIT(6) | BIT(7);
    case 0xC7:                                             /* CMPXCHG8B */
        return BIT(1);
    }
    return 0;
}

static u32 modify(u8 opcode)
{
    if (opcode < 0x38 && (opcode & 7) < 2)                 /* ADD to XOR, not CMP */
        return 0xff;
    switch (opcode) {
    case 0x80: case 0x81: case 0x82: case 0x83:
        return 0x7f;
    case 0x63: case 0x86: case 0x87:                       /* ARPL, XCHG */
    case 0xC0: case 0xC1: case 0xD0: case 0xD1: case 0xD2: case 0xD3:
        return 0xff;
    case 0xF6: case 0xF7:                                  /* NOT, NEG */
        return BIT(2) | BIT(3);
    case 0xFE: case 0xFF:                                  /* INC, DEC */
        return BIT(0) | BIT(1);
    }
    return 0;
}

/* Whether the instruction at EIP does so. */
int modifies_memory(void)
{
    u32 linear = (u32)(*P.eip + *P.cs_base), kinds;
    u8 opcode, modrm, i;

    for (i = 0; is_prefix(opcode = byte(&linear)); i++)
        if (i == 14)
            return 0;
    kinds = opcode == 0x0F ? modify_0f(byte(&linear)) : modify(opcode);
    if (!kinds)
        return 0;
    modrm = byte(&linear);
    return modrm < 0xC0 && (kinds >> (modrm >> 3 & 7) & 1);
}
