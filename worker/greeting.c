/* A worker's HELLO; see greeting.h. */
#include "worker/greeting.h"

#include <string.h>

enum cps_status cps_greet_with_data(struct cps_member *member, const struct cps_dataset *dataset,
                                    struct cps_outbox *outbox)
{
    struct cps_hello hello = {.has_data = true,
                              .train_count = dataset->train.count,
                              .valid_count = dataset->valid.count,
                              .sample_bytes = dataset->sample_bytes};
    memcpy(hello.fingerprint, dataset->fingerprint, CPS_SHA256_BYTES);
    return cps_member_greet(member, &hello, outbox);
}
