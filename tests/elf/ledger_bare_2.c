/* Another build of ledger.c, without debug information.
 * with: -g0 -DBUILD=2 */
#include "ledger.c"
