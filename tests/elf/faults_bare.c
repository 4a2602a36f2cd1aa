/* faults.c without debug information.
 * with: -g0 */
#include "faults.c"
