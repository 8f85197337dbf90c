/* Trains up to eight blocks at a time; see hand.h. */
#include "worker/hand.h"

/* Starts to read ahead the next block of each user block that was added. */
static void read_ahead(const struct cps_hand *self, const struct cps_order *order)
{
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++)
        if (self->user[slot] != CPS_HAND_EMPTY && self->left[slot] == self->ratings[slot])
            cps_order_expect(order, &order->train, order->first_block + self->user[slot],
                             (self->movie[slot] + 1) % order->blocks.count);
}

static void forget_done(const struct cps_hand *self, const struct cps_order *order)
{
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++)
        if (self->user[slot] != CPS_HAND_EMPTY && self->left[slot] == 0)
            cps_order_forget(order, &order->train, order->first_block + self->user[slot], self->movie[slot]);
}

void cps_hand_train(struct cps_hand *self, const struct cps_hand_work *work)
{
    uint64_t steps = CPS_BLOCK_MOST_STEPS;
    read_ahead(self, work->order);
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++)
        if (self->user[slot] != CPS_HAND_EMPTY && self->left[slot] < steps)
            steps = self->left[slot];
    work->kernels->train(work->rule, self->streams, (uint32_t)steps);
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++) {
        struct cps_block_stream *stream = &self->streams[slot];
        if (self->user[slot] == CPS_HAND_EMPTY) {
            stream->ratings = work->blank;
            continue;
        }
        self->left[slot] -= steps;
        self->squared[slot] += stream->loss * ((cps_int128)1 << (64 - work->plan->gradient_bits));
        stream->loss = 0;
    }
    forget_done(self, work->order);
}

bool cps_hand_validate(struct cps_hand *self, const struct cps_hand_work *work, uint32_t user_block,
                       uint32_t movie_block, const float *users, const float *movies,
                       struct cps_error_sums *sums)
{
    const struct cps_block_rating *ratings;
    uint64_t count = cps_order_block(work->order, &work->order->valid, user_block, movie_block, &ratings);
    for (uint64_t first = 0; first < count; first += CPS_HAND_SCORES) {
        size_t chunk = count - first < CPS_HAND_SCORES ? count - first : CPS_HAND_SCORES;
        work->kernels->scores(work->rule, users, movies, ratings + first, chunk, self->score);
        for (size_t i = 0; i < chunk; i++)
            self->rating[i] = ratings[first + i].rating;
        if (cps_error_sums_add(sums, work->plan, self->score, self->rating, chunk) < chunk)
            return false;
    }
    return true;
}
