/* The simulated network; see network.h. */
#include "tests/simulation/network.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"

static const uint64_t DELIVERY_NS = 1000000, CUT_NS = 100000000, LONGEST_STALL_NS = 500000000;
enum { TRIES = 4 };

enum cps_status cps_network_init(struct cps_network *self, uint64_t seed, uint32_t nodes,
                                 const struct cps_simulated_faults *faults)
{
    *self = (struct cps_network){.seed = seed, .nodes = nodes, .now_ns = 1};
    if (seed)
        self->faults = *faults;
    return cps_alloc("stalled nodes", nodes, sizeof *self->stalled_until, &self->stalled_until);
}

void cps_network_release(struct cps_network *self)
{
    for (size_t i = 0; i < self->count; i++)
        cps_message_release(&self->frames[i]);
    free(self->frames);
    free(self->stalled_until);
    *self = (struct cps_network){0};
}

uint64_t cps_network_draw(struct cps_network *self)
{
    return cps_random_u64(self->seed, CPS_RANDOM_TEST + 1, self->draws++);
}

static bool happens(struct cps_network *self, double chance)
{
    return chance > 0 && (double)(cps_network_draw(self) >> 11) * 0x1p-53 < chance;
}

static bool between(const struct cps_message *frame, uint32_t a, uint32_t b)
{
    return (frame->from == a && frame->to == b) || (frame->from == b && frame->to == a);
}

static bool is_cut(const struct cps_network *self, const struct cps_message *frame)
{
    return self->cut_until > self->now_ns && between(frame, self->cut[0], self->cut[1]);
}

enum cps_status cps_network_transmit(void *network, const struct cps_message *frame, bool *sent)
{
    struct cps_network *self = network;
    *sent = !happens(self, self->faults.refusals);
    if (!*sent)
        return CPS_OK;
    if (is_cut(self, frame) || happens(self, self->faults.drops)) {
        self->lost++;
        return CPS_OK;
    }
    CPS_TRY(cps_grow("frames", &self->frames, &self->capacity, self->count + 1, sizeof *self->frames));
    self->frames[self->count++] = *frame;
    if (frame->payload)
        cps_buffer_retain(frame->payload);
    return CPS_OK;
}

/* Loses all frames in flight between two nodes. */
static void reset(struct cps_network *self, bool cut)
{
    size_t kept = 0;
    self->cut[0] = (uint32_t)(cps_network_draw(self) % self->nodes);
    self->cut[1] = (uint32_t)(cps_network_draw(self) % self->nodes);
    for (size_t i = 0; i < self->count; i++) {
        if (between(&self->frames[i], self->cut[0], self->cut[1]))
            cps_message_release(&self->frames[i]);
        else
            self->frames[kept++] = self->frames[i];
    }
    self->lost += self->count - kept;
    self->count = kept;
    self->resets++;
    self->cut_until = cut ? self->now_ns + CUT_NS : 0;
}

static void misbehave(struct cps_network *self)
{
    if (happens(self, self->faults.resets))
        reset(self, false);
    if (happens(self, self->faults.cuts))
        reset(self, true);
    if (happens(self, self->faults.stalls)) {
        uint64_t node = cps_network_draw(self) % self->nodes;
        self->stalled_until[node] = self->now_ns + cps_network_draw(self) % LONGEST_STALL_NS;
        self->stalls++;
    }
}

/* Takes the frame at place, or leaves it there to arrive again. */
static struct cps_message take(struct cps_network *self, size_t place)
{
    struct cps_message frame = self->frames[place];
    if (happens(self, self->faults.duplicates)) {
        if (frame.payload)
            cps_buffer_retain(frame.payload);
        return frame;
    }
    self->count--;
    if (self->seed)
        self->frames[place] = self->frames[self->count];
    else
        memmove(self->frames + place, self->frames + place + 1, (self->count - place) * sizeof *self->frames);
    return frame;
}

bool cps_network_next(struct cps_network *self, struct cps_message *out)
{
    self->now_ns += DELIVERY_NS;
    if (self->seed)
        misbehave(self);
    for (int i = 0; i < TRIES && self->count; i++) {
        size_t place = self->seed ? (size_t)(cps_network_draw(self) % self->count) : 0;
        if (cps_network_stalled(self, self->frames[place].to))
            continue;
        *out = take(self, place);
        return true;
    }
    return false;
}
