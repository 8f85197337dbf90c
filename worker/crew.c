/*
 * Assigns blocks to threads; see crew.h. One mutex guards the state of all blocks. The thread that trains a
 * block accesses its rows without the mutex, but takes and releases the block with it.
 */
#include "worker/crew.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/memory.h"
#include "worker/crew_sorting.h"
#include "worker/hand.h"

enum { WAIT_NS = 100000 };

struct user_block {
    float *rows; /* NULL: not leased */
    uint64_t step, lent_step;
    bool busy;
    bool due; /* to be returned without being trained */
};

struct movie_block {
    float *rows;
    uint64_t step;
    bool shared, busy;
    bool done; /* to be taken back */
};

struct member {
    struct cps_crew *crew;
    struct cps_hand hand;
    struct cps_order_scratch *scratch;
    pthread_t thread;
    bool started;
};

struct step_sum {
    struct cps_crew_step sum;
    uint32_t blocks;
};

struct cps_crew {
    struct cps_plan plan;
    struct cps_order *order;
    struct cps_hand_work work;
    struct cps_block_rule rule;
    uint32_t blocks, own; /* G; user blocks here */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    uint32_t sleepers, active; /* threads waiting for a block, and at work */
    struct user_block *users;  /* [own] */
    struct cps_crew_sorting sorting;
    struct movie_block *movies; /* [blocks] */
    double *lr;                 /* [granted] */
    size_t lr_capacity;
    uint64_t granted;
    uint64_t save_step;    /* the coordinator has requested to save the rows after it; 0: none */
    struct step_sum *sums; /* [2 · blocks], by step modulo that: own blocks are never further apart */
    uint64_t taken;        /* steps */
    uint32_t validating;   /* the epoch that is being validated, or is to be next */
    uint32_t validated;    /* movie blocks of it */
    uint32_t valid_taken;  /* epochs */
    struct cps_error_sums valid;
    bool valid_wild;
    float *zeroes;                  /* a row for each thread */
    struct cps_block_rating *blank; /* ratings of that row */
    struct member *members;         /* [threads]; the first is the main thread */
    uint32_t threads;
};

/* ---- which block is ready ---- */

static uint64_t epoch_end(const struct cps_crew *self)
{
    return (uint64_t)(self->validating + 1) * self->blocks;
}

/* Whether a user block that has seen `step` sub-epochs still waits for the validation of the last epoch. */
static bool waits_for_validation(const struct cps_crew *self, uint64_t step)
{
    return step == epoch_end(self);
}

/* Whether a checkpoint saves the rows as they are after step. */
static bool is_saved(const struct cps_crew *self, uint64_t step)
{
    return step == self->save_step || cps_plan_saves_after(&self->plan, step);
}

/* Whether a user block's lease ends now because its rows are saved. */
static bool lease_ends(const struct cps_crew *self, const struct user_block *block)
{
    return block->due || (block->step > block->lent_step && is_saved(self, block->step));
}

static bool is_ready(const struct cps_crew *self, uint32_t user)
{
    const struct user_block *block = &self->users[user];
    if (!block->rows || !self->sorting.dealt[user] || block->busy || block->step >= self->granted ||
        lease_ends(self, block) || waits_for_validation(self, block->step))
        return false;
    uint32_t j = cps_blocks_movie(&self->order->blocks, self->order->first_block + user, block->step);
    const struct movie_block *movie = &self->movies[j];
    return movie->rows && !movie->busy && !movie->shared && !movie->done && movie->step == block->step;
}

