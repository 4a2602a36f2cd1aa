/* Another build of ledger.c.
 * with: -DBUILD=4 */
#include "ledger.c"
