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
#include "worker/crew_results.h"
#include "worker/crew_sorting.h"
#include "worker/hand.h"

enum { WAIT_NS = 100000, LONGEST_RUN = 8, MOST_MOVIES = 12, MOST_VALIDATED = 16 };

/* Blocks count as trained as soon as a thread has them in hand, so that it can take several with one user block
 * or one movie block. */
struct user_block {
    float *rows; /* NULL: not leased */
    uint64_t step, lent_step;
    uint32_t busy;               /* blocks in hand */
    const struct member *thread; /* that has them */
    bool due;                    /* to be returned without being trained */
};

struct movie_block {
    float *rows;
    uint64_t step;
    uint32_t busy;
    const struct member *thread;
    bool shared;
    bool done; /* to be taken back when it is not busy */
};

struct member {
    struct cps_crew *crew;
    struct cps_hand hand;
    uint32_t user, run; /* the user block taken last, and how often in a row */
    uint32_t movies;    /* movie blocks in hand */
    struct cps_order_scratch *scratch;
    pthread_t thread;
    bool started;
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
    uint64_t save_step; /* the coordinator has requested to save the rows after it; 0: none */
    struct cps_crew_results results;
    float *zeroes;                  /* a row for each thread */
    struct cps_block_rating *blank; /* ratings of that row */
    uint32_t most_movies;           /* that a thread has in hand */
    struct member *members;         /* [threads]; the first is the main thread */
    uint32_t threads;
};

/* ---- which block is ready ---- */