static void take_in_hand(struct cps_crew *self, struct cps_hand *hand, uint32_t slot, uint32_t user)
{
    struct user_block *block = &self->users[user];
    uint32_t i = self->order->first_block + user;
    uint32_t j = cps_blocks_movie(&self->order->blocks, i, block->step);
    double lr = self->lr[block->step];
    struct cps_block_stream *stream = &hand->streams[slot];
    *stream = (struct cps_block_stream){.users = block->rows,
                                        .movies = self->movies[j].rows,
                                        .rate = (float)lr,
                                        .decay = (float)(1.0 - lr * self->plan.wd),
                                        .bias_decay = (float)(1.0 - lr * self->plan.wd_bias)};
    hand->left[slot] = hand->ratings[slot] =
        cps_order_block(self->order, &self->order->train, i, j, &stream->ratings);
    hand->squared[slot] = 0;
    hand->user[slot] = user;
    hand->movie[slot] = j;
    hand->held++;
    block->busy = self->movies[j].busy = true;
}

static void let_go(struct cps_crew *self, struct cps_hand *hand, uint32_t slot)
{
    hand->streams[slot] = (struct cps_block_stream){
        .ratings = self->blank, .users = hand->zeroes, .movies = hand->zeroes, .decay = 1, .bias_decay = 1};
    hand->user[slot] = hand->movie[slot] = CPS_HAND_EMPTY;
}

/* Whether the movie block's next user block is also this worker's, and no other node needs the rows before. */
static bool stays(const struct cps_crew *self, uint32_t movie, uint64_t step)
{
    uint32_t next = cps_blocks_user(&self->order->blocks, movie, step) - self->order->first_block;
    return next < self->own && step % self->blocks != 0 && step < self->granted && !is_saved(self, step);
}

/* Ends the block in a slot. The slot may continue with the same movie block. */
static void finish_block(struct cps_crew *self, struct cps_hand *hand, uint32_t slot)
{
    uint32_t user = hand->user[slot], j = hand->movie[slot];
    struct movie_block *movie = &self->movies[j];
    uint64_t step = self->users[user].step++;
    struct step_sum *sum = &self->sums[step % (2 * self->blocks)];
    sum->sum.squared = cps_loss_add(sum->sum.squared, hand->squared[slot]);
    sum->sum.ratings += hand->ratings[slot];
    sum->sum.wild |= hand->streams[slot].wild;
    sum->blocks++;
    self->users[user].busy = movie->busy = false;
    movie->step = step + 1;
    movie->done = !stays(self, j, step + 1);
    hand->held--;
    let_go(self, hand, slot);
    uint32_t next = cps_blocks_user(&self->order->blocks, j, step + 1) - self->order->first_block;
    if (!movie->done && is_ready(self, next))
        take_in_hand(self, hand, slot, next);
}

/* Fills empty slots with ready blocks. Blocks without ratings are done at once. */
static void fill_hand(struct cps_crew *self, struct cps_hand *hand)
{
    uint32_t slot = 0;
    for (uint32_t user = 0; user < self->own && hand->held < CPS_BLOCK_STREAMS; user++) {
        if (!is_ready(self, user))
            continue;
        while (hand->user[slot] != CPS_HAND_EMPTY)
            slot++;
        take_in_hand(self, hand, slot, user);
    }
}

/* ---- training ---- */

/* Called with the mutex held, which is released while rows are trained. */
static void train_some(struct cps_crew *self, struct cps_hand *hand)
{
    pthread_mutex_unlock(&self->mutex);
    cps_hand_train(hand, &self->work);
    pthread_mutex_lock(&self->mutex);
    for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++) {
        if (hand->user[slot] != CPS_HAND_EMPTY && hand->left[slot] == 0)
            finish_block(self, hand, slot);
    }
    if (self->sleepers)
        pthread_cond_broadcast(&self->changed);
}

/* ---- validation ---- */

static bool epoch_is_trained(const struct cps_crew *self)
{
    for (uint32_t user = 0; user < self->own; user++)
        if (self->users[user].step != epoch_end(self) || !self->users[user].rows || !self->sorting.dealt[user])
            return false;
    return true;
}

/* Returns a movie block to validate with, or CPS_HAND_EMPTY. */
static uint32_t next_to_validate(const struct cps_crew *self)
{
    if (self->plan.valid_count == 0 || !epoch_is_trained(self))
        return CPS_HAND_EMPTY;
    for (uint32_t j = 0; j < self->blocks; j++) {
        const struct movie_block *movie = &self->movies[j];
        if (movie->shared && !movie->busy && !movie->done)
            return j;
    }
    return CPS_HAND_EMPTY;
}

