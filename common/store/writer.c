/*
 * One ring of jobs between two threads; see writer.h.
 *
 *         told            written          submitted
 *          |                 |                 |
 *     -----[ outcome outcome | job   job   job ]-----
 *
 * Only the owner advances told and submitted, only the thread advances written. The lock protects the ring, and
 * is never held while a job runs.
 */
#include "common/store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/memory.h"

#define STACK_BYTES (512u * 1024)

struct entry {
    struct cps_write_job job;
    enum cps_status status;
    char text[CPS_ERROR_BYTES], hint[CPS_ERROR_BYTES];
};

struct cps_writer {
    struct entry *ring; /* [capacity] */
    uint32_t capacity;
    size_t limit_bytes, held_bytes; /* accessed only by the owner */
    uint64_t told, written,
        submitted; /* numbers of jobs since the start; modulo capacity their places in the ring */
    bool ending;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work, progress; /* a job was submitted, or written */
};

static struct entry *entry_at(struct cps_writer *self, uint64_t number)
{
    return &self->ring[number % self->capacity];
}

static void run_job(struct entry *entry)
{
    cps_error_clear();
    entry->status = entry->job.write(entry->job.context);
    snprintf(entry->text, sizeof entry->text, "%s", cps_error_text());
    snprintf(entry->hint, sizeof entry->hint, "%s", cps_error_hint());
}

static void *write_jobs(void *context)
{
    struct cps_writer *self = context;
    pthread_mutex_lock(&self->lock);
    for (;;) {
        while (self->written == self->submitted && !self->ending)
            pthread_cond_wait(&self->work, &self->lock);
        if (self->written == self->submitted)
            break;
        struct entry *entry = entry_at(self, self->written);
        pthread_mutex_unlock(&self->lock);
        run_job(entry);
        pthread_mutex_lock(&self->lock);
        self->written++;
        pthread_cond_signal(&self->progress);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* Signals must reach the thread that runs the loop, since they interrupt its waits. */
static int start_thread(struct cps_writer *self)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&self->thread, &attributes, write_jobs, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

static void init_locks(struct cps_writer *self)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->work, &attributes);
    pthread_cond_init(&self->progress, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void release(struct cps_writer *self)
{
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->work);
    pthread_cond_destroy(&self->progress);
    free(self->ring);
    free(self);
}

enum cps_status cps_writer_create(uint32_t jobs, size_t bytes, struct cps_writer **out)
{
    struct cps_writer *self;
    CPS_TRY(cps_alloc("a writer", 1, sizeof *self, &self));
    self->capacity = jobs;
    self->limit_bytes = bytes;
    init_locks(self);
    enum cps_status status = cps_alloc("the writer's jobs", jobs, sizeof *self->ring, &self->ring);
    int error = status == CPS_OK ? start_thread(self) : 0;
    if (error)
        status = cps_fail(CPS_ERR_MEMORY, "cannot start the writer's thread: %s", strerror(error));
    if (status != CPS_OK) {
        release(self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

bool cps_writer_destroy(struct cps_writer **out, uint64_t patience_ns)
{
    struct cps_writer *self = *out;
    *out = NULL;
    if (!self)
        return true;
    uint64_t until_ns = cps_clock_ns() + patience_ns;
    while (self->told != self->submitted && cps_clock_ns() < until_ns)
        cps_writer_wait(self, until_ns - cps_clock_ns());
    if (self->told != self->submitted) {
        pthread_detach(self->thread);
        return false;
    }
    pthread_mutex_lock(&self->lock);
    self->ending = true;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    release(self);
    return true;
}

bool cps_writer_has_room(const struct cps_writer *self, size_t bytes)
{
    if (self->submitted == self->told)
        return true;
    return self->submitted - self->told < self->capacity && bytes <= self->limit_bytes &&
           self->held_bytes <= self->limit_bytes - bytes;
}

bool cps_writer_submit(struct cps_writer *self, const struct cps_write_job *job)
{
    if (!cps_writer_has_room(self, job->bytes))
        return false;
    self->held_bytes += job->bytes;
    entry_at(self, self->submitted)->job = *job;
    pthread_mutex_lock(&self->lock);
    self->submitted++;
    pthread_cond_signal(&self->work);
    pthread_mutex_unlock(&self->lock);
    return true;
}

uint32_t cps_writer_pending(const struct cps_writer *self)
{
    return (uint32_t)(self->submitted - self->told);
}

/* Tells the owner of the oldest job its outcome. The job's place is freed before, so the owner may submit
 * another. */
static enum cps_status tell_next(struct cps_writer *self)
{
    const struct entry *entry = entry_at(self, self->told);
    const struct cps_write_job job = entry->job;
    enum cps_status status = entry->status;
    if (status != CPS_OK) {
        cps_fail(status, "%s", entry->text);
        if (entry->hint[0])
            cps_hint(status, "%s", entry->hint);
    }
    self->held_bytes -= job.bytes;
    self->told++;
    return job.written ? job.written(job.context, status) : status;
}

enum cps_status cps_writer_poll(struct cps_writer *self)
{
    if (self->told == self->submitted)
        return CPS_OK;
    pthread_mutex_lock(&self->lock);
    uint64_t written = self->written;
    pthread_mutex_unlock(&self->lock);
    while (self->told < written)
        CPS_TRY(tell_next(self));
    return CPS_OK;
}

/* Sleeps until a job is written whose outcome has not been reported yet, or until time until_ns. */
static void await_progress(struct cps_writer *self, uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                                   .tv_nsec = (long)(until_ns % 1000000000u)};
    int error = 0;
    pthread_mutex_lock(&self->lock);
    while (self->written == self->told && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&self->progress, &self->lock, &until);
    pthread_mutex_unlock(&self->lock);
}

enum cps_status cps_writer_wait(struct cps_writer *self, uint64_t timeout_ns)
{
    uint64_t until_ns = cps_clock_ns() + timeout_ns;
    CPS_TRY(cps_writer_poll(self));
    while (self->told != self->submitted && cps_clock_ns() < until_ns) {
        await_progress(self, until_ns);
        CPS_TRY(cps_writer_poll(self));
    }
    return CPS_OK;
}
