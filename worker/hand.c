/* Trains the blocks in hand; see hand.h. */
#include "worker/hand.h"

#include <string.h>

enum { LONGEST_STRETCH = 512, SHORTEST_STRETCH = 32, STRETCHES = 8, STEPS = 4096, FEWER_STEPS = 512 };

void cps_hand_init(struct cps_hand *self, const struct cps_hand_work *work, float *zeroes)
{
    self->work = work;
    self->zeroes = zeroes;
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++)
        self->block_of[slot] = CPS_HAND_NONE;
}

static const struct cps_block_rating *stretch_end(const struct cps_hand_block *block,
                                                  const struct cps_block_rating *at)
{
    return block->end - at < (ptrdiff_t)block->stretch ? block->end : at + block->stretch;
}

/* Sets the next stretch of a block. */
static void set_stretch(struct cps_hand_block *block)
{
    bool left = block->at != block->end;
    block->stretch_end = stretch_end(block, block->at);
    block->last_user = left ? block->stretch_end[-1].user : 0;
    block->passed = left ? block->at->user : 0;
}

/* Lets the blocks that wait for this one begin. The one before it with the same user block may still be
 * training later users. */
static void finish(struct cps_hand *self, uint32_t number)
{
    self->blocks[number].done = true;
    self->supply.stop = true;
    for (uint32_t i = 0; i < self->held; i++) {
        struct cps_hand_block *other = &self->blocks[self->queue[i]];
        if (other->user_before == number)
            other->user_before = self->blocks[number].user_before;
        if (other->movie_before == number)
            other->movie_before = CPS_HAND_NONE;
    }
}

static uint32_t unused_block(const struct cps_hand *self)
{
    bool used[CPS_HAND_MOST] = {false};
    uint32_t number = 0;
    for (uint32_t i = 0; i < self->held; i++)
        used[self->queue[i]] = true;
    while (used[number])
        number++;
    return number;
}

static uint32_t stretch_of(uint64_t count)
{
    if (count < STRETCHES * SHORTEST_STRETCH)
        return SHORTEST_STRETCH;
    return count > STRETCHES * LONGEST_STRETCH ? LONGEST_STRETCH : (uint32_t)(count / STRETCHES);
}

void cps_hand_add(struct cps_hand *self, const struct cps_hand_block *block)
{
    const struct cps_order *order = self->work->order;
    uint32_t number = unused_block(self);
    struct cps_hand_block *added = &self->blocks[number];
    *added = *block;
    added->user_before = added->movie_before = CPS_HAND_NONE;
    for (uint32_t i = 0; i < self->held; i++) {
        const struct cps_hand_block *other = &self->blocks[self->queue[i]];
        if (!other->done && other->user == block->user)
            added->user_before = self->queue[i];
        if (!other->done && other->movie == block->movie)
            added->movie_before = self->queue[i];
    }
    uint64_t count =
        cps_order_block(order, &order->train, order->first_block + block->user, block->movie, &added->begin);
    added->at = added->begin;
    added->end = added->begin + count;
    added->stretch = stretch_of(count);
    set_stretch(added);
    self->queue[self->held++] = number;
    added->done = count == 0;
}

/* Adds a stream's errors to its block, which goes on to its next stretch. */
static void end_stretch(struct cps_hand *self, struct cps_block_stream *stream, uint32_t number)
{
    struct cps_hand_block *block = &self->blocks[number];
    block->squared += stream->loss * ((cps_int128)1 << (64 - self->work->plan->gradient_bits));
    block->wild |= stream->wild;
    block->at = block->stretch_end;
    block->in_training = false;
    if (block->at == block->end)
        finish(self, number);
    else
        set_stretch(block);
}

/* All blocks before must have passed the users of the stretch: one may have no ratings of a user that another
 * has.
 */
static bool can_begin(const struct cps_hand *self, const struct cps_hand_block *block)
{
    if (block->done || block->in_training || block->movie_before != CPS_HAND_NONE)
        return false;
    for (uint32_t i = block->user_before; i != CPS_HAND_NONE; i = self->blocks[i].user_before)
        if (block->last_user >= self->blocks[i].passed)
            return false;
    return true;
}

