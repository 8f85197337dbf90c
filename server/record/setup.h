/*
 * What there is to record and to show of a run before it begins, put together by the command that
 * starts it.
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

/* A run that goes on: what it was before. */
struct cps_former_run {
    uint64_t run_id;
    const void *starts;                      /* as of its run_reader */
    const struct cps_checkpoint *checkpoint; /* NULL: there was none, so it begins again */
};

/* What a recorder needs to know. */
struct cps_recorder_setup {
    const struct cps_options *options;
    const struct cps_plan *plan;
    const struct cps_dataset *dataset;
    const struct cps_baselines *baselines;
    struct cps_run_folder *folder; /* open, not started */
    struct cps_writer *writer;     /* at rest, or abandoned, when the recorder is destroyed */
    bool kept;                     /* it is there when the program has ended */
    const struct cps_record_origin *origin;
    const struct cps_record_rank *ranks;
    size_t rank_count;
    const struct cps_console_host *hosts;
    size_t host_count;
    const char *transport, *isa;
    uint32_t threads; /* that train in each rank of this one's host */
    const char *network;          /* that the hosts share, or NULL */
    bool encrypted;               /* what goes over tcp */
    struct cps_terminal terminal; /* to draw on */
    uint64_t run_id;
    const struct cps_former_run *former; /* NULL: the run begins */
    bool saves;                          /* makes checkpoints */
    uint64_t started_ns;                 /* when the process began */
};

/* What the run goes on from, or NULL. */
static inline const struct cps_checkpoint *cps_recorder_setup_checkpoint(const struct cps_recorder_setup *self)
{
    return self->former ? self->former->checkpoint : NULL;
}

static inline uint64_t cps_recorder_setup_run_id(const struct cps_recorder_setup *self)
{
    return self->former ? self->former->run_id : self->run_id;
}

#endif
