/* Assembles parts of the model from the servers' rows; see model_reader.h. */
#include "server/coordinator/model_reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum { PART_ROWS = 4096 };

enum cps_status cps_model_reader_init(struct cps_model_reader *self, const struct cps_plan *plan)
{
    *self = (struct cps_model_reader){.plan = plan};
    CPS_TRY(cps_alloc("answered reads", plan->servers, sizeof *self->answered, &self->answered));
    return cps_alloc("rows of the model", (size_t)PART_ROWS * cps_plan_row_width(plan), sizeof *self->rows,
                     &self->rows);
}

void cps_model_reader_release(struct cps_model_reader *self)
{
    free(self->answered);
    free(self->rows);
    self->answered = NULL;
    self->rows = NULL;
}

/* The keys of the part that live on server are first, first + servers, …, relative to first_key; returns their
 * number. */
static uint32_t rows_on(const struct cps_model_reader *self, uint32_t server, uint32_t *first)
{
    uint32_t servers = self->plan->servers;
    *first = (server + servers - self->first_key % servers) % servers;
    return *first < self->count ? (self->count - *first - 1) / servers + 1 : 0;
}

static enum cps_status ask(struct cps_model_reader *self, uint32_t first_key, struct cps_outbox *outbox)
{
    uint32_t servers = self->plan->servers, left = cps_plan_keys(self->plan) - first_key;
    struct cps_message *exchange;
    self->first_key = first_key;
    self->count = left < PART_ROWS ? left : PART_ROWS;
    self->awaited = servers;
    self->ticket++;
    for (uint32_t server = 0; server < servers; server++) {
        uint32_t first, rows = rows_on(self, server, &first);
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_EXCHANGE, 1 + server, rows * sizeof(uint32_t), &exchange));
        exchange->exchange =
            (struct cps_exchange){.step = self->step, .ticket = self->ticket, .read_rows = rows};
        uint32_t *keys = rows ? (uint32_t *)(void *)exchange->payload->data : NULL;
        for (uint32_t i = 0; i < rows; i++)
            keys[i] = first_key + first + i * servers;
    }
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
    uint32_t servers = self->plan->servers, server = message->from - 1, width = cps_plan_row_width(self->plan);
    uint32_t first, rows = rows_on(self, server, &first);
    if (message->rows.ticket != self->ticket || message->rows.rows != rows ||
        self->answered[server] == self->ticket)
        return cps_fail(CPS_ERR_PEER, "server %u sent rows that match no outstanding read", server);
    self->answered[server] = self->ticket;
    for (uint32_t i = 0; i < rows; i++)
        memcpy(self->rows + (size_t)(first + i * servers) * width,
               message->payload->data + (size_t)i * width * sizeof(float), width * sizeof(float));
    *complete = --self->awaited == 0;
    return CPS_OK;
}

uint32_t cps_model_reader_awaited(const struct cps_model_reader *self)
{
    uint32_t server = 0;
    while (self->answered[server] == self->ticket)
        server++;
    return server;
}
