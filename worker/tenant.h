/*
 * The blocks that a worker holds on lease, each put together from one part per server.
 *
 *     parts   | rows of server 0, by place | rows of server 1 | …     as sent
 *     rows    | place 0 | place 1 | …                                 as trained
 *
 * With one server the part is the whole block and is trained in place: no row is copied between a server and a
 * worker of the same process.
 */
#ifndef CPS_WORKER_TENANT_H
#define CPS_WORKER_TENANT_H

#include "common/drive/outbox.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

struct cps_leased {
    struct cps_buffer **parts; /* [servers]; NULL: the part has no rows or has not arrived */
    float *rows;               /* the rows of all parts if there are several; allocated at the first lease */
    uint32_t arrived;          /* number of parts */
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

/* Takes the part in message (LEND), whose payload size the caller has checked against the header. *rows is the
 * block once all its parts have arrived, and NULL before. */
enum cps_status cps_tenant_take(struct cps_tenant *self, const struct cps_message *message, float **rows);

/* Returns a block to all servers with its rows as they are after step; a shared block is returned without rows.
 */
enum cps_status cps_tenant_return(struct cps_tenant *self, enum cps_table_kind table, uint32_t block,
                                  uint64_t step, struct cps_outbox *outbox);

#endif
