/* Another build of ledger.c.
 * with: -DBUILD=7 */
#include "ledger.c"
