/*
 * A run has a number and is open while there may be pieces left. A thread that finds it open joins it, takes
 * pieces until there are none and leaves; the caller takes pieces as well, closes the run and waits for those
 * who joined. One that comes late, because its processor has other work, is not waited for.
 *
 *     state   run · 2^32 | open · 2^31 | threads that have joined and not left
 *     next    the piece that the next free thread takes
 */
#include "common/base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

enum {
    LEAST_ITEMS = 1024,  /* that are worth waking a thread for */
    PIECE_ITEMS = 256,   /* the least in a piece */
    PIECES_A_THREAD = 4, /* so that a thread that is held up holds up little */
    SPINS = 4000         /* some 50 us */
};

static const uint64_t ONE_RUN = (uint64_t)1 << 32, OPEN = (uint64_t)1 << 31;

struct helper {
    struct cps_team *team;
    uint32_t number;
    pthread_t thread;
    bool started;
};

struct cps_team {
    uint32_t threads, spins;
    struct helper *helpers; /* [threads]; the first is the caller */
    cps_team_work *work;
    void *context;
    uint32_t pieces;
    _Atomic uint64_t state;
    _Atomic uint32_t next;
    _Atomic bool stopping;
    pthread_mutex_t mutex;
    pthread_cond_t begun, finished;
    uint32_t sleepers; /* under mutex */
    bool waiting;      /* the caller sleeps; under mutex */
};

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

static void do_pieces(struct cps_team *self, uint32_t thread)
{
    uint32_t piece;
    while ((piece = atomic_fetch_add_explicit(&self->next, 1, memory_order_relaxed)) < self->pieces)
        self->work(self->context, piece, thread);
}

/* Whether there is a run to join other than `seen`, or an end to see. */
static bool has_begun(const struct cps_team *self, uint64_t seen)
{
    uint64_t state = atomic_load_explicit(&self->state, memory_order_acquire);
    return (state & OPEN && state / ONE_RUN != seen) ||
           atomic_load_explicit(&self->stopping, memory_order_relaxed);
}

static void await_run(struct cps_team *self, uint64_t seen)
{
    for (uint32_t i = 0; i < self->spins; i++) {
        if (has_begun(self, seen))
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&self->mutex);
    self->sleepers++;
    while (!has_begun(self, seen))
        pthread_cond_wait(&self->begun, &self->mutex);
    self->sleepers--;
    pthread_mutex_unlock(&self->mutex);
}

/* Joins the run that is open and says which; false when it was closed meanwhile. */
static bool join_run(struct cps_team *self, uint64_t *run)
{
    uint64_t state = atomic_load_explicit(&self->state, memory_order_relaxed);
    while (state & OPEN) {
        *run = state / ONE_RUN;
        if (atomic_compare_exchange_weak_explicit(&self->state, &state, state + 1, memory_order_acq_rel,
                                                  memory_order_relaxed))
            return true;
    }
    return false;
}

static bool has_finished(const struct cps_team *self)
{
    return (uint32_t)atomic_load_explicit(&self->state, memory_order_acquire) == 0;
}

/* The last to leave a closed run tells the caller, who may sleep. */
static void leave_run(struct cps_team *self)
{
    uint64_t before = atomic_fetch_sub_explicit(&self->state, 1, memory_order_acq_rel);
    if ((uint32_t)before != 1)
        return;
    pthread_mutex_lock(&self->mutex);
    if (self->waiting)
        pthread_cond_signal(&self->finished);
    pthread_mutex_unlock(&self->mutex);
}

static void *helper_main(void *context)
{
    struct helper *helper = context;
    struct cps_team *self = helper->team;
    uint64_t seen = 0, run;
    for (;;) {
        await_run(self, seen);
        if (atomic_load_explicit(&self->stopping, memory_order_relaxed))
            return NULL;
        if (!join_run(self, &run))
            continue;
        seen = run;
        do_pieces(self, helper->number);
        leave_run(self);
    }
}

