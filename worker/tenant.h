/*
 * The blocks that a worker holds on lease, each put together from one part per server.
 *
 *     parts   | rows of server 0, by place | rows of server 1 | …     as sent, packed
 *     rows    | place 0 | place 1 | …                                 as trained, padded
 *
 * The rows stay here when a lease has ended: if the next lease of the block begins with the same rows, the
 * servers send none (`kept` in a lease).
 *
 * When the only server is in this process, its part is trained in place, and no row is ever copied.
 */
#ifndef CPS_WORKER_TENANT_H
#define CPS_WORKER_TENANT_H

#include "common/drive/outbox.h"
#include "common/model/block_kernels.h"
#include "common/model/blocks.h"

struct cps_leased {
    struct cps_buffer *rows; /* padded; the server's own if they are trained in place */
    uint64_t rows_step;      /* sub-epochs that these rows have seen, once the lease is complete */
    uint32_t *server_of;     /* [rows]; NULL with one server */
    uint32_t *part_rows;     /* [servers]; NULL before the first lease */
    bool *has;               /* [servers]: the parts that have arrived */
    uint32_t arrived;        /* their number */
    uint64_t step;
    bool shared, in_place;
};

struct cps_tenant {
    struct cps_plan plan;
    struct cps_blocks blocks;
    struct cps_block_rule rule;
    struct cps_leased *leased[CPS_TABLES]; /* [blocks] */
    float **parts;                         /* [servers], scratch: where the next row of each goes */
};

enum cps_status cps_tenant_init(struct cps_tenant *self, const struct cps_plan *plan);
void cps_tenant_release(struct cps_tenant *self);

/* Takes the part in message (LEND), whose payload size the caller has checked against the header. *rows is the
 * block once all its parts have arrived, and NULL before. */
enum cps_status cps_tenant_take(struct cps_tenant *self, const struct cps_message *message,
                                struct cps_outbox *outbox, float **rows);

/* Returns a block to all servers with its rows as they are after step; a shared block is returned without rows.
 */
enum cps_status cps_tenant_return(struct cps_tenant *self, enum cps_table_kind table, uint32_t block,
                                  uint64_t step, struct cps_outbox *outbox);

#endif
