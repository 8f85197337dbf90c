/* Leased blocks; see tenant.h. */
#include "worker/tenant.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum cps_status cps_tenant_init(struct cps_tenant *self, const struct cps_plan *plan)
{
    *self = (struct cps_tenant){.plan = *plan, .rule = cps_block_rule_of(plan)};
    cps_blocks_init(&self->blocks, plan);
    CPS_TRY(cps_alloc("rows of parts", plan->servers, sizeof *self->parts, &self->parts));
    for (int table = 0; table < CPS_TABLES; table++)
        CPS_TRY(cps_alloc("leases", plan->blocks, sizeof(struct cps_leased), &self->leased[table]));
    return CPS_OK;
}

void cps_tenant_release(struct cps_tenant *self)
{
    for (int table = 0; table < CPS_TABLES; table++) {
        for (uint32_t block = 0; self->leased[table] && block < self->plan.blocks; block++) {
            struct cps_leased *leased = &self->leased[table][block];
            cps_buffer_release(leased->rows);
            free(leased->server_of);
            free(leased->part_rows);
            free(leased->has);
        }
        free(self->leased[table]);
    }
    free(self->parts);
    memset(self, 0, sizeof *self);
}

/* Returns the server that owns the row at a place. */
static uint32_t server_of(const struct cps_tenant *self, enum cps_table_kind table, uint32_t place)
{
    uint32_t row = cps_blocks_row(&self->blocks, table, place);
    return (table == CPS_TABLE_MOVIES ? cps_plan_movie_key(&self->plan, row) : row) % self->plan.servers;
}

/* Finds the servers of the rows of a block, before its first lease. */
static enum cps_status meet_block(struct cps_tenant *self, enum cps_table_kind table, uint32_t block)
{
    struct cps_leased *leased = &self->leased[table][block];
    uint32_t first = cps_blocks_first(&self->blocks, table, block), servers = self->plan.servers;
    uint32_t rows = cps_blocks_rows(&self->blocks, table, block);
    if (leased->part_rows)
        return CPS_OK;
    CPS_TRY(cps_alloc("parts of a lease", servers, sizeof *leased->has, &leased->has));
    if (servers > 1)
        CPS_TRY(cps_alloc("servers of rows", rows, sizeof *leased->server_of, &leased->server_of));
    CPS_TRY(cps_alloc("rows of parts", servers, sizeof *leased->part_rows, &leased->part_rows));
    leased->part_rows[0] = rows;
    for (uint32_t place = 0; servers > 1 && place < rows; place++) {
        leased->server_of[place] = server_of(self, table, first + place);
        leased->part_rows[0]--;
        leased->part_rows[leased->server_of[place]]++;
    }
    return CPS_OK;
}

static enum cps_status stray(const struct cps_message *message)
{
    return cps_fail(CPS_ERR_PEER, "node %u lent a block that this worker does not await", message->from);
}

/* Copies the rows of the block that live on server from message to their places. */
static enum cps_status unpack_part(struct cps_tenant *self, enum cps_table_kind table,
                                   const struct cps_message *message, struct cps_outbox *outbox)
{
    struct cps_leased *leased = &self->leased[table][message->lease.block];
    uint32_t rows = cps_blocks_rows(&self->blocks, table, message->lease.block), server = message->from - 1;
    uint32_t packed = cps_block_packed_floats(&self->plan), row_floats = self->rule.row_floats;
    bool has_bias = self->plan.model == CPS_MODEL_BIAS;
    if (!leased->rows)
        CPS_TRY(cps_buffer_acquire(outbox->pool, (size_t)rows * row_floats * sizeof(float), &leased->rows));
    float *row = (float *)(void *)leased->rows->data;
    const float *part = message->payload ? (const float *)(const void *)message->payload->data : NULL;
    for (uint32_t place = 0; part && place < rows; place++, row += row_floats) {
        if (leased->server_of && leased->server_of[place] != server)
            continue;
        cps_block_row_unpack(&self->rule, has_bias, table == CPS_TABLE_MOVIES, part, row);
        part += packed;
    }
    return CPS_OK;
}

