/*
 * The loss curve in progress: combines the workers' reports into the results of
 * steps and epochs, in order, each once all workers have reported it.
 *
 *     REPORT -> sums of losses by step  -> take_step   in order, none of a later epoch
 *            -> sums of validation      -> take_epoch  once all its steps are taken
 */
#ifndef CPS_SERVER_COORDINATOR_CURVE_H
#define CPS_SERVER_COORDINATOR_CURVE_H

#include "server/coordinator/losses.h"
#include "server/coordinator/observer.h"
#include "server/coordinator/saves.h"

struct cps_curve {
    const struct cps_plan *plan;
    struct cps_losses losses;
    uint64_t finished;     /* steps */
    uint32_t epoch;        /* the one under way */
    uint32_t epochs;       /* of the run: those of the plan, or fewer where it ends early */
    double average;        /* of step losses, not debiased (batch solver) */
    cps_int128 epoch_loss; /* over the epoch under way (block solver) */
    uint64_t epoch_ratings;
    struct cps_epoch_sum *epoch_sum; /* [epochs]: what was reported of each */
    uint64_t optimizer_ns;           /* over the servers, not yet in an epoch */
    uint64_t snapshot_ns;            /* likewise */
};

/* plan is borrowed. */
enum cps_status cps_curve_init(struct cps_curve *self, const struct cps_plan *plan);
void cps_curve_release(struct cps_curve *self);

/* Starts at the mark of a checkpoint, before anything is added; and returns the mark for a checkpoint of now.
 */
void cps_curve_begin_at(struct cps_curve *self, const struct cps_save_mark *mark);
struct cps_save_mark cps_curve_mark(const struct cps_curve *self);

/* Adds a worker's report, which must have been checked. */
enum cps_status cps_curve_add(struct cps_curve *self, const struct cps_message *message);

/* Adds the times in a server's report. */
void cps_curve_add_server(struct cps_curve *self, const struct cps_report *report);

/* Takes the result of the current epoch's next step; false if it is not complete. */
bool cps_curve_take_step(struct cps_curve *self, struct cps_step_result *out);

/* Whether the current epoch is complete; and takes its result and moves on to the next. own_save_ns is the time
 * that the coordinator spent on saving since the last one. */
bool cps_curve_epoch_is_complete(const struct cps_curve *self);
void cps_curve_take_epoch(struct cps_curve *self, uint64_t own_save_ns, struct cps_epoch_result *out);

static inline bool cps_curve_is_complete(const struct cps_curve *self)
{
    return self->epoch == self->epochs;
}

/* Makes the epoch that was taken last the last one: what is reported of steps behind it is no part of the run.
 */
static inline void cps_curve_end_early(struct cps_curve *self)
{
    self->epochs = self->epoch;
}

/* The number of workers that have reported the loss of step; for the step after the last one, the validation of
 * the last epoch. */
uint32_t cps_curve_reports(const struct cps_curve *self, uint64_t step);

#endif