static void begin_next_epoch(struct cps_crew *self)
{
    self->validating++;
    self->validated = 0;
}

static void validate_movie(struct cps_crew *self, struct cps_hand *hand, uint32_t j)
{
    struct cps_error_sums sums = {0};
    bool fine = true;
    self->movies[j].busy = true;
    pthread_mutex_unlock(&self->mutex);
    for (uint32_t user = 0; user < self->own; user++)
        cps_order_expect(self->order, &self->order->valid, self->order->first_block + user, j);
    for (uint32_t user = 0; user < self->own && fine; user++) {
        fine = cps_hand_validate(hand, &self->work, self->order->first_block + user, j, self->users[user].rows,
                                 self->movies[j].rows, &sums);
        cps_order_forget(self->order, &self->order->valid, self->order->first_block + user, j);
    }
    pthread_mutex_lock(&self->mutex);
    self->valid_wild |= !fine;
    self->valid.squared = cps_loss_add(self->valid.squared, sums.squared);
    self->valid.absolute = cps_loss_add(self->valid.absolute, sums.absolute);
    self->movies[j].busy = false;
    self->movies[j].done = true;
    if (++self->validated == self->blocks)
        begin_next_epoch(self);
    if (self->sleepers)
        pthread_cond_broadcast(&self->changed);
}

/* ---- threads ---- */

/* Does one piece of work; false if there is none. Called with the mutex held. */
static bool do_some(struct cps_crew *self, struct member *member)
{
    struct cps_hand *hand = &member->hand;
    fill_hand(self, hand);
    if (hand->held < CPS_BLOCK_STREAMS && cps_crew_sort(&self->sorting, &member->scratch)) {
        if (self->sleepers)
            pthread_cond_broadcast(&self->changed);
        return true;
    }
    if (hand->held > 0) {
        train_some(self, hand);
        return true;
    }
    uint32_t movie = next_to_validate(self);
    if (movie == CPS_HAND_EMPTY)
        return false;
    validate_movie(self, hand, movie);
    return true;
}

static void *member_main(void *context)
{
    struct member *member = context;
    struct cps_crew *self = member->crew;
    pthread_mutex_lock(&self->mutex);
    self->active++;
    while (!self->stopping) {
        if (do_some(self, member))
            continue;
        self->sleepers++;
        self->active--;
        pthread_cond_wait(&self->changed, &self->mutex);
        self->active++;
        self->sleepers--;
    }
    self->active--;
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* Waits briefly for the other threads, which are working. */
static void wait_a_little(struct cps_crew *self)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    self->sleepers++;
    pthread_cond_timedwait(&self->changed, &self->mutex, &until);
    self->sleepers--;
}

bool cps_crew_is_validating(struct cps_crew *self)
{
    pthread_mutex_lock(&self->mutex);
    bool trained = epoch_is_trained(self);
    pthread_mutex_unlock(&self->mutex);
    return trained;
}

enum cps_status cps_crew_status(struct cps_crew *self)
{
    pthread_mutex_lock(&self->mutex);
    enum cps_status status = cps_failure_raise(&self->sorting.failure);
    pthread_mutex_unlock(&self->mutex);
    return status;
}

bool cps_crew_has_sorted(struct cps_crew *self)
{
    pthread_mutex_lock(&self->mutex);
    bool moved = cps_crew_sorting_moved(&self->sorting);
    pthread_mutex_unlock(&self->mutex);
    return moved;
}

bool cps_crew_work(struct cps_crew *self)
{
    pthread_mutex_lock(&self->mutex);
    bool worked = do_some(self, &self->members[0]);
    if (!worked && self->active > 0) {
        wait_a_little(self);
        worked = true;
    }
    pthread_mutex_unlock(&self->mutex);
    return worked;
}

