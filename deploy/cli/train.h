/* The train command: a rank from start to end. */
#ifndef CPS_DEPLOY_CLI_TRAIN_H
#define CPS_DEPLOY_CLI_TRAIN_H

#include "common/data/dataset.h"
#include "common/options/options.h"
#include "common/store/inputs.h"
#include "server/coordinator/coordinator.h"
#include "server/record/recorder.h"

/* Hooks by which another command (replay, resume, lr-find) alters a run. Every rank has them, or none; they are
 * called on the first rank alone, and an error of theirs is that of all ranks. */
struct cps_train_director {
    void *context;
    /* Settles the options before the other ranks hear of them. */
    enum cps_status (*settle)(void *context, struct cps_options *options);
    /* The files that the options name were read, once, and are inputs; nothing else was done with them. */
    enum cps_status (*on_inputs)(void *context, const struct cps_inputs *inputs,
                                 const struct cps_options *options);
    /* The data is read, the first step not yet done. */
    enum cps_status (*on_data)(void *context, const struct cps_dataset *dataset);
    /* The plan is made, for the first rank to change before any other hears of it. NULL: it is left as it is. */
    enum cps_status (*replan)(void *context, struct cps_plan *plan);
    /* The run that this one goes on with, once its plan is made and its folder open; NULL: it begins. May be
     * NULL itself. */
    enum cps_status (*find_former)(void *context, const struct cps_plan *plan,
                                   const uint8_t fingerprint[CPS_SHA256_BYTES], const char *folder,
                                   const struct cps_former_run **out);
    /* Whether the run's folder is there after the end, so that its path is worth telling. */
    bool (*keeps_folder)(void *context);
    /* Who sees the run in place of its recorder; next is the recorder's observer. */
    struct cps_observer (*observe)(void *context, const struct cps_observer *next);
    /* The run is over, with status, and its folder written; returns the status to end with. */
    enum cps_status (*judge)(void *context, enum cps_status status);
    /* Whatever happened: the run's folder is no longer in use. */
    void (*release)(void *context);
};

/* Trains as options say, with the other ranks if a launcher started them. Prints results
 * and, on the first rank, errors. Returns the exit code; does not return when another
 * rank was lost. director may be NULL. Collective. */
int cps_train(struct cps_options *options, const struct cps_train_director *director);

#endif
