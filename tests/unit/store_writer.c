/* The writer's thread: order, outcomes, bounds, and an end that waits for nobody too long. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/store/writer.h"
#include "tests/unit/check.h"

#define SECOND_NS 1000000000u

struct note {
    int number;
    enum cps_status fails_with;
    int wait_for; /* a pipe to read a byte from first, or 0 */
    pthread_t written_by, told_by;
    enum cps_status told;
    char told_text[64];
};

static int order[64], order_count;

static enum cps_status write_note(void *context)
{
    struct note *self = context;
    char byte;
    if (self->wait_for && read(self->wait_for, &byte, 1) != 1)
        return cps_fail(CPS_ERR_INTERNAL, "no byte");
    order[order_count++] = self->number;
    self->written_by = pthread_self();
    if (self->fails_with == CPS_OK)
        return CPS_OK;
    cps_fail(self->fails_with, "note %d does not fit", self->number);
    return cps_hint(self->fails_with, "write less");
}

static enum cps_status note_written(void *context, enum cps_status status)
{
    struct note *self = context;
    self->told = status;
    self->told_by = pthread_self();
    snprintf(self->told_text, sizeof self->told_text, "%s", status == CPS_OK ? "" : cps_error_text());
    return CPS_OK;
}

static struct cps_write_job job_of(struct note *note, size_t bytes)
{
    return (struct cps_write_job){
        .write = write_note, .written = note_written, .context = note, .bytes = bytes};
}

static struct cps_writer *new_writer(uint32_t jobs, size_t bytes)
{
    struct cps_writer *writer = NULL;
    order_count = 0;
    check_ok(cps_writer_create(jobs, bytes, &writer));
    return writer;
}

static void test_jobs_are_written_in_order_elsewhere_and_told_here(void **state)
{
    struct cps_writer *writer = new_writer(4, 1000);
    struct note notes[20];
    (void)state;
    for (int i = 0; i < 20; i++) {
        notes[i] = (struct note){.number = i, .told = CPS_ERR_INTERNAL};
        struct cps_write_job job = job_of(&notes[i], 10);
        while (!cps_writer_submit(writer, &job))
            check_ok(cps_writer_wait(writer, SECOND_NS));
    }
    check_ok(cps_writer_wait(writer, 5 * (uint64_t)SECOND_NS));
    check_int(cps_writer_pending(writer), 0, "pending");
    for (int i = 0; i < 20; i++) {
        check_int(order[i], i, "job written as number %d", i);
        check_int(notes[i].told, CPS_OK, "outcome of %d", i);
        assert_false(pthread_equal(notes[i].written_by, pthread_self()));
        assert_true(pthread_equal(notes[i].told_by, pthread_self()));
    }
    assert_true(cps_writer_destroy(&writer, SECOND_NS));
    assert_null(writer);
}

static void test_an_error_comes_with_its_sentence_and_the_rest_is_written(void **state)
{
    struct cps_writer *writer = new_writer(4, 1000);
    struct note bad = {.number = 1, .fails_with = CPS_ERR_STORAGE},
                good = {.number = 2, .told = CPS_ERR_INTERNAL};
    struct cps_write_job loud = job_of(&bad, 0), next = job_of(&good, 0);
    (void)state;
    loud.written = NULL;
    assert_true(cps_writer_submit(writer, &loud));
    assert_true(cps_writer_submit(writer, &next));
    check_fails(cps_writer_wait(writer, 5 * (uint64_t)SECOND_NS), CPS_ERR_STORAGE, "note 1 does not fit");
    assert_string_equal(cps_error_hint(), "write less");
    check_ok(cps_writer_wait(writer, 5 * (uint64_t)SECOND_NS));
    check_int(good.told, CPS_OK, "the job after");
    assert_true(cps_writer_submit(writer, &(struct cps_write_job){write_note, note_written, &bad, 0}));
    check_ok(cps_writer_wait(writer, 5 * (uint64_t)SECOND_NS));
    check_int(bad.told, CPS_ERR_STORAGE, "an error its owner deals with");
    assert_string_equal(bad.told_text, "note 1 does not fit");
    assert_true(cps_writer_destroy(&writer, SECOND_NS));
}

static void test_jobs_and_bytes_are_bounded(void **state)
{
    int pipes[2];
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    struct cps_writer *writer = new_writer(3, 100);
    struct note held = {.wait_for = pipes[0]}, other = {.number = 1};
    struct cps_write_job first = job_of(&held, 60), fits = job_of(&other, 40), small = job_of(&other, 0);
    struct cps_write_job large = job_of(&other, 1000);
    assert_true(cps_writer_submit(writer, &first));
    assert_false(cps_writer_has_room(writer, 41));
    assert_false(cps_writer_submit(writer, &large));
    assert_true(cps_writer_submit(writer, &fits));
    assert_true(cps_writer_submit(writer, &small));
    assert_false(cps_writer_submit(writer, &small)); /* a fourth */
    check_int(cps_writer_pending(writer), 3, "pending");
    assert_int_equal(write(pipes[1], "x", 1), 1);
    check_ok(cps_writer_wait(writer, 5 * (uint64_t)SECOND_NS));
    assert_true(cps_writer_submit(writer, &large)); /* alone */
    assert_true(cps_writer_destroy(&writer, 5 * (uint64_t)SECOND_NS));
    check_int(order_count, 4, "jobs written");
    close(pipes[0]);
    close(pipes[1]);
}

static void test_polling_does_not_wait_and_the_end_has_a_deadline(void **state)
{
    int pipes[2];
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    struct cps_writer *writer = new_writer(3, 100);
    static struct note stuck; /* outlives the abandoned thread */
    stuck = (struct note){.wait_for = pipes[0], .told = CPS_ERR_INTERNAL};
    struct cps_write_job job = job_of(&stuck, 0);
    assert_true(cps_writer_submit(writer, &job));
    uint64_t began = cps_clock_ns();
    check_ok(cps_writer_poll(writer));
    check_ok(cps_writer_wait(writer, 20000000));
    check_int(cps_writer_pending(writer), 1, "pending");
    assert_false(cps_writer_destroy(&writer, 20000000));
    assert_true(cps_clock_ns() - began < 2 * (uint64_t)SECOND_NS);
    check_int(stuck.told, CPS_ERR_INTERNAL, "what was not written is not told");
}

static enum cps_status note_signals(void *context)
{
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    *(bool *)context = sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM);
    return CPS_OK;
}

static void test_signals_are_left_to_the_owner(void **state)
{
    struct cps_writer *writer = new_writer(1, 0);
    sigset_t own;
    bool blocked = false;
    (void)state;
    assert_true(cps_writer_submit(writer, &(struct cps_write_job){note_signals, NULL, &blocked, 0}));
    check_ok(cps_writer_wait(writer, 5 * (uint64_t)SECOND_NS));
    assert_true(blocked);
    pthread_sigmask(SIG_BLOCK, NULL, &own);
    assert_false(sigismember(&own, SIGTERM));
    assert_true(cps_writer_destroy(&writer, SECOND_NS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_are_written_in_order_elsewhere_and_told_here),
        cmocka_unit_test(test_an_error_comes_with_its_sentence_and_the_rest_is_written),
        cmocka_unit_test(test_jobs_and_bytes_are_bounded),
        cmocka_unit_test(test_polling_does_not_wait_and_the_end_has_a_deadline),
        cmocka_unit_test(test_signals_are_left_to_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
