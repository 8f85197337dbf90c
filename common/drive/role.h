/*
 * The interface of a role: a state machine without socket, clock or file. The
 * driver (driver.h), an in-memory loop or the simulator calls it; it answers
 * through its outbox.
 *
 * An error returned by a role ends it: the driver hands it nothing more, save that a
 * role away from the coordinator is not done before STOP came. The driver reports the
 * error: by FAIL to the coordinator; the coordinator's own by STOP to everybody. A role
 * that is told to stop with an error returns that error as its own.
 */
#ifndef CPS_DRIVE_ROLE_H
#define CPS_DRIVE_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/drive/outbox.h"
#include "common/net/message.h"

/* A user's request to a running run. */
enum cps_interrupt {
    CPS_INTERRUPT_SAVE, /* a checkpoint (SIGUSR1) */
    CPS_INTERRUPT_STOP  /* one, and then the end (SIGINT, SIGTERM) */
};

/* The deadline of a wait, in quarters of the peer timeout. A silent node is lost after four. If a node is alive
 * but does not deliver, the waiting role that knows most about the cause should report it first: the server
 * whose step is blocked, then a worker, then the coordinator, and last those that wait for the coordinator. */
enum cps_patience {
    CPS_PATIENCE_SERVER = 5,
    CPS_PATIENCE_WORKER = 6,
    CPS_PATIENCE_COORDINATOR = 7,
    CPS_PATIENCE_FOR_COORDINATOR = 8
};

/* The message that a role is waiting for. */
struct cps_awaited {
    uint32_t node;    /* its sender */
    const char *what; /* "a greeting", "the rows of step" */
    bool numbered;
    uint64_t number; /* the step */
    enum cps_patience patience;
};

struct cps_role_ops {
    /* Handles one message, which is in order and of this run. The caller releases the
     * payload afterwards; a role that wants to keep it takes a reference of its own. */
    enum cps_status (*on_message)(void *self, struct cps_message *message, struct cps_outbox *outbox);
    /* Called at once when the run begins and then about every 10 ms. now_ns never falls, and
     * rises by a second at most: while the process is stopped or busy it does not count. */
    enum cps_status (*on_tick)(void *self, uint64_t now_ns, struct cps_outbox *outbox);
    /* Only asked of the coordinator; SAVE any number of times, STOP once. May be NULL: then SAVE is nothing,
     * and STOP ends the run with CPS_ERR_INTERRUPTED. */
    enum cps_status (*on_interrupt)(void *self, enum cps_interrupt what, struct cps_outbox *outbox);
    /* Asked whenever there is nothing to handle: does some of the work that the role has at hand, for a
     * millisecond or so, and says in *worked whether there was any, or there may soon be. NULL: it does all
     * its work in the calls above. */
    enum cps_status (*work)(void *self, struct cps_outbox *outbox, bool *worked);
    /* Whether the role neither expects nor will send further messages. */
    bool (*done)(const void *self);
    /* What it waits for; false for nothing. May be NULL. The driver sets the deadline (watch.h). */
    bool (*awaits)(const void *self, struct cps_awaited *out);
    /* Whether it is busy without handling messages (waiting for its disk, or sorting its ratings) and not
     * waiting for a node, which counts as progress. May be NULL. */
    bool (*busy)(const void *self);
};

struct cps_role {
    const struct cps_role_ops *ops;
    void *self;
    uint32_t node;
};

#endif
