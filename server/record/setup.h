/*
 * What the command that starts a run tells the recorder about it.
 */
#ifndef CPS_SERVER_RECORD_SETUP_H
#define CPS_SERVER_RECORD_SETUP_H

#include "common/data/baselines.h"
#include "common/data/dataset.h"
#include "common/options/options.h"
#include "common/store/checkpoint.h"
#include "common/store/run_folder.h"
#include "common/store/run_record.h"
#include "common/store/writer.h"
#include "server/record/console.h"

/* The former state of a resumed run. */
struct cps_former_run {
    uint64_t run_id;
    const void *starts;                      /* as in its cps_run_reader */
    const struct cps_checkpoint *checkpoint; /* NULL: it has none, so the run starts from the beginning */
};

/* Ends a run after its first epochs. Fewer epochs in the plan would not do, because the schedule depends on
 * their number. */
struct cps_epoch_limit {
    uint32_t epochs; /* 0: no limit */
    bool reached;    /* the limit ended the run, with CPS_ERR_INTERRUPTED */
};

/* What a recorder needs to know. */
struct cps_recorder_setup {
    const struct cps_options *options;
    const struct cps_plan *plan;
    const struct cps_dataset *dataset;
    const struct cps_baselines *baselines;
    struct cps_run_folder *folder; /* open, not started */
    struct cps_writer *writer;     /* must be idle or abandoned when the recorder is destroyed */
    bool kept;                     /* the folder still exists after the program has ended */
    const struct cps_record_origin *origin;
    /* Adds the input files to the origin, whose hashes may take longer than the ratings to load. Unless it
     * waits for them, *complete tells whether they are there. NULL: the origin is complete. */
    enum cps_status (*complete_origin)(void *origin_context, bool waits, bool *complete);
    void *origin_context;
    const struct cps_record_rank *ranks;
    size_t rank_count;
    const struct cps_console_host *hosts;
    size_t host_count;
    const char *transport, *isa;
    uint32_t threads;             /* training threads in each rank of this host */
    const char *network;          /* shared by the hosts, or NULL */
    bool encrypted;               /* traffic over tcp is encrypted */
    struct cps_terminal terminal; /* to draw on */
    uint64_t run_id;
    struct cps_epoch_limit *limit;       /* NULL: no limit */
    const struct cps_former_run *former; /* NULL: a new run */
    bool saves;                          /* the run makes checkpoints */
    uint64_t started_ns;                 /* when the process began */
};

/* The checkpoint that the run resumes from, or NULL. */
static inline const struct cps_checkpoint *cps_recorder_setup_checkpoint(const struct cps_recorder_setup *self)
{
    return self->former ? self->former->checkpoint : NULL;
}

static inline uint64_t cps_recorder_setup_run_id(const struct cps_recorder_setup *self)
{
    return self->former ? self->former->run_id : self->run_id;
}

#endif
