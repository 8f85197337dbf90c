/* The HELLO of both kinds of worker, which tells the coordinator about the ratings that the worker has. */
#ifndef CPS_WORKER_GREETING_H
#define CPS_WORKER_GREETING_H

#include "common/data/dataset.h"
#include "common/drive/member.h"

/* Sends HELLO with the counts, memory and fingerprint of dataset. Must not be called again. */
enum cps_status cps_greet_with_data(struct cps_member *member, const struct cps_dataset *dataset,
                                    struct cps_outbox *outbox);

#endif
