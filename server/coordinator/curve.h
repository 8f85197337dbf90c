/*
 * The loss curve and how far it has come: puts the workers' reports together into the results of
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

/* Begins at the mark of a checkpoint, before anything is added; and the mark of a checkpoint of now. */
void cps_curve_begin_at(struct cps_curve *self, const struct cps_save_mark *mark);
struct cps_save_mark cps_curve_mark(const struct cps_curve *self);

/* Takes in a worker's report, which was checked. */
enum cps_status cps_curve_add(struct cps_curve *self, const struct cps_message *message);

/* And the times of a server's. */
void cps_curve_add_server(struct cps_curve *self, const struct cps_report *report);

/* The next step of the epoch under way, if it is there. */
bool cps_curve_take_step(struct cps_curve *self, struct cps_step_result *out);

/* The epoch under way, if all of it is there; the next one is under way then. own_save_ns is what the
 * coordinator spent on saving since the last one. */
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

/* How many workers have reported the loss of step; for the step after the last one, the validation of the
 * last epoch. */
uint32_t cps_curve_reports(const struct cps_curve *self, uint64_t step);

#endif
