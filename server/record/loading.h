/*
 * Shows progress while ratings are read, before the run begins: a counter on a terminal, elsewhere an
 * occasional line. Like the console, it reads no clock.
 */
#ifndef CPS_SERVER_RECORD_LOADING_H
#define CPS_SERVER_RECORD_LOADING_H

#include "server/record/console.h"

struct cps_loading {
    struct cps_terminal terminal; /* borrowed */
    FILE *err;
    enum cps_progress progress;
    uint64_t next_ns;
    bool draws, shown;
};

/* Begins at time now_ns. self needs no release. */
void cps_loading_begin(struct cps_loading *self, const struct cps_terminal *terminal, FILE *err,
                       enum cps_progress progress, uint64_t now_ns);

/* Reports that `ratings` ratings were read so far. Cheap unless output is due. */
void cps_loading_step(struct cps_loading *self, uint64_t ratings, uint64_t now_ns);

/* Erases the counter from the terminal. */
void cps_loading_end(struct cps_loading *self);

#endif
