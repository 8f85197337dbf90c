/* What one rank did in a run, for the coordinator's record: a plain struct that travels as it is. */
#ifndef CPS_DEPLOY_TRAINING_ACCOUNT_H
#define CPS_DEPLOY_TRAINING_ACCOUNT_H

#include "common/drive/driver.h"
#include "common/store/run_record.h"

struct cps_account {
    int64_t process;
    uint64_t busy_ns, idle_ns, peak_memory_bytes;
    uint64_t messages[CPS_MESSAGE_KINDS], bytes[CPS_MESSAGE_KINDS]; /* sent */
    struct cps_record_traffic traffic;
};

/* This process's own; control and bulk may be NULL. */
struct cps_account cps_account_here(const struct cps_driver *driver, const struct cps_transport *control,
                                    const struct cps_transport *bulk);

/* Puts the account of one rank into its record, and adds its messages to counters, one a kind, and to traffic.
 */
void cps_account_enter(const struct cps_account *self, struct cps_record_rank *record,
                       struct cps_record_counter counters[CPS_MESSAGE_KINDS],
                       struct cps_record_traffic *traffic);

#endif
