/* The statistics of one rank in a run, for the coordinator's record: a plain struct, sent as raw bytes. */
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

/* Returns the account of this process; control and bulk may be NULL. */
struct cps_account cps_account_here(const struct cps_driver *driver, const struct cps_transport *control,
                                    const struct cps_transport *bulk);

/* Copies the account of one rank into record, and adds its messages to counters, one per kind, and to traffic.
 */
void cps_account_enter(const struct cps_account *self, struct cps_record_rank *record,
                       struct cps_record_counter counters[CPS_MESSAGE_KINDS],
                       struct cps_record_traffic *traffic);

#endif
