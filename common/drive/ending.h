/*
 * Reports the first error of a rank to all nodes concerned. Its memory is reserved in advance, so that running
 * out of memory can be reported too.
 */
#ifndef CPS_DRIVE_ENDING_H
#define CPS_DRIVE_ENDING_H

#include "common/net/message.h"

struct cps_ending {
    enum cps_status status; /* the first error; CPS_OK: none so far */
    char error[CPS_ERROR_BYTES], hint[CPS_ERROR_BYTES];
    struct cps_buffer *payload; /* shared by all that say so */
};

enum cps_status cps_ending_init(struct cps_ending *self, struct cps_buffer_pool *pool);
void cps_ending_release(struct cps_ending *self);

/* Records status and the current error as the rank's, unless there is one already. */
void cps_ending_note(struct cps_ending *self, enum cps_status status);

/* Fills *message, a FAIL or STOP, with the status and text of that error. Does not allocate. */
void cps_ending_say(struct cps_ending *self, struct cps_message *message);

/* Restores that error as this thread's last error and returns its status. */
enum cps_status cps_ending_recall(const struct cps_ending *self);

#endif
