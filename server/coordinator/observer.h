/*
 * The results of steps and epochs, and the callbacks by which the coordinator passes them to
 * an observer that records and shows them.
 */
#ifndef CPS_SERVER_COORDINATOR_OBSERVER_H
#define CPS_SERVER_COORDINATOR_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/model/schedule.h"
#include "common/net/phase.h"

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

/* Totals reported by the workers at the start. */
struct cps_start_result {
    uint64_t sample_bytes; /* memory the workers' ratings take */
};

/* Records and shows a run. An error returned by a callback ends the run. on_start, on_rows and on_complete may
 * start work in the background: training continues, and their arguments stay valid, until poll reports that it
 * is done. */
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
    /* Whether the run ends with the epoch just told, though its plan has more. Asked after every epoch but the
     * last, and where a run goes on from the end of an epoch. NULL: it never does. */
    bool (*ends_early)(void *context);
    /* The trained rows of keys first_key .. first_key + count - 1, rows[count][width]. */
    enum cps_status (*on_rows)(void *context, uint32_t first_key, uint32_t count, const float *rows);
    /* The whole model has been passed on: the run is complete. */
    enum cps_status (*on_complete)(void *context);
    /* *busy: what was begun is not done. Asked on every tick, and whether or not anything was begun an error
     * ends the run. NULL: nothing takes its time. */
    enum cps_status (*poll)(void *context, bool *busy);
};

#endif
