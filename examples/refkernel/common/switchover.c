#include "kernel.h"
bool before_commit; uint16_t switchover_txn;
void switchover_notice(void) {}
void switchover_point(void) {}
void switchover_reserve(void) {}
void switchover_boot(struct ssm_boot *boot) { (void)boot; halt_forever(); __builtin_unreachable(); }
