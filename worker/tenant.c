/* Leased blocks; see tenant.h. */
#include "worker/tenant.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_tenant_init(struct cps_tenant *self, const struct cps_plan *plan)
{
    *self = (struct cps_tenant){.plan = *plan, .rule = cps_block_rule_of(plan)};
    cps_blocks_init(&self->blocks, plan);
    CPS_TRY(cps_alloc("rows of parts", plan->servers, sizeof *self->part_rows, &self->part_rows));
    for (int table = 0; table < CPS_TABLES; table++) {
        CPS_TRY(cps_alloc("leases", plan->blocks, sizeof(struct cps_leased), &self->leased[table]));
        for (uint32_t block = 0; block < plan->blocks; block++)
            CPS_TRY(cps_alloc("parts of a lease", plan->servers, sizeof(struct cps_buffer *),
                              &self->leased[table][block].parts));
    }
    return CPS_OK;
}

void cps_tenant_release(struct cps_tenant *self)
{
    for (int table = 0; table < CPS_TABLES; table++) {
        for (uint32_t block = 0; self->leased[table] && block < self->plan.blocks; block++) {
            struct cps_leased *leased = &self->leased[table][block];
            for (uint32_t server = 0; leased->parts && server < self->plan.servers; server++)
                cps_buffer_release(leased->parts[server]);
            free(leased->parts);
            free(leased->rows);
        }
        free(self->leased[table]);
    }
    free(self->part_rows);
    memset(self, 0, sizeof *self);
}

/* Returns the server that owns the row at a place. */
static uint32_t server_of(const struct cps_tenant *self, enum cps_table_kind table, uint32_t place)
{
    uint32_t row = cps_blocks_row(&self->blocks, table, place);
    return (table == CPS_TABLE_MOVIES ? cps_plan_movie_key(&self->plan, row) : row) % self->plan.servers;
}

/* Copies the rows of a block from its parts into one array, or back. Counts the parts' rows on the way. */
static void copy_rows(struct cps_tenant *self, enum cps_table_kind table, uint32_t block, bool gather)
{
    struct cps_leased *leased = &self->leased[table][block];
    uint32_t first = cps_blocks_first(&self->blocks, table, block), floats = self->rule.row_floats;
    uint32_t rows = cps_blocks_rows(&self->blocks, table, block);
    memset(self->part_rows, 0, self->plan.servers * sizeof *self->part_rows);
    for (uint32_t place = 0; place < rows; place++) {
        uint32_t server = server_of(self, table, first + place);
        size_t at = (size_t)self->part_rows[server]++ * floats;
        float *part = (float *)(void *)leased->parts[server]->data + at;
        float *row = leased->rows + (size_t)place * floats;
        memcpy(gather ? row : part, gather ? part : row, floats * sizeof *row);
    }
}

/* Whether the parts have as many rows as the plan says. */
static bool parts_fit(struct cps_tenant *self, enum cps_table_kind table, uint32_t block)
{
    const struct cps_leased *leased = &self->leased[table][block];
    uint32_t first = cps_blocks_first(&self->blocks, table, block);
    size_t row_bytes = self->rule.row_floats * sizeof(float);
    memset(self->part_rows, 0, self->plan.servers * sizeof *self->part_rows);
    for (uint32_t place = 0; place < cps_blocks_rows(&self->blocks, table, block); place++)
        self->part_rows[server_of(self, table, first + place)]++;
    for (uint32_t server = 0; server < self->plan.servers; server++)
        if ((leased->parts[server] ? leased->parts[server]->size : 0) != self->part_rows[server] * row_bytes)
            return false;
    return true;
}

static enum cps_status stray(const struct cps_message *message)
{
    return cps_fail(CPS_ERR_PEER, "node %u lent a block that this worker does not await", message->from);
}

enum cps_status cps_tenant_take(struct cps_tenant *self, const struct cps_message *message, float **rows)
{
    const struct cps_lease *lease = &message->lease;
    uint32_t server = message->from - 1;
    enum cps_table_kind table = lease->movies ? CPS_TABLE_MOVIES : CPS_TABLE_USERS;
    if (server >= self->plan.servers || lease->block >= self->blocks.count ||
        lease->row_floats != self->rule.row_floats)
        return stray(message);
    struct cps_leased *leased = &self->leased[table][lease->block];
    if (leased->arrived == self->plan.servers || leased->parts[server] ||
        (leased->arrived > 0 && (leased->step != lease->step || leased->shared != lease->shared)))
        return stray(message);
    leased->parts[server] = message->payload ? cps_buffer_retain(message->payload) : NULL;
    leased->step = lease->step;
    leased->shared = lease->shared;
    *rows = NULL;
    if (++leased->arrived < self->plan.servers)
        return CPS_OK;
    if (!parts_fit(self, table, lease->block))
        return stray(message);
    if (self->plan.servers == 1) {
        *rows = (float *)(void *)leased->parts[0]->data;
        return CPS_OK;
    }
    if (!leased->rows)
        CPS_TRY(cps_alloc("rows of a block",
                          (size_t)cps_blocks_rows(&self->blocks, table, lease->block) * self->rule.row_floats,
                          sizeof(float), &leased->rows));
    copy_rows(self, table, lease->block, true);
    *rows = leased->rows;
    return CPS_OK;
}

enum cps_status cps_tenant_return(struct cps_tenant *self, enum cps_table_kind table, uint32_t block,
                                  uint64_t step, struct cps_outbox *outbox)
{
    struct cps_leased *leased = &self->leased[table][block];
    if (self->plan.servers > 1 && !leased->shared)
        copy_rows(self, table, block, false);
    for (uint32_t server = 0; server < self->plan.servers; server++) {
        struct cps_buffer *part = leased->parts[server];
        struct cps_message *message;
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_RETURN, 1 + server, 0, &message));
        message->lease = (struct cps_lease){.movies = table == CPS_TABLE_MOVIES,
                                            .block = block,
                                            .step = step,
                                            .row_floats = self->rule.row_floats,
                                            .shared = leased->shared};
        leased->parts[server] = NULL;
        if (leased->shared) {
            cps_buffer_release(part);
        } else if (part) {
            message->lease.rows = (uint32_t)(part->size / (self->rule.row_floats * sizeof(float)));
            message->payload = part;
        }
    }
    leased->arrived = 0;
    return CPS_OK;
}
