/*
 * A thread that writes files in the background: an fsync may take seconds, during which a
 * rank could not send heartbeats.
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
    /* Called on the writer's thread. It may fail with an error text and a hint, like any function. */
    enum cps_status (*write)(void *context);
    /* Called on the owner's thread after write returned status, with write's error as the last error. poll
     * returns its result; if it is NULL, poll returns status. */
    enum cps_status (*written)(void *context, enum cps_status status);
    void *context; /* write's alone from submit to written */
    size_t bytes;  /* of memory that the job holds until then */
};

/* Starts the thread. At most jobs of them, holding bytes in all, are taken at a time.
 * CPS_ERR_MEMORY when there is no memory or no thread to be had. */
enum cps_status cps_writer_create(uint32_t jobs, size_t bytes, struct cps_writer **out);

/* Joins the thread once all submitted jobs are written and reported to their owners. False if
 * that takes longer than patience_ns: the blocked thread is then abandoned, and memory its
 * jobs refer to must not be freed before the process ends. NULL is allowed. */
bool cps_writer_destroy(struct cps_writer **self, uint64_t patience_ns);

/* Whether a job of `bytes` bytes would be accepted now. A job larger than the writer's limit is accepted if
 * no other is pending. */
bool cps_writer_has_room(const struct cps_writer *self, size_t bytes);

/* Submits a copy of job; false if there is no room. */
bool cps_writer_submit(struct cps_writer *self, const struct cps_write_job *job);

/* The number of jobs submitted but not yet reported by poll. */
uint32_t cps_writer_pending(const struct cps_writer *self);

/* Reports finished jobs to their owners up to the first error, which it returns; the next poll continues
 * after it. */
enum cps_status cps_writer_poll(struct cps_writer *self);

/* Polls until nothing is pending, an error occurs, or timeout_ns have passed. A timeout is not an error; check
 * cps_writer_pending(). */
enum cps_status cps_writer_wait(struct cps_writer *self, uint64_t timeout_ns);

#endif
