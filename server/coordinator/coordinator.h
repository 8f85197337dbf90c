/*
 * The coordinator: decides the plan, sees that all workers read the same data, grants
 * steps with their learning rate and momentum, adds up the losses, and at the end reads
 * the model from the servers. A state machine without socket, clock or file: what it
 * finds out it tells an observer.
 *
 *   HELLO of all -> PLAN;  READY of all -> GRANT …;  REPORT -> losses, more grants
 *   last epoch complete -> reads all rows -> STOP
 *   on its way: checkpoints (saves.h), whose rows go to a sink; FETCH of a server that begins
 *   in the middle of a run -> STATE, out of one
 */
#ifndef CPS_SERVER_COORDINATOR_COORDINATOR_H
#define CPS_SERVER_COORDINATOR_COORDINATOR_H

#include "common/drive/role.h"
#include "common/model/schedule.h"
#include "common/net/route.h"
#include "server/coordinator/saves.h"

/* A finished training step. */
struct cps_step_result {
    uint64_t step; /* 0-based, of the whole run */
    struct cps_hyper hyper;
    double loss;     /* mean squared error of its batch, before its update */
    double smoothed; /* as train_loss */
};

/* A finished epoch. */
struct cps_epoch_result {
    uint32_t epoch;    /* 0-based */
    double train_loss; /* exponential average of step losses, beta 0.98, debiased */
    bool has_valid;
    double valid_loss; /* mean squared error over the validation ratings */
    double valid_mae;  /* mean absolute error over them */
    /* Where its time went (zeroes where none is measured): WAIT, COMPUTE and VALIDATION are
     * means over the workers, OPTIMIZER and SNAPSHOT are those over the servers, SAVE is the
     * coordinator's own since the last epoch was handed out, and SNAPSHOT. Ranks work side by side, so the
     * parts may add up to more than the epoch took. */
    double spent_s[CPS_PHASES];
};

/* What the workers said at the start, over all of them. */
struct cps_start_result {
    uint64_t sample_bytes; /* memory the workers' ratings take */
};

/* Records and shows a run. An error ends the run with it. What on_start, on_rows and on_complete begin
 * may take its time: the run goes on, and what they were given stays, until poll says it is no longer busy. */
struct cps_observer {
    void *context;
    enum cps_status (*on_start)(void *context, const struct cps_start_result *start);
    enum cps_status (*on_step)(void *context, const struct cps_step_result *step);
    enum cps_status (*on_epoch)(void *context, const struct cps_epoch_result *epoch);
    /* The run ends with CPS_ERR_DIVERGED: at this step, the first whose loss is not finite or whose update is
     * not; every step with a finite loss up to it was told of. */
    enum cps_status (*on_diverged)(void *context, uint64_t step);
    /* Whether the model as it is after the epoch just told is wanted: its rows follow in on_epoch_rows, to be
     * copied at once, before training goes on. Not asked after the last epoch. NULL: never. */
    bool (*wants_epoch)(void *context);
    enum cps_status (*on_epoch_rows)(void *context, uint32_t first_key, uint32_t count, const float *rows);
    /* The trained rows of keys first_key .. first_key + count - 1, rows[count][width]. */
    enum cps_status (*on_rows)(void *context, uint32_t first_key, uint32_t count, const float *rows);
    /* All of the model was handed over: the run is complete. */
    enum cps_status (*on_complete)(void *context);
    /* *busy: what was begun is not done. Asked on every tick, and whether or not anything was begun an error
     * ends the run. NULL: nothing takes its time. */
    enum cps_status (*poll)(void *context, bool *busy);
};

/* A run to go on with: what a checkpoint's mark said, and its rows. */
struct cps_restart {
    struct cps_save_mark mark;
    const void *context;
    /* The saved state of keys first_key, first_key + stride, …: out[count][cps_plan_state_words]. */
    void (*rows)(const void *context, uint32_t first_key, uint32_t stride, uint32_t count, uint32_t *out);
    /* All servers have theirs. May be NULL. */
    void (*done)(const void *context);
};

struct cps_coordinator; /* opaque */

/* For plan; fingerprint is that of the data the coordinator knows. observer is copied,
 * its context borrowed. A node that is silent for peer_timeout_ns (0: any time) is lost:
 * CPS_ERR_PEER. CPS_ERR_DATA when the plan has no full batch to train. */
enum cps_status cps_coordinator_create(const struct cps_plan *plan, const uint8_t fingerprint[CPS_SHA256_BYTES],
                                       const struct cps_observer *observer, uint64_t peer_timeout_ns,
                                       struct cps_coordinator **out);
/* Lets errors about a node name its rank and host, as route (borrowed) has them. */
void cps_coordinator_name_nodes(struct cps_coordinator *self, const struct cps_route *route);

void cps_coordinator_destroy(struct cps_coordinator **self);

/* Begins with the state of restart (copied, its context borrowed) in place of the first step. Before the
 * first message; CPS_ERR_DATA for a state that plan cannot have. */
enum cps_status cps_coordinator_restart(struct cps_coordinator *self, const struct cps_restart *restart);

/* Hands checkpoints to sink, which is copied, its context borrowed: those of the plan's save_every, and
 * those asked for by a signal. Before the first message. */
enum cps_status cps_coordinator_save_to(struct cps_coordinator *self, const struct cps_save_sink *sink);

/* The coordinator as a role for a driver; valid while self is. */
struct cps_role cps_coordinator_role(struct cps_coordinator *self);

#endif
