/*
 * Ends a diverged run at the same step, with the same records and the same
 * error, whatever the ranks.
 *
 * A node that detects a value out of range reports it and waits. The step is determined
 * by the numbers alone: no worker starts step t before every server has trained
 * t - 1, and no server trains t before every worker has pushed it. But nodes detect it at
 * different times, and several may. So the run ends when every worker has either
 * reported its loss of that step or explained why it has none; until then the losses of
 * earlier steps are received and recorded.
 */
#ifndef CPS_SERVER_COORDINATOR_DIVERGENCE_H
#define CPS_SERVER_COORDINATOR_DIVERGENCE_H

#include "common/net/message.h"

/* All zeroes: nothing has diverged. */
struct cps_divergence {
    enum cps_diverged what;
    uint64_t step;
    uint32_t user_row, movie_row; /* of a rating; else 0 */
    uint32_t mute;                /* workers that will report no loss of step */
};

/* Adds the report of a node that diverged. Of several reports, the one with the earliest step is kept, then the
 * earliest cause within a step, then the lowest rows. CPS_ERR_PEER for an invalid report. */
enum cps_status cps_divergence_add(struct cps_divergence *self, const struct cps_report *report);

/* The error that ends a run of plan; its status is CPS_ERR_DIVERGED. */
enum cps_status cps_divergence_fail(const struct cps_divergence *self, const struct cps_plan *plan);

#endif
