/*
 * What a rank says when it ends with an error: its first error, to all that have to hear it. The memory
 * for that is set aside before anything can go wrong, since to be out of memory is one of the things to say.
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

/* The rank ends with status and the current error, unless it does already. */
void cps_ending_note(struct cps_ending *self, enum cps_status status);

/* Gives *message, a FAIL or STOP, the status and words of that error. Needs no memory. */
void cps_ending_say(struct cps_ending *self, struct cps_message *message);

/* Makes it this thread's last error again and returns its status. */
enum cps_status cps_ending_recall(const struct cps_ending *self);

#endif
