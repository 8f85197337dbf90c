/* Lists the folders under RUN/checkpoints. */
#ifndef CPS_STORE_CHECKPOINT_FOLDERS_H
#define CPS_STORE_CHECKPOINT_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* All zeroes is an empty list. */
struct cps_checkpoint_steps {
    uint64_t *step; /* [count], ascending */
    bool *has_manifest;
    size_t count, step_capacity, flag_capacity;
};

/* Lists the checkpoints of a run; an empty list if there is no folder. CPS_ERR_STORAGE if it cannot be read. */
enum cps_status cps_checkpoint_steps_list(const char *run_folder, struct cps_checkpoint_steps *out);
void cps_checkpoint_steps_release(struct cps_checkpoint_steps *self);

#endif
