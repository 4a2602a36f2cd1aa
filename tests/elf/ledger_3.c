/* Another build of ledger.c.
 * with: -DBUILD=3 */
#include "ledger.c"
