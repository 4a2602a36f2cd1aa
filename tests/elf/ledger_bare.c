/* ledger.c without debug information.
 * with: -g0 */
#include "ledger.c"