/* Closes the run and waits for those who joined it. */
static void finish_run(struct cps_team *self)
{
    atomic_fetch_and_explicit(&self->state, ~OPEN, memory_order_acq_rel);
    for (uint32_t i = 0; i < self->spins; i++) {
        if (has_finished(self))
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&self->mutex);
    self->waiting = true;
    while (!has_finished(self))
        pthread_cond_wait(&self->finished, &self->mutex);
    self->waiting = false;
    pthread_mutex_unlock(&self->mutex);
}

/* Lets sleepers see that something has changed. */
static void wake(struct cps_team *self)
{
    pthread_mutex_lock(&self->mutex);
    if (self->sleepers)
        pthread_cond_broadcast(&self->begun);
    pthread_mutex_unlock(&self->mutex);
}

void cps_team_run(struct cps_team *self, uint32_t pieces, cps_team_work *work, void *context)
{
    if (!self || pieces < 2) {
        for (uint32_t piece = 0; piece < pieces; piece++)
            work(context, piece, 0);
        return;
    }
    self->work = work;
    self->context = context;
    self->pieces = pieces;
    atomic_store_explicit(&self->next, 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->state, ONE_RUN + OPEN, memory_order_release);
    wake(self);
    do_pieces(self, 0);
    finish_run(self);
}

static enum cps_status start_helpers(struct cps_team *self)
{
    CPS_TRY(cps_alloc("threads", self->threads, sizeof *self->helpers, &self->helpers));
    for (uint32_t i = 1; i < self->threads; i++) {
        struct helper *helper = &self->helpers[i];
        *helper = (struct helper){.team = self, .number = i};
        int error = pthread_create(&helper->thread, NULL, helper_main, helper);
        if (error)
            return cps_fail(CPS_ERR_MEMORY, "cannot start thread %u: %s", i, strerror(error));
        helper->started = true;
    }
    return CPS_OK;
}

/* Where threads outnumber the processors one that spins keeps another from its work. */
static bool may_spin(uint32_t threads)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 && (uint32_t)CPU_COUNT(&allowed) >= threads;
}

enum cps_status cps_team_create(uint32_t threads, struct cps_team **out)
{
    struct cps_team *self;
    *out = NULL;
    if (threads < 2)
        return CPS_OK;
    CPS_TRY(cps_alloc("a team of threads", 1, sizeof *self, &self));
    self->threads = threads;
    self->spins = may_spin(threads) ? SPINS : 0;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->begun, NULL);
    pthread_cond_init(&self->finished, NULL);
    enum cps_status status = start_helpers(self);
    if (status != CPS_OK)
        cps_team_destroy(&self);
    *out = self;
    return status;
}

void cps_team_destroy(struct cps_team **out)
{
    struct cps_team *self = *out;
    if (!self)
        return;
    atomic_store_explicit(&self->stopping, true, memory_order_relaxed);
    wake(self);
    for (uint32_t i = 1; self->helpers && i < self->threads; i++)
        if (self->helpers[i].started)
            pthread_join(self->helpers[i].thread, NULL);
    pthread_cond_destroy(&self->finished);
    pthread_cond_destroy(&self->begun);
    pthread_mutex_destroy(&self->mutex);
    free(self->helpers);
    free(self);
    *out = NULL;
}

uint32_t cps_team_threads(const struct cps_team *self)
{
    return self ? self->threads : 1;
}

uint32_t cps_team_pieces(const struct cps_team *self, size_t items)
{
    if (!self || items < LEAST_ITEMS)
        return 1;
    size_t pieces = items / PIECE_ITEMS, most = (size_t)PIECES_A_THREAD * self->threads;
    if (most > CPS_TEAM_MOST_PIECES)
        most = CPS_TEAM_MOST_PIECES;
    return (uint32_t)(pieces < most ? pieces : most);
}
