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
    struct cps_origin origin; /* of the coordinator's rank; of the others the input files alone */
    struct cps_run_folder folder;
    struct cps_terminal terminal; /* where progress is drawn */
    struct cps_writer *writer;
    struct cps_recorder *recorder; /* NULL on the other ranks */
    struct cps_record_rank *rank_records;
    struct cps_console_host *hosts;
    struct cps_record_counter counters[CPS_MESSAGE_KINDS];
    struct cps_record_traffic traffic;
    struct cps_account *accounts; /* [ranks]; on every rank */
    bool abandoned;               /* the writer's thread hangs in the disk, with all it may touch */
};

/* What the run's command knows of it. */
struct cps_recording_terms {
    bool scratch;                        /* the folder is gone when the command is done: its path is not told */
    bool saves;                          /* makes checkpoints */
    const struct cps_former_run *former; /* that it goes on with, or NULL */
};

void cps_recording_init(struct cps_recording *self);

/* Opens the run's folder and reads the input files, of the ratings on the coordinator's rank alone. Not
 * collective. */
enum cps_status cps_recording_open(struct cps_recording *self, const struct cps_training_env *env);

/* Sees that all ranks read the same files. Collective. */
enum cps_status cps_recording_compare_inputs(struct cps_recording *self, const struct cps_training_env *env);

/* Creates the recorder, on the coordinator's rank. */
enum cps_status cps_recording_begin(struct cps_recording *self, const struct cps_training_env *env,
                                    const struct cps_ratings *ratings, const char *isa,
                                    const struct cps_recording_terms *terms);

/* The run failed on this rank with status, which is returned. */
enum cps_status cps_recording_fail(struct cps_recording *self, enum cps_status status);

/* Completes the record of a run that all ranks saw end well, with the accounts of all. Collective. */
enum cps_status cps_recording_complete(struct cps_recording *self, const struct cps_training_env *env,
                                       const struct cps_driver *driver,
                                       const struct cps_connection *connection);

/* Brings what the record still holds to its files, if the disk takes it; else it is abandoned. */
void cps_recording_close(struct cps_recording *self);

/* Once it is closed, and was not abandoned. */
void cps_recording_release(struct cps_recording *self);

#endif
