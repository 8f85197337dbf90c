/*
 * Progress while ratings are read, before there is a run to show: a counter on a terminal, elsewhere a line
 * now and then. As the console it reads no clock.
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

/* Reading begins at now_ns. Needs no release. */
void cps_loading_begin(struct cps_loading *self, const struct cps_terminal *terminal, FILE *err,
                       enum cps_progress progress, uint64_t now_ns);

/* So many ratings were read. Cheap unless it is time to say so. */
void cps_loading_step(struct cps_loading *self, uint64_t ratings, uint64_t now_ns);

/* Takes the counter off the terminal. */
void cps_loading_end(struct cps_loading *self);

#endif
