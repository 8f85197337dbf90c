/*
 * The blocks that a worker has on lease: their parts, one from each server, as contiguous rows.
 *
 *     parts   | server 0's rows, by place | server 1's | …        as they travel
 *     rows    | place 0 | place 1 | …                             as they are trained
 *
 * With one server the part is the block, and is trained where it lies: between a server and a worker of one
 * process no row is copied.
 */
#ifndef CPS_WORKER_TENANT_H
#define CPS_WORKER_TENANT_H

#include "common/drive/outbox.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

struct cps_leased {
    struct cps_buffer **parts; /* [servers]; NULL: no rows, or not here */
    float *rows;               /* of all parts, when there are several; allocated at the first lease */
    uint32_t arrived;          /* parts */
    uint64_t step;
    bool shared;
};

struct cps_tenant {
    struct cps_plan plan;
    struct cps_blocks blocks;
    struct cps_block_rule rule;
    struct cps_leased *leased[CPS_TABLES]; /* [blocks] */
    uint32_t *part_rows;                   /* [servers], scratch */
};

enum cps_status cps_tenant_init(struct cps_tenant *self, const struct cps_plan *plan);
void cps_tenant_release(struct cps_tenant *self);

/* Takes the part that message (LEND) brings. *rows is the block once all are here, else NULL; the caller has
 * checked the payload's size against the header. */
enum cps_status cps_tenant_take(struct cps_tenant *self, const struct cps_message *message, float **rows);

/* Gives a block back to all servers, its rows as after `step`; those of a shared one stay with the servers. */
enum cps_status cps_tenant_return(struct cps_tenant *self, enum cps_table_kind table, uint32_t block,
                                  uint64_t step, struct cps_outbox *outbox);

#endif
