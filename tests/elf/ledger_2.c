/* Another build of ledger.c.
 * with: -DBUILD=2 */
#include "ledger.c"
