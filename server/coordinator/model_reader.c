/* Assembles parts of the model from the rows of servers and workers; see model_reader.h. */
#include "server/coordinator/model_reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/model/blocks.h"

enum { PART_ROWS = 4096 };

enum cps_status cps_model_reader_init(struct cps_model_reader *self, const struct cps_plan *plan)
{
    struct cps_blocks blocks;
    *self = (struct cps_model_reader){.plan = plan, .nodes = 1 + plan->servers + plan->workers};
    CPS_TRY(cps_alloc("sources of the model", self->nodes, sizeof *self->sources, &self->sources));
    CPS_TRY(cps_alloc("rows of the model", (size_t)PART_ROWS * cps_plan_row_width(plan), sizeof *self->rows,
                      &self->rows));
    if (plan->solver != CPS_SOLVER_BLOCK)
        return CPS_OK;
    cps_blocks_init(&blocks, plan);
    CPS_TRY(cps_alloc_raw("workers of rows", plan->user_rows, sizeof *self->worker_of, &self->worker_of));
    for (uint32_t row = 0; row < plan->user_rows; row++)
        self->worker_of[row] = cps_blocks_worker_of(&blocks, row);
    return CPS_OK;
}

void cps_model_reader_release(struct cps_model_reader *self)
{
    free(self->sources);
    free(self->rows);
    free(self->worker_of);
    *self = (struct cps_model_reader){.plan = self->plan};
}

static struct cps_model_source *source_of(const struct cps_model_reader *self, uint32_t key)
{
    uint32_t servers = self->plan->servers;
    if (self->worker_of && key < self->plan->user_rows)
        return &self->sources[1 + servers + self->worker_of[key]];
    return &self->sources[1 + key % servers];
}

static enum cps_status ask(struct cps_model_reader *self, uint32_t first_key, struct cps_outbox *outbox)
{
    uint32_t left = cps_plan_keys(self->plan) - first_key;
    struct cps_message *exchange;
    self->first_key = first_key;
    self->count = left < PART_ROWS ? left : PART_ROWS;
    self->awaited = 0;
    self->ticket++;
    for (uint32_t node = 0; node < self->nodes; node++)
        self->sources[node].rows = 0;
    for (uint32_t i = 0; i < self->count; i++)
        source_of(self, first_key + i)->rows++;
    for (uint32_t node = 0; node < self->nodes; node++) {
        struct cps_model_source *source = &self->sources[node];
        if (source->rows == 0)
            continue;
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_EXCHANGE, node, source->rows * sizeof(uint32_t), &exchange));
        exchange->exchange =
            (struct cps_exchange){.step = self->step, .ticket = self->ticket, .read_rows = source->rows};
        source->keys = (uint32_t *)(void *)exchange->payload->data;
        self->awaited++;
    }
    for (uint32_t key = first_key; key < first_key + self->count; key++)
        *source_of(self, key)->keys++ = key;
    return CPS_OK;
}

enum cps_status cps_model_reader_begin(struct cps_model_reader *self, uint64_t step, struct cps_outbox *outbox)
{
    self->step = step;
    return ask(self, 0, outbox);
}

enum cps_status cps_model_reader_next(struct cps_model_reader *self, struct cps_outbox *outbox, bool *more)
{
    uint32_t next = self->first_key + self->count;
    *more = next < cps_plan_keys(self->plan);
    return *more ? ask(self, next, outbox) : CPS_OK;
}

enum cps_status cps_model_reader_on_rows(struct cps_model_reader *self, const struct cps_message *message,
                                         bool *complete)
{
    uint32_t width = cps_plan_row_width(self->plan);
    struct cps_model_source *source = &self->sources[message->from];
    if (message->rows.ticket != self->ticket || source->rows == 0 || message->rows.rows != source->rows ||
        source->answered == self->ticket)
        return cps_fail(CPS_ERR_PEER, "node %u sent rows that match no outstanding read", message->from);
    source->answered = self->ticket;
    const uint8_t *rows = message->payload->data;
    for (uint32_t i = 0; i < self->count; i++) {
        if (source_of(self, self->first_key + i) != source)
            continue;
        memcpy(self->rows + (size_t)i * width, rows, width * sizeof(float));
        rows += width * sizeof(float);
    }
    *complete = --self->awaited == 0;
    return CPS_OK;
}

uint32_t cps_model_reader_awaited(const struct cps_model_reader *self)
{
    uint32_t node = 0;
    while (self->sources[node].rows == 0 || self->sources[node].answered == self->ticket)
        node++;
    return node;
}
