/* Quicksort of words, compute without system calls: sorter [ROUNDS] [WORDS]. */
#include "lib.h"

const char name[] = "sorter";

enum { MOST = 65536 };
static u32 words[MOST];

static void sort(u32 *low, u32 *high)
{
    u32 *left, *right, middle, swap;
    while (low < high) {
        middle = low[(high - low) / 2];
        for (left = low, right = high; left <= right;) {
            while (*left < middle)
                left++;
            while (*right > middle)
                right--;
            if (left <= right) {
                swap = *left;
                *left++ = *right;
                *right-- = swap;
            }
        }
        if (right - low < high - left) { /* the shorter part first: the stack stays small */
            sort(low, right);
            low = left;
        } else {
            sort(left, high);
            high = right;
        }
    }
}

void run(void)
{
    u32 round, i, rounds = argument(1, 5), count = argument(2, 40000), state, sum, mixed, wrong;

    check(count > 0 && count <= MOST, "%u words are not 1 to %u", count, MOST);
    for (round = 0; round < rounds; round++) {
        state = round + 1;
        sum = mixed = wrong = 0;
        for (i = 0; i < count; i++) {
            words[i] = xorshift(&state);
            sum += words[i], mixed ^= words[i] * 0x9E3779B1;
        }
        sort(words, words + count - 1);
        for (i = 0; i < count; i++) {
            wrong += i > 0 && words[i - 1] > words[i];
            sum -= words[i], mixed ^= words[i] * 0x9E3779B1;
        }
        check(wrong == 0, "%u words are out of order", wrong);
        check(sum == 0 && mixed == 0, "words are lost");
    }
}