static void begin_stretch(struct cps_hand *self, struct cps_block_stream *stream, uint32_t number)
{
    struct cps_hand_block *block = &self->blocks[number];
    block->in_training = true;
    __builtin_prefetch(stretch_end(block, block->stretch_end) - 1); /* for set_stretch() */
    *stream = (struct cps_block_stream){.ratings = block->at,
                                        .end = block->stretch_end,
                                        .users = block->users,
                                        .movies = block->movies,
                                        .rate = block->rate,
                                        .decay = block->decay,
                                        .bias_decay = block->bias_decay};
}

/* See struct cps_block_supply: the earliest block that can begin a stretch, or rows of zeroes. */
static void next_stretch(void *context, struct cps_block_stream *stream)
{
    struct cps_hand *self = context;
    uint32_t *number = &self->block_of[stream - self->streams];
    if (*number != CPS_HAND_NONE)
        end_stretch(self, stream, *number);
    *number = CPS_HAND_NONE;
    for (uint32_t i = 0; i < self->held && *number == CPS_HAND_NONE; i++)
        if (can_begin(self, &self->blocks[self->queue[i]]))
            *number = self->queue[i];
    if (*number != CPS_HAND_NONE) {
        begin_stretch(self, stream, *number);
        return;
    }
    *stream = (struct cps_block_stream){.ratings = self->work->blank,
                                        .end = self->work->blank + CPS_HAND_IDLE,
                                        .users = self->zeroes,
                                        .movies = self->zeroes,
                                        .decay = 1,
                                        .bias_decay = 1};
}

/* Ends the stretches that are trained, whose streams may find nothing to train next. */
static void end_stretches(struct cps_hand *self)
{
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++) {
        struct cps_block_stream *stream = &self->streams[slot];
        if (self->block_of[slot] == CPS_HAND_NONE || stream->ratings != stream->end)
            continue;
        end_stretch(self, stream, self->block_of[slot]);
        self->block_of[slot] = CPS_HAND_NONE;
    }
}

/* Starts to read ahead what follows each block that was added. */
static void read_ahead(struct cps_hand *self)
{
    const struct cps_order *order = self->work->order;
    for (uint32_t i = 0; i < self->held; i++) {
        struct cps_hand_block *block = &self->blocks[self->queue[i]];
        if (!block->expected)
            cps_order_expect(order, &order->train, order->first_block + block->user,
                             (block->movie + 1) % order->blocks.count);
        block->expected = true;
    }
}

static void forget_done(const struct cps_hand *self)
{
    const struct cps_order *order = self->work->order;
    for (uint32_t i = 0; i < self->held; i++) {
        const struct cps_hand_block *block = &self->blocks[self->queue[i]];
        if (block->done)
            cps_order_forget(order, &order->train, order->first_block + block->user, block->movie);
    }
}

/* Moves the streams in use to the front. */
static void gather_streams(struct cps_hand *self)
{
    uint32_t used = 0;
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++) {
        if (self->block_of[slot] == CPS_HAND_NONE)
            continue;
        struct cps_block_stream stream = self->streams[slot];
        uint32_t block = self->block_of[slot];
        self->streams[slot] = self->streams[used];
        self->block_of[slot] = self->block_of[used];
        self->streams[used] = stream;
        self->block_of[used++] = block;
    }
}

void cps_hand_train(struct cps_hand *self, uint32_t movies)
{
    uint32_t count = movies > CPS_BLOCK_FEWER_STREAMS ? CPS_BLOCK_STREAMS : CPS_BLOCK_FEWER_STREAMS;
    read_ahead(self);
    gather_streams(self);
    self->supply = (struct cps_block_supply){.next = next_stretch, .context = self};
    self->work->kernels->train(self->work->rule, self->streams, count,
                               movies < CPS_BLOCK_STREAMS ? FEWER_STEPS : STEPS, &self->supply);
    end_stretches(self);
    forget_done(self);
}

bool cps_hand_take_done(struct cps_hand *self, struct cps_hand_block *out)
{
    for (uint32_t i = 0; i < self->held; i++) {
        if (!self->blocks[self->queue[i]].done)
            continue;
        *out = self->blocks[self->queue[i]];
        self->held--;
        memmove(self->queue + i, self->queue + i + 1, (self->held - i) * sizeof *self->queue);
        return true;
    }
    return false;
}

bool cps_hand_validate(struct cps_hand *self, uint32_t user_block, uint32_t movie_block, const float *users,
                       const float *movies, struct cps_error_sums *sums)
{
    const struct cps_hand_work *work = self->work;
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
