/* Another build of ledger.c.
 * with: -DBUILD=5 */
#include "ledger.c"