/* Whether a user block that has seen `step` sub-epochs still waits for the validation of the last epoch. */
static bool waits_for_validation(const struct cps_crew *self, uint64_t step)
{
    return step == cps_crew_results_epoch_end(&self->results);
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

/* Whether a thread may take the next block of a user block: its rows are here, or will be when the thread is
 * done with what it has in hand. */
static bool is_ready(const struct cps_crew *self, const struct member *member, uint32_t user)
{
    const struct user_block *block = &self->users[user];
    if (!block->rows || !self->sorting.dealt[user] || block->step >= self->granted || lease_ends(self, block) ||
        waits_for_validation(self, block->step) || (block->busy && block->thread != member))
        return false;
    uint32_t j = cps_blocks_movie(&self->order->blocks, self->order->first_block + user, block->step);
    const struct movie_block *movie = &self->movies[j];
    return movie->rows && !movie->shared && !movie->done && movie->step == block->step &&
           (!movie->busy || movie->thread == member);
}

/* Whether the movie block's next user block is also this worker's, and no other node needs the rows before. */
static bool stays(const struct cps_crew *self, uint32_t movie, uint64_t step)
{
    uint32_t next = cps_blocks_user(&self->order->blocks, movie, step) - self->order->first_block;
    return next < self->own && step % self->blocks != 0 && step < self->granted && !is_saved(self, step);
}

static void take_in_hand(struct cps_crew *self, struct member *member, uint32_t user)
{
    struct user_block *block = &self->users[user];
    uint32_t j = cps_blocks_movie(&self->order->blocks, self->order->first_block + user, block->step);
    struct movie_block *movie = &self->movies[j];
    double lr = self->lr[block->step];
    const struct cps_hand_block added = {.user = user,
                                         .movie = j,
                                         .step = block->step,
                                         .users = block->rows,
                                         .movies = movie->rows,
                                         .rate = (float)lr,
                                         .decay = (float)(1.0 - lr * self->plan.wd),
                                         .bias_decay = (float)(1.0 - lr * self->plan.wd_bias)};
    block->thread = movie->thread = member;
    member->movies += movie->busy == 0;
    block->busy++;
    movie->busy++;
    block->step++;
    movie->step++;
    movie->done = !stays(self, j, movie->step);
    cps_hand_add(&member->hand, &added);
}

static void finish_block(struct cps_crew *self, struct member *member, const struct cps_hand_block *done)
{
    cps_crew_results_add_block(&self->results, done);
    self->users[done->user].busy--;
    self->movies[done->movie].busy--;
    member->movies -= self->movies[done->movie].busy == 0;
}

static void finish_blocks(struct cps_crew *self, struct member *member)
{
    struct cps_hand_block done;
    while (cps_hand_take_done(&member->hand, &done))
        finish_block(self, member, &done);
}

/* What a thread does about the next block of a user block. */
enum choice { TAKEN, NOT_READY, TOO_MANY };

/* A movie block that waits for another block in hand needs no third one behind it, and more movie blocks than
 * streams would leave the cache. */
static enum choice consider(struct cps_crew *self, struct member *member, uint32_t user)
{
    if (!is_ready(self, member, user))
        return NOT_READY;
    uint32_t j =
        cps_blocks_movie(&self->order->blocks, self->order->first_block + user, self->users[user].step);
    if (self->movies[j].busy == 0 ? member->movies >= self->most_movies : self->movies[j].busy >= 2)
        return TOO_MANY;
    take_in_hand(self, member, user);
    return TAKEN;
}

/* Takes blocks in hand: up to eight with one user block, which its users then pass through together, then some
 * with the user block before, as movie blocks go from one to the next. A thread that has enough in hand waits
 * for a block that fits rather than take another one. */
static void fill_hand(struct cps_crew *self, struct member *member)
{
    struct cps_hand *hand = &member->hand;
    while (self->own > 0 && hand->held < CPS_HAND_MOST) {
        enum choice choice = NOT_READY;
        if (member->run < LONGEST_RUN)
            choice = consider(self, member, member->user);
        if (choice == TAKEN) {
            member->run++;
            continue;
        }
        for (uint32_t i = 1; i <= self->own && choice != TAKEN; i++) {
            if (choice == TOO_MANY && hand->held >= CPS_BLOCK_STREAMS)
                return;
            uint32_t user = (member->user + self->own - i) % self->own;
            choice = consider(self, member, user);
            if (choice == TAKEN) {
                member->user = user;
                member->run = 1;
            }
        }
        if (choice != TAKEN)
            return;
    }
}

/* ---- training ---- */

/* Called with the mutex held, which is released while rows are trained. */
static void train_some(struct cps_crew *self, struct member *member)
{
    pthread_mutex_unlock(&self->mutex);
    cps_hand_train(&member->hand, member->movies);
    pthread_mutex_lock(&self->mutex);
    finish_blocks(self, member);
    if (self->sleepers)
        pthread_cond_broadcast(&self->changed);
}

/* ---- validation ---- */

static bool epoch_is_trained(const struct cps_crew *self)
{
    for (uint32_t user = 0; user < self->own; user++)
        if (self->users[user].step != cps_crew_results_epoch_end(&self->results) || self->users[user].busy ||
            !self->users[user].rows || !self->sorting.dealt[user])
            return false;
    return true;
}

/* Sets movies[MOST_VALIDATED] to movie blocks to validate with and returns their number. */
static uint32_t next_to_validate(const struct cps_crew *self, uint32_t *movies)
{
    uint32_t found = 0;
    if (self->plan.valid_count == 0 || !epoch_is_trained(self))
        return 0;
    for (uint32_t j = 0; j < self->blocks && found < MOST_VALIDATED; j++)
        if (self->movies[j].shared && !self->movies[j].busy && !self->movies[j].done)
            movies[found++] = j;
    return found;
}

/* Adds the errors of a user block with these movie blocks to sums; false if one is out of range. */
static bool validate_user(const struct cps_crew *self, struct member *member, uint32_t user,
                          const uint32_t *movies, uint32_t count, struct cps_error_sums *sums)
{
    uint32_t i = self->order->first_block + user;
    bool fine = true;
    for (uint32_t k = 0; k < count; k++)
        cps_order_expect(self->order, &self->order->valid, i, movies[k]);
    for (uint32_t k = 0; k < count; k++) {
        fine = fine && cps_hand_validate(&member->hand, i, movies[k], self->users[user].rows,
                                         self->movies[movies[k]].rows, sums);
        cps_order_forget(self->order, &self->order->valid, i, movies[k]);
    }
    return fine;
}

/* Takes several movie blocks at a time, so that the rows of a user block are fetched once for all of them. */
static void validate_movies(struct cps_crew *self, struct member *member, const uint32_t *movies,
                            uint32_t count)
{
    struct cps_error_sums sums = {0};
    bool fine = true;
    for (uint32_t k = 0; k < count; k++)
        self->movies[movies[k]].busy++;
    pthread_mutex_unlock(&self->mutex);
    for (uint32_t user = 0; user < self->own && fine; user++)
        fine = validate_user(self, member, user, movies, count, &sums);
    pthread_mutex_lock(&self->mutex);
    cps_crew_results_add_valid(&self->results, count, &sums, fine);
    for (uint32_t k = 0; k < count; k++) {
        self->movies[movies[k]].busy--;
        self->movies[movies[k]].done = true;
    }
    if (self->sleepers)
        pthread_cond_broadcast(&self->changed);
}

/* ---- threads ---- */

/* Does one piece of work; false if there is none. Called with the mutex held. */
static bool do_some(struct cps_crew *self, struct member *member)
{
    fill_hand(self, member);
    finish_blocks(self, member);
    if (member->movies < CPS_BLOCK_STREAMS && cps_crew_sort(&self->sorting, &member->scratch)) {
        if (self->sleepers)
            pthread_cond_broadcast(&self->changed);
        return true;
    }
    if (member->hand.held > 0) {
        train_some(self, member);
        return true;
    }
    uint32_t movies[MOST_VALIDATED], count = next_to_validate(self, movies);
    if (count == 0)
        return false;
    validate_movies(self, member, movies, count);
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
        if (!movie->rows || !movie->done || movie->busy)
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
        here = self->users[user].rows && self->users[user].step == step && !self->users[user].busy &&
               !lease_ends(self, &self->users[user]);
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
    bool found = cps_crew_results_take_step(&self->results, self->granted, step, out);
    pthread_mutex_unlock(&self->mutex);
    return found;
}

bool cps_crew_take_valid(struct cps_crew *self, uint32_t *epoch, struct cps_error_sums *out, bool *wild)
{
    pthread_mutex_lock(&self->mutex);
    bool found = cps_crew_results_take_valid(&self->results, epoch, out, wild);
    if (found)
        pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return found;
}

/* ---- start and end ---- */

static enum cps_status alloc_all(struct cps_crew *self)
{
    CPS_TRY(cps_alloc("user blocks", self->own, sizeof *self->users, &self->users));
    CPS_TRY(cps_crew_sorting_init(&self->sorting, self->order, &self->mutex));
    CPS_TRY(cps_alloc("movie blocks", self->blocks, sizeof *self->movies, &self->movies));
    CPS_TRY(cps_crew_results_init(&self->results, &self->plan, self->own));
    CPS_TRY(cps_alloc("rows of zeroes", (size_t)self->threads * self->rule.row_floats, sizeof *self->zeroes,
                      &self->zeroes));
    CPS_TRY(cps_alloc("ratings of no row", CPS_HAND_IDLE + CPS_BLOCK_AHEAD, sizeof *self->blank, &self->blank));
    return cps_alloc("threads", self->threads, sizeof *self->members, &self->members);
}

static enum cps_status start_threads(struct cps_crew *self)
{
    for (uint32_t t = 0; t < self->threads; t++) {
        struct member *member = &self->members[t];
        member->crew = self;
        member->user = (uint32_t)((uint64_t)t * self->own / self->threads);
        cps_hand_init(&member->hand, &self->work, self->zeroes + (size_t)t * self->rule.row_floats);
        if (t == 0)
            continue;
        int error = pthread_create(&member->thread, NULL, member_main, member);
        if (error)
            return cps_fail(CPS_ERR_MEMORY, "cannot start thread %u: %s", t, strerror(error));
        member->started = true;
    }
    return CPS_OK;
}

/* Leaves each thread its share of the movie blocks. */
static uint32_t most_movies(const struct cps_crew *self)
{
    uint32_t share = (self->blocks + self->threads - 1) / self->threads;
    return share < MOST_MOVIES ? share : MOST_MOVIES;
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
    self->most_movies = most_movies(self);
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
    cps_crew_results_release(&self->results);
    free(self->zeroes);
    free(self->blank);
    free(self->members);
    free(self);
    *out = NULL;
}
