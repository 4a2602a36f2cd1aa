/* Linux i386: terminal settings and the ioctls of terminals (<asm/termbits.h>, <asm/ioctls.h>). */
#ifndef TERMIOS_H
#define TERMIOS_H
#include <stdint.h>

enum { IGNBRK = 01, BRKINT = 02, INLCR = 0100, IGNCR = 0200, ICRNL = 0400, IUCLC = 01000,
       IXON = 02000, IXANY = 04000, IXOFF = 010000, ISTRIP = 040, IMAXBEL = 020000,
       IUTF8 = 040000 };
enum { OPOST = 01, OLCUC = 02, ONLCR = 04, OCRNL = 010, ONOCR = 020, ONLRET = 040,
       TABDLY = 014000, XTABS = 014000 };
enum { B115200 = 010002, CS8 = 060, CREAD = 0200, HUPCL = 02000, CLOCAL = 04000 };
enum { ISIG = 01, ICANON = 02, ECHO = 010, ECHOE = 020, ECHOK = 040, ECHONL = 0100,
       NOFLSH = 0200, TOSTOP = 0400, ECHOCTL = 01000, ECHOKE = 04000, IEXTEN = 0100000 };
enum { VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSWTC, VSTART, VSTOP, VSUSP, VEOL,
       VREPRINT, VDISCARD, VWERASE, VLNEXT, VEOL2, NCCS = 19 };

struct abi_termios { uint32_t iflag, oflag, cflag, lflag; uint8_t line, cc[NCCS]; };
struct abi_winsize { uint16_t rows, cols, xpixel, ypixel; };

enum {
    TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TCSBRK = 0x5409, TCXONC, TCFLSH,
    TIOCSCTTY = 0x540E, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ, TIOCSTI, TIOCGWINSZ,
    TIOCSWINSZ, FIONREAD = 0x541B, FIONBIO = 0x5421, TIOCNOTTY, TCSBRKP = 0x5425,
    TIOCGSID = 0x5429, FIONCLEX = 0x5450, FIOCLEX,
};
enum { TCOOFF, TCOON, TCIOFF, TCION };
enum { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
#endif
