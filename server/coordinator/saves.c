/*
 * Arranges checkpoints; see saves.h.
 *
 * A held server may be one step behind another, and the workers may have reported the losses of a step that no
 * server has trained yet. The step that is saved is the latest of all these; every server reaches it with the
 * pushes already sent.
 */
#include "server/coordinator/saves.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum { FETCH_ROWS = 2048 };

enum cps_status cps_saves_init(struct cps_saves *self, const struct cps_plan *plan,
                               const struct cps_save_sink *sink)
{
    *self = (struct cps_saves){.plan = plan, .sink = *sink};
    return cps_alloc("servers to save", plan->servers, sizeof *self->streams, &self->streams);
}

void cps_saves_release(struct cps_saves *self)
{
    free(self->waiting);
    free(self->streams);
    *self = (struct cps_saves){0};
}

static enum cps_status tell(struct cps_outbox *outbox, uint32_t nodes, enum cps_snapshot_action action,
                            uint64_t step)
{
    struct cps_message *message;
    for (uint32_t node = 1; node <= nodes; node++) {
        CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_SNAPSHOT, node, 0, &message));
        message->snapshot = (struct cps_snapshot){.step = step, .action = action};
    }
    return CPS_OK;
}

static enum cps_status add_fetch(struct cps_outbox *outbox, uint32_t server, struct cps_state asked)
{
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_FETCH, 1 + server, 0, &message));
    message->state = asked;
    return CPS_OK;
}

/* ---- a requested checkpoint ---- */

static enum cps_status hold_if_asked(struct cps_saves *self, struct cps_outbox *outbox)
{
    if (!self->asked || self->holding || self->taking || self->phase != CPS_SAVES_IDLE || self->count > 0)
        return CPS_OK;
    self->asked = false;
    self->holding = true;
    self->held = 0;
    self->furthest = 0;
    return tell(outbox, self->plan->servers, CPS_SNAPSHOT_HOLD, 0);
}

enum cps_status cps_saves_ask(struct cps_saves *self, bool stop, struct cps_outbox *outbox)
{
    bool under_way = self->phase != CPS_SAVES_IDLE || self->count > 0 || self->holding || self->taking;
    self->stop = self->stop || stop;
    self->asked = self->asked || !(stop && under_way);
    return hold_if_asked(self, outbox);
}

/* A server has stopped training. Once all have, the step to save is known, unless a checkpoint of the plan that
 * became due in the meantime serves as well. */
static enum cps_status on_held(struct cps_saves *self, uint64_t step, uint64_t finished,
                               struct cps_outbox *outbox)
{
    uint32_t servers = self->plan->servers;
    if (step > self->furthest)
        self->furthest = step;
    if (++self->held < servers)
        return CPS_OK;
    self->holding = false;
    if (self->count > 0 || self->phase != CPS_SAVES_IDLE)
        return tell(outbox, servers, CPS_SNAPSHOT_GO_ON, 0);
    if (finished > self->furthest)
        self->furthest = finished;
    self->taken = self->furthest + 1;
    self->taking = true;
    return tell(outbox, servers + self->plan->workers, CPS_SNAPSHOT_TAKE, self->furthest);
}

/* ---- checkpoints that lack parts ---- */

/* Returns the entry of step, created if there is none yet. */
static enum cps_status entry_of(struct cps_saves *self, uint64_t step, struct cps_save_entry **out)
{
    size_t place = self->count;
    while (place > 0 && self->waiting[place - 1].mark.step >= step)
        place--;
    *out = self->waiting + place;
    if (place < self->count && (*out)->mark.step == step)
        return CPS_OK;
    CPS_TRY(cps_grow("checkpoints", &self->waiting, &self->capacity, self->count + 1, sizeof *self->waiting));
    *out = self->waiting + place;
    memmove(*out + 1, *out, (self->count++ - place) * sizeof **out);
    **out = (struct cps_save_entry){.mark.step = step};
    return CPS_OK;
}

static bool is_complete(const struct cps_saves *self, const struct cps_save_entry *entry)
{
    return entry->marked && entry->kept == self->plan->servers;
}

static void remove_entry(struct cps_saves *self, size_t place)
{
    self->count--;
    memmove(self->waiting + place, self->waiting + place + 1, (self->count - place) * sizeof *self->waiting);
}

static enum cps_status give_up(struct cps_saves *self, const struct cps_save_mark *mark,
                               struct cps_outbox *outbox)
{
    for (uint32_t server = 0; server < self->plan->servers; server++)
        CPS_TRY(add_fetch(outbox, server, (struct cps_state){.step = mark->step}));
    self->sink.skip(self->sink.context, mark);
    return CPS_OK;
}

/* ---- transfer of rows ---- */

static enum cps_status finish_stream(struct cps_saves *self, uint32_t server, struct cps_outbox *outbox)
{
    CPS_TRY(add_fetch(outbox, server, (struct cps_state){.step = self->mark.step}));
    if (--self->streaming > 0)
        return CPS_OK;
    self->sink.end(self->sink.context);
    self->phase = CPS_SAVES_WRITING;
    return CPS_OK;
}

static enum cps_status fetch_more(struct cps_saves *self, struct cps_outbox *outbox)
{
    for (uint32_t server = 0; server < self->plan->servers && !self->ended; server++) {
        struct cps_save_stream *stream = &self->streams[server];
        uint32_t left = stream->end - stream->next;
        if (stream->under_way || left == 0 || !self->sink.reserve(self->sink.context))
            continue;
        stream->under_way = true;
        CPS_TRY(add_fetch(outbox, server,
                          (struct cps_state){.step = self->mark.step,
                                             .first_row = stream->next,
                                             .rows = left < FETCH_ROWS ? left : FETCH_ROWS}));
    }
    return CPS_OK;
}

