/* Another build of ledger.c.
 * with: -DBUILD=8 */
#include "ledger.c"
