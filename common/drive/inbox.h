/*
 * Puts the messages to one node back in the order in which each peer sent them, and
 * drops second copies and those of another run.
 */
#ifndef CPS_DRIVE_INBOX_H
#define CPS_DRIVE_INBOX_H

#include <stdbool.h>

#include "common/net/message.h"

struct cps_inbox {
    uint64_t run_id;
    uint32_t nodes;
    uint64_t *expected;          /* [nodes]: the sequence due next from each peer */
    struct cps_message *waiting; /* came early */
    size_t waiting_count, waiting_capacity;
    uint64_t dropped; /* duplicates and strangers */
};

enum cps_status cps_inbox_init(struct cps_inbox *self, uint32_t nodes, uint64_t run_id);
void cps_inbox_release(struct cps_inbox *self);

/* Takes *message, whose payload is the inbox's from now on. *ready says whether it is
 * next in order: then it is back in *message for the caller to handle and release. */
enum cps_status cps_inbox_put(struct cps_inbox *self, struct cps_message *message, bool *ready);

/* A message that came early and is next by now. False when there is none. Call after
 * every handled message until it says false. */
bool cps_inbox_next(struct cps_inbox *self, struct cps_message *out);

#endif