/* Whether the rows of a lease are those expected from the sender. */
static bool is_due(const struct cps_tenant *self, const struct cps_leased *leased,
                   const struct cps_message *message, bool in_place)
{
    const struct cps_lease *lease = &message->lease;
    uint32_t server = message->from - 1;
    if (leased->has[server] ||
        (leased->arrived > 0 && (leased->step != lease->step || leased->shared != lease->shared)))
        return false;
    if (lease->kept)
        return lease->rows == 0 && leased->rows && !leased->in_place && leased->rows_step == lease->step;
    return lease->rows == leased->part_rows[server] &&
           lease->row_floats == (in_place ? self->rule.row_floats : cps_block_packed_floats(&self->plan));
}

enum cps_status cps_tenant_take(struct cps_tenant *self, const struct cps_message *message,
                                struct cps_outbox *outbox, float **rows)
{
    const struct cps_lease *lease = &message->lease;
    enum cps_table_kind table = lease->movies ? CPS_TABLE_MOVIES : CPS_TABLE_USERS;
    if (message->from == 0 || message->from > self->plan.servers || lease->block >= self->blocks.count)
        return stray(message);
    struct cps_leased *leased = &self->leased[table][lease->block];
    bool in_place = self->plan.servers == 1 && cps_outbox_is_near(outbox, message->from);
    CPS_TRY(meet_block(self, table, lease->block));
    if (!is_due(self, leased, message, in_place))
        return stray(message);
    leased->step = lease->step;
    leased->shared = lease->shared;
    leased->in_place = in_place;
    if (in_place)
        leased->rows = cps_buffer_retain(message->payload);
    else if (!lease->kept)
        CPS_TRY(unpack_part(self, table, message, outbox));
    leased->has[message->from - 1] = true;
    *rows = NULL;
    if (++leased->arrived < self->plan.servers)
        return CPS_OK;
    leased->rows_step = lease->step;
    *rows = (float *)(void *)leased->rows->data;
    return CPS_OK;
}

/* Adds a RETURN to each server, with room for its rows at self->parts. Rows in place are handed over. */
static enum cps_status add_returns(struct cps_tenant *self, const struct cps_lease *lease, bool in_place,
                                   struct cps_outbox *outbox)
{
    struct cps_leased *leased = &self->leased[lease->movies ? CPS_TABLE_MOVIES : CPS_TABLE_USERS][lease->block];
    bool packed = !in_place && !lease->shared;
    for (uint32_t server = 0; server < self->plan.servers; server++) {
        size_t floats = packed ? (size_t)leased->part_rows[server] * lease->row_floats : 0;
        struct cps_message *message;
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_RETURN, 1 + server, floats * sizeof(float), &message));
        message->lease = *lease;
        message->lease.rows = lease->shared ? 0 : leased->part_rows[server];
        self->parts[server] = floats ? (float *)(void *)message->payload->data : NULL;
        leased->has[server] = false;
        if (in_place && !lease->shared)
            message->payload = leased->rows;
        else if (in_place)
            cps_buffer_release(leased->rows);
    }
    if (in_place)
        leased->rows = NULL;
    leased->arrived = 0;
    return CPS_OK;
}

enum cps_status cps_tenant_return(struct cps_tenant *self, enum cps_table_kind table, uint32_t block,
                                  uint64_t step, struct cps_outbox *outbox)
{
    struct cps_leased *leased = &self->leased[table][block];
    uint32_t packed = cps_block_packed_floats(&self->plan), row_floats = self->rule.row_floats;
    bool has_bias = self->plan.model == CPS_MODEL_BIAS, is_movie = table == CPS_TABLE_MOVIES;
    const struct cps_lease lease = {.movies = is_movie,
                                    .block = block,
                                    .step = step,
                                    .row_floats = leased->in_place ? row_floats : packed,
                                    .shared = leased->shared};
    CPS_TRY(add_returns(self, &lease, leased->in_place, outbox));
    if (leased->in_place || leased->shared)
        return CPS_OK;
    leased->rows_step = step;
    const float *row = (const float *)(const void *)leased->rows->data;
    for (uint32_t place = 0; place < cps_blocks_rows(&self->blocks, table, block); place++, row += row_floats) {
        float **part = &self->parts[leased->server_of ? leased->server_of[place] : 0];
        cps_block_row_pack(&self->rule, has_bias, is_movie, row, *part);
        *part += packed;
    }
    return CPS_OK;
}
