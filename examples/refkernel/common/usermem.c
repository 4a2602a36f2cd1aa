/* Memory of the current process, which the kernel sees at its own linear addresses: checked, and
   its pages brought in, before it is touched. */
#include "kernel.h"

bool user_ok(uint32_t at, uint32_t len, bool write)
{
    if (!len)
        return true;
    if (at < USER_LO || at >= USER_HI || len > USER_HI - at)
        return false;
    for (uint32_t page = PAGE_DOWN(at); page < at + len; page += PAGE)
        if (aspace_touch(&current->as, page, write))
            return false;
    return true;
}

int copy_in(void *to, uint32_t from, uint32_t len)
{
    if (!user_ok(from, len, false))
        return -EFAULT;
    memcpy(to, (const void *)from, len);
    return 0;
}

int copy_out(uint32_t to, const void *from, uint32_t len)
{
    if (!user_ok(to, len, true))
        return -EFAULT;
    memcpy((void *)to, from, len);
    return 0;
}

/* The length of a string without its NUL; -ENAMETOOLONG when it does not fit. */
int copy_string(char *to, uint32_t from, uint32_t room)
{
    for (uint32_t i = 0; i < room; i++) {
        if ((i == 0 || !((from + i) & PAGE_MASK)) && !user_ok(from + i, 1, false))
            return -EFAULT;
        to[i] = ((const char *)from)[i];
        if (!to[i])
            return (int)i;
    }
    return -ENAMETOOLONG;
}