static enum cps_status start(struct cps_saves *self, const struct cps_save_mark *mark,
                             struct cps_outbox *outbox)
{
    self->mark = *mark;
    self->phase = CPS_SAVES_FETCHING;
    self->streaming = self->plan->servers;
    self->sink.begin(self->sink.context, mark);
    for (uint32_t server = 0; server < self->plan->servers; server++) {
        self->streams[server] = (struct cps_save_stream){.end = cps_plan_server_rows(self->plan, server)};
        if (self->streams[server].end == 0)
            CPS_TRY(finish_stream(self, server, outbox));
    }
    return fetch_more(self, outbox);
}

/* Begins, or drops, the checkpoints that are complete. */
static enum cps_status settle(struct cps_saves *self, struct cps_outbox *outbox)
{
    for (size_t i = 0; i < self->count && !self->ended;) {
        const struct cps_save_entry entry = self->waiting[i];
        bool begin = !entry.refused && self->phase == CPS_SAVES_IDLE;
        if (!is_complete(self, &entry) || !(entry.refused || begin)) {
            i++;
            continue;
        }
        remove_entry(self, i);
        self->taking = self->taking && self->taken != entry.mark.step + 1;
        CPS_TRY(begin ? start(self, &entry.mark, outbox) : give_up(self, &entry.mark, outbox));
    }
    return hold_if_asked(self, outbox);
}

enum cps_status cps_saves_on_state(struct cps_saves *self, const struct cps_message *message,
                                   struct cps_outbox *outbox)
{
    const struct cps_state *state = &message->state;
    uint32_t server = message->from - 1;
    struct cps_save_stream *stream = server < self->plan->servers ? &self->streams[server] : NULL;
    CPS_TRY(cps_message_check(message, 0));
    if (!stream || !stream->under_way || state->step != self->mark.step || state->first_row != stream->next ||
        state->rows == 0 || state->rows > stream->end - stream->next ||
        state->words != cps_plan_state_words(self->plan))
        return cps_fail(CPS_ERR_PEER, "node %u sent rows for a checkpoint that match no request",
                        message->from);
    self->sink.rows(self->sink.context, server, state, message->payload);
    stream->next += state->rows;
    stream->under_way = false;
    if (stream->next == stream->end)
        CPS_TRY(finish_stream(self, server, outbox));
    return fetch_more(self, outbox);
}

/* ---- public functions ---- */

bool cps_saves_are_quiet(const struct cps_saves *self)
{
    for (uint32_t server = 0; self->streams && server < self->plan->servers; server++)
        if (self->streams[server].under_way)
            return false;
    return !self->holding;
}

bool cps_saves_wants_mark(const struct cps_saves *self, uint64_t step)
{
    return cps_saves_possible(self) && self->marked != step + 1 &&
           (self->taken == step + 1 || cps_plan_saves_after(self->plan, step));
}

enum cps_status cps_saves_mark(struct cps_saves *self, struct cps_save_mark mark, struct cps_outbox *outbox)
{
    struct cps_save_entry *entry;
    self->marked = mark.step + 1;
    self->sink.mark(self->sink.context, &mark);
    CPS_TRY(entry_of(self, mark.step, &entry));
    entry->mark = mark;
    entry->marked = true;
    return settle(self, outbox);
}

enum cps_status cps_saves_on_kept(struct cps_saves *self, const struct cps_message *message, uint64_t finished,
                                  struct cps_outbox *outbox)
{
    const struct cps_snapshot *kept = &message->snapshot;
    struct cps_save_entry *entry;
    bool is_answer = kept->action == CPS_SNAPSHOT_TAKE || kept->action == CPS_SNAPSHOT_REFUSED;
    bool is_hold = kept->action == CPS_SNAPSHOT_HOLD && self->holding;
    if (!cps_saves_possible(self) || message->from > self->plan->servers || !(is_answer || is_hold))
        return cps_fail(CPS_ERR_PEER, "node %u kept rows that were not requested", message->from);
    if (is_hold)
        return on_held(self, kept->step, finished, outbox);
    CPS_TRY(entry_of(self, kept->step, &entry));
    entry->kept++;
    entry->refused = entry->refused || kept->action == CPS_SNAPSHOT_REFUSED;
    return settle(self, outbox);
}

/* The checkpoint that was written last is valid, or has failed. */
static enum cps_status finish(struct cps_saves *self, bool valid, struct cps_outbox *outbox)
{
    unsigned long long step = self->mark.step;
    self->phase = CPS_SAVES_IDLE;
    if (self->stop && valid)
        return cps_fail(CPS_ERR_PREEMPTED, "stopped after step %llu, of which there is a checkpoint", step);
    if (self->stop && self->count == 0)
        return cps_fail(CPS_ERR_STORAGE, "stopped after step %llu, whose checkpoint could not be written",
                        step);
    return settle(self, outbox);
}

enum cps_status cps_saves_on_tick(struct cps_saves *self, struct cps_outbox *outbox)
{
    if (!cps_saves_possible(self))
        return CPS_OK;
    if (self->phase == CPS_SAVES_FETCHING)
        return fetch_more(self, outbox);
    if (self->phase != CPS_SAVES_WRITING)
        return CPS_OK;
    enum cps_save_outcome outcome = self->sink.outcome(self->sink.context);
    return outcome == CPS_SAVE_PENDING ? CPS_OK : finish(self, outcome == CPS_SAVE_VALID, outbox);
}
