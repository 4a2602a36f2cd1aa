/* Another build of ledger.c.
 * with: -DBUILD=6 */
#include "ledger.c"
