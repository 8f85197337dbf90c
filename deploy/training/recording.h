/* The record of a job on the coordinator's rank: its folder, the writer's thread, and the recorder. */
#ifndef CPS_DEPLOY_TRAINING_RECORDING_H
#define CPS_DEPLOY_TRAINING_RECORDING_H

#include "deploy/training/account.h"
#include "deploy/training/connection.h"
#include "deploy/training/origin.h"
#include "deploy/training/ratings.h"
#include "server/record/recorder.h"

struct cps_recording {
    uint64_t started_ns;      /* when the process began */
    struct cps_origin origin; /* complete on the coordinator's rank; on the others only the input files */
    struct cps_run_folder folder;
    struct cps_terminal terminal; /* where progress is drawn */
    struct cps_writer *writer;
    struct cps_recorder *recorder; /* NULL on the other ranks */
    struct cps_record_rank *rank_records;
    struct cps_console_host *hosts;
    struct cps_record_counter counters[CPS_MESSAGE_KINDS];
    struct cps_record_traffic traffic;
    struct cps_account *accounts; /* [ranks]; on every rank */
    bool trains;    /* the recorder has asked for the input files, at the start of training */
    bool abandoned; /* the writer's thread hangs in a disk call; its memory must not be released */
};

/* What the command tells the recording about its run. */
struct cps_recording_terms {
    bool scratch;                        /* the folder is removed after the command: its path is not printed */
    bool saves;                          /* the run makes checkpoints */
    struct cps_epoch_limit *limit;       /* NULL: no limit; borrowed */
    const struct cps_former_run *former; /* the run that it resumes, or NULL */
};

void cps_recording_init(struct cps_recording *self);

/* Opens the run's folder and begins to read the input files, for their hashes; only the coordinator's rank
 * reads the ratings files. Not collective. */
enum cps_status cps_recording_open(struct cps_recording *self, const struct cps_training_env *env);

/* Waits until the input files are read. Not collective. */
enum cps_status cps_recording_await_inputs(struct cps_recording *self);

/* Checks that all ranks read the same files, of which the ratings are loaded. Collective. */
enum cps_status cps_recording_compare_inputs(struct cps_recording *self, const struct cps_training_env *env,
                                             const struct cps_dataset *loaded);

/* Creates the recorder on the coordinator's rank. */
enum cps_status cps_recording_begin(struct cps_recording *self, const struct cps_training_env *env,
                                    const struct cps_ratings *ratings, const char *isa,
                                    const struct cps_recording_terms *terms);

/* Records that the run failed on this rank with status, and returns status. */
enum cps_status cps_recording_fail(struct cps_recording *self, enum cps_status status);

/* Completes the record of a run that succeeded on all ranks with the accounts of all ranks. Collective. */
enum cps_status cps_recording_complete(struct cps_recording *self, const struct cps_training_env *env,
                                       const struct cps_driver *driver,
                                       const struct cps_connection *connection);

/* Writes what is left of the record to its files, or abandons the writer when the disk does not respond. */
void cps_recording_close(struct cps_recording *self);

/* Releases a recording that is closed and was not abandoned. */
void cps_recording_release(struct cps_recording *self);

#endif
