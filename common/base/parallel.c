/*
 * A ring of slots: piece p goes into slot p mod slots once piece p - slots has been taken.
 *
 *     next   -> the piece that the next free thread starts
 *     taken  -> the piece that the caller takes next; next - taken <= slots
 */
#include "common/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/memory.h"

struct outcome {
    struct cps_failure failure;
    bool done;
};

struct ring {
    const struct cps_parallel *job;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t next, taken;
    uint32_t slots;
    bool ended;               /* by an error: no further piece is started */
    struct outcome *outcomes; /* [slots] */
};

static uint32_t processors(void)
{
    cpu_set_t allowed;
    int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    return count > 0 ? (uint32_t)count : 1;
}

static uint32_t thread_count(uint32_t threads)
{
    return threads ? threads : processors();
}

uint32_t cps_parallel_slots(uint32_t threads)
{
    return 2 * thread_count(threads);
}

/* Waits until a piece may start and claims it; false when none is left. */
static bool begin(struct ring *self, uint64_t *piece)
{
    pthread_mutex_lock(&self->mutex);
    while (!self->ended && self->next < self->job->pieces && self->next - self->taken >= self->slots)
        pthread_cond_wait(&self->changed, &self->mutex);
    bool more = !self->ended && self->next < self->job->pieces;
    if (more)
        *piece = self->next++;
    pthread_mutex_unlock(&self->mutex);
    return more;
}

static void finish(struct ring *self, uint32_t slot, enum cps_status status)
{
    struct outcome *outcome = &self->outcomes[slot];
    pthread_mutex_lock(&self->mutex);
    cps_failure_note(&outcome->failure, status);
    outcome->done = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void *run_thread(void *context)
{
    struct ring *self = context;
    uint64_t piece;
    while (begin(self, &piece)) {
        uint32_t slot = (uint32_t)(piece % self->slots);
        finish(self, slot, self->job->work(self->job->context, piece, slot));
    }
    return NULL;
}

/* Waits for piece `taken` to be done and takes it. */
static enum cps_status take_next(struct ring *self)
{
    uint32_t slot = (uint32_t)(self->taken % self->slots);
    struct outcome *outcome = &self->outcomes[slot];
    pthread_mutex_lock(&self->mutex);
    while (!outcome->done)
        pthread_cond_wait(&self->changed, &self->mutex);
    outcome->done = false;
    pthread_mutex_unlock(&self->mutex);
    CPS_TRY(cps_failure_raise(&outcome->failure));
    if (self->job->take)
        CPS_TRY(self->job->take(self->job->context, self->taken, slot));
    pthread_mutex_lock(&self->mutex);
    self->taken++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return CPS_OK;
}

static enum cps_status take_all(struct ring *self)
{
    enum cps_status status = CPS_OK;
    while (status == CPS_OK && self->taken < self->job->pieces)
        status = take_next(self);
    pthread_mutex_lock(&self->mutex);
    self->ended = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return status;
}

enum cps_status cps_parallel_run(const struct cps_parallel *job)
{
    struct ring ring = {.job = job, .slots = cps_parallel_slots(job->threads)};
    uint32_t wanted = thread_count(job->threads), started = 0;
    pthread_t *threads = NULL;
    pthread_mutex_init(&ring.mutex, NULL);
    pthread_cond_init(&ring.changed, NULL);
    enum cps_status status = cps_alloc("threads", wanted, sizeof *threads, &threads);
    if (status == CPS_OK)
        status = cps_alloc("pieces of work", ring.slots, sizeof *ring.outcomes, &ring.outcomes);
    while (status == CPS_OK && started < wanted &&
           pthread_create(&threads[started], NULL, run_thread, &ring) == 0)
        started++;
    if (status == CPS_OK)
        status = started ? take_all(&ring) : cps_fail(CPS_ERR_MEMORY, "no thread could be started");
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    free(ring.outcomes);
    pthread_cond_destroy(&ring.changed);
    pthread_mutex_destroy(&ring.mutex);
    return status;
}

enum cps_status cps_parallel_each(uint32_t threads, uint64_t pieces,
                                  enum cps_status (*work)(void *context, uint64_t piece, uint32_t slot),
                                  void *context)
{
    if (threads != 1 && pieces > 1)
        return cps_parallel_run(
            &(struct cps_parallel){.threads = threads, .pieces = pieces, .work = work, .context = context});
    for (uint64_t piece = 0; piece < pieces; piece++)
        CPS_TRY(work(context, piece, 0));
    return CPS_OK;
}