/* ---- functions of the main thread ---- */

enum cps_status cps_crew_grant(struct cps_crew *self, const double *lr, uint32_t steps)
{
    pthread_mutex_lock(&self->mutex);
    enum cps_status status =
        cps_grow("learning rates", &self->lr, &self->lr_capacity, self->granted + steps, sizeof *self->lr);
    if (status == CPS_OK) {
        memcpy(self->lr + self->granted, lr, steps * sizeof *lr);
        self->granted += steps;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->mutex);
    return status;
}

void cps_crew_save_at(struct cps_crew *self, uint64_t step, bool at_once)
{
    pthread_mutex_lock(&self->mutex);
    if (step > self->save_step)
        self->save_step = step;
    for (uint32_t user = 0; at_once && user < self->own; user++)
        self->users[user].due |= self->users[user].rows && self->users[user].step == step;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

void cps_crew_user_here(struct cps_crew *self, uint32_t block, uint64_t step, float *rows)
{
    pthread_mutex_lock(&self->mutex);
    self->users[block - self->order->first_block] =
        (struct user_block){.rows = rows, .step = step, .lent_step = step};
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

void cps_crew_movie_here(struct cps_crew *self, uint32_t block, uint64_t step, bool shared, float *rows)
{
    pthread_mutex_lock(&self->mutex);
    self->movies[block] = (struct movie_block){.rows = rows, .step = step, .shared = shared};
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

bool cps_crew_take_movie(struct cps_crew *self, uint32_t *block, uint64_t *step, bool *shared)
{
    bool found = false;
    pthread_mutex_lock(&self->mutex);
    for (uint32_t j = 0; j < self->blocks && !found; j++) {
        struct movie_block *movie = &self->movies[j];
        if (!movie->rows || !movie->done)
            continue;
        *block = j;
        *step = movie->step;
        *shared = movie->shared;
        *movie = (struct movie_block){0};
        found = true;
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

bool cps_crew_take_user(struct cps_crew *self, uint32_t *block, uint64_t *step)
{
    bool found = false;
    pthread_mutex_lock(&self->mutex);
    for (uint32_t user = 0; user < self->own && !found; user++) {
        struct user_block *at = &self->users[user];
        if (!at->rows || at->busy || !lease_ends(self, at) || waits_for_validation(self, at->step))
            continue;
        *block = self->order->first_block + user;
        *step = at->step;
        at->rows = NULL;
        found = true;
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

bool cps_crew_users_are_at(struct cps_crew *self, uint64_t step)
{
    bool here = true;
    pthread_mutex_lock(&self->mutex);
    for (uint32_t user = 0; user < self->own && here; user++)
        here =
            self->users[user].rows && self->users[user].step == step && !lease_ends(self, &self->users[user]);
    pthread_mutex_unlock(&self->mutex);
    return here;
}

const float *cps_crew_user_row(const struct cps_crew *self, uint32_t user_row)
{
    const struct cps_blocks *blocks = &self->order->blocks;
    uint32_t place = cps_blocks_place(blocks, CPS_TABLE_USERS, user_row);
    uint32_t block = cps_blocks_of(blocks, CPS_TABLE_USERS, place);
    const float *rows = self->users[block - self->order->first_block].rows;
    return rows + (size_t)(place - cps_blocks_first(blocks, CPS_TABLE_USERS, block)) * self->rule.row_floats;
}

bool cps_crew_take_step(struct cps_crew *self, uint64_t *step, struct cps_crew_step *out)
{
    pthread_mutex_lock(&self->mutex);
    struct step_sum *sum = &self->sums[self->taken % (2 * self->blocks)];
    bool found = sum->blocks == self->own && self->taken < self->granted;
    if (found) {
        *step = self->taken++;
        *out = sum->sum;
        *sum = (struct step_sum){{0}, 0};
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

bool cps_crew_take_valid(struct cps_crew *self, uint32_t *epoch, struct cps_error_sums *out, bool *wild)
{
    pthread_mutex_lock(&self->mutex);
    if (self->plan.valid_count == 0 && self->taken == epoch_end(self))
        begin_next_epoch(self);
    bool found = self->valid_taken < self->validating;
    if (found) {
        *epoch = self->valid_taken++;
        *out = self->valid;
        *wild = self->valid_wild;
        self->valid_wild = false;
        self->valid = (struct cps_error_sums){0};
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->mutex);
    return found;
}

/* ---- start and end ---- */

static enum cps_status alloc_all(struct cps_crew *self)
{
    CPS_TRY(cps_alloc("user blocks", self->own, sizeof *self->users, &self->users));
    CPS_TRY(cps_crew_sorting_init(&self->sorting, self->order, &self->mutex));
    CPS_TRY(cps_alloc("movie blocks", self->blocks, sizeof *self->movies, &self->movies));
    CPS_TRY(cps_alloc("sums of sub-epochs", 2 * (size_t)self->blocks, sizeof *self->sums, &self->sums));
    CPS_TRY(cps_alloc("rows of zeroes", (size_t)self->threads * self->rule.row_floats, sizeof *self->zeroes,
                      &self->zeroes));
    CPS_TRY(cps_alloc("ratings of no row", CPS_BLOCK_MOST_STEPS + CPS_BLOCK_AHEAD, sizeof *self->blank,
                      &self->blank));
    return cps_alloc("threads", self->threads, sizeof *self->members, &self->members);
}

static enum cps_status start_threads(struct cps_crew *self)
{
    for (uint32_t t = 0; t < self->threads; t++) {
        struct member *member = &self->members[t];
        member->crew = self;
        member->hand.zeroes = self->zeroes + (size_t)t * self->rule.row_floats;
        for (uint32_t slot = 0; slot < CPS_BLOCK_STREAMS; slot++)
            let_go(self, &member->hand, slot);
        if (t == 0)
            continue;
        int error = pthread_create(&member->thread, NULL, member_main, member);
        if (error)
            return cps_fail(CPS_ERR_INTERNAL, "cannot start thread %u: %s", t, strerror(error));
        member->started = true;
    }
    return CPS_OK;
}

enum cps_status cps_crew_create(const struct cps_plan *plan, struct cps_order *order,
                                const struct cps_kernels *kernels, uint32_t threads, struct cps_crew **out)
{
    struct cps_crew *self;
    CPS_TRY(cps_alloc("a crew", 1, sizeof *self, &self));
    self->plan = *plan;
    self->order = order;
    self->rule = cps_block_rule_of(plan);
    self->blocks = plan->blocks;
    self->own = order->block_count;
    self->threads = threads;
    self->taken = plan->first_step;
    self->validating = self->valid_taken =
        (uint32_t)((plan->first_step - plan->validates_first) / plan->blocks);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->mutex, NULL);
    enum cps_status status = alloc_all(self);
    self->work = (struct cps_hand_work){.plan = &self->plan,
                                        .rule = &self->rule,
                                        .order = order,
                                        .kernels = cps_block_kernels_of(kernels),
                                        .blank = self->blank};
    if (status == CPS_OK)
        status = start_threads(self);
    if (status != CPS_OK) {
        cps_crew_destroy(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_crew_destroy(struct cps_crew **out)
{
    struct cps_crew *self = *out;
    if (!self)
        return;
    pthread_mutex_lock(&self->mutex);
    self->stopping = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    for (uint32_t t = 1; self->members && t < self->threads; t++)
        if (self->members[t].started)
            pthread_join(self->members[t].thread, NULL);
    for (uint32_t t = 0; self->members && t < self->threads; t++)
        cps_order_scratch_destroy(&self->members[t].scratch);
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->changed);
    free(self->users);
    cps_crew_sorting_release(&self->sorting);
    free(self->movies);
    free(self->lr);
    free(self->sums);
    free(self->zeroes);
    free(self->blank);
    free(self->members);
    free(self);
    *out = NULL;
}
