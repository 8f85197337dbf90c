/*
 * A thread that waits for the disk, so that nobody else has to: an fsync may take seconds, and a
 * rank that sits in one sends no heartbeats.
 *
 *     owner's thread                           writer's thread
 *     submit(job) ---> [ job | job | job ] --> job.write(context)
 *     poll()      <--- [ outcome | outcome ] <-'
 *       '-> job.written(context, status)
 *
 * Jobs are written one after the other, in the order they were submitted, also after one
 * of them failed: the record of a run that failed on its model comes after the model. One
 * writer serves all nodes of a rank. All functions are for the owner's thread, and none but
 * wait and destroy blocks. Nothing is allocated after create.
 *
 *     static enum cps_status write_part(void *context);                       // fsync and all
 *     static enum cps_status part_written(void *context, enum cps_status status); // frees the part
 *
 *     if (cps_writer_has_room(writer, part->bytes))
 *         cps_writer_submit(writer, &(struct cps_write_job){write_part, part_written, part, part->bytes});
 *     ... on every tick: CPS_TRY(cps_writer_poll(writer));
 */
#ifndef CPS_STORE_WRITER_H
#define CPS_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_writer; /* opaque */

struct cps_write_job {
    /* On the writer's thread. It may fail with a sentence and a hint, as any function. */
    enum cps_status (*write)(void *context);
    /* On the owner's thread, once write has returned status, with its sentence as the last error. What it
     * returns is poll's outcome. NULL: an error of write is. */
    enum cps_status (*written)(void *context, enum cps_status status);
    void *context; /* write's alone from submit to written */
    size_t bytes;  /* of memory that the job holds until then */
};

/* Starts the thread. At most jobs of them, holding bytes in all, are taken at a time.
 * CPS_ERR_MEMORY when there is no memory or no thread to be had. */
enum cps_status cps_writer_create(uint32_t jobs, size_t bytes, struct cps_writer **out);

/* Ends the thread once everything submitted is written and told to the jobs' owners. False when
 * that took longer than patience_ns: the thread is abandoned where it hangs, and what its
 * jobs refer to must not be freed before the process ends. Accepts NULL. */
bool cps_writer_destroy(struct cps_writer **self, uint64_t patience_ns);

/* Whether a job of bytes would be taken now. One that is larger than the writer's bound is taken when
 * there is no other. */
bool cps_writer_has_room(const struct cps_writer *self, size_t bytes);

/* Takes job, which is copied. False, and nothing is taken, when there is no room. */
bool cps_writer_submit(struct cps_writer *self, const struct cps_write_job *job);

/* Jobs submitted and not yet told of by poll. */
uint32_t cps_writer_pending(const struct cps_writer *self);

/* Tells the owners of the jobs that were written meanwhile, up to the first error, which it returns: the
 * next poll goes on after it. */
enum cps_status cps_writer_poll(struct cps_writer *self);

/* Polls until nothing is pending, an error is met, or timeout_ns have passed, which is no error: whether
 * something is still pending is for the caller to ask. */
enum cps_status cps_writer_wait(struct cps_writer *self, uint64_t timeout_ns);

#endif
