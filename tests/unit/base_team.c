/* A team of threads: every piece of every run once, and what was written is there afterwards. */
#include "common/base/team.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/check.h"

enum { RUNS = 2000, PIECES = 40 };

struct job {
    uint32_t threads, run;
    uint32_t done[PIECES], by[PIECES];
};

static void work(void *context, uint32_t piece, uint32_t thread)
{
    struct job *job = context;
    job->done[piece] += job->run + 1;
    job->by[piece] = thread;
}

static void every_run_does_each_piece_once(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 8; threads += threads < 3 ? 1 : 5) {
        struct cps_team *team;
        struct job job = {.threads = threads};
        uint32_t want = 0;
        check_ok(cps_team_create(threads, &team));
        check_int(cps_team_threads(team), threads, "threads");
        for (job.run = 0; job.run < RUNS; job.run++) {
            uint32_t pieces = 1 + job.run % PIECES;
            memset(job.done, 0, sizeof job.done);
            cps_team_run(team, pieces, work, &job);
            want = job.run + 1;
            for (uint32_t piece = 0; piece < PIECES; piece++) {
                check_int(job.done[piece], piece < pieces ? want : 0, "piece %u of run %u", piece, job.run);
                assert_true(piece >= pieces || job.by[piece] < threads);
            }
        }
        cps_team_destroy(&team);
        assert_null(team);
    }
}

static void a_team_that_never_ran_ends(void **state)
{
    (void)state;
    struct cps_team *team;
    check_ok(cps_team_create(4, &team));
    cps_team_destroy(&team);
    cps_team_destroy(&team);
}

static void slices_cover_all_items(void **state)
{
    (void)state;
    for (size_t items = 0; items < 70; items++)
        for (uint32_t pieces = 1; pieces < 9; pieces++) {
            size_t next = 0;
            for (uint32_t piece = 0; piece < pieces; piece++) {
                size_t first, end;
                cps_team_slice(items, pieces, piece, &first, &end);
                check_int(first, next, "first item of piece %u", piece);
                assert_true(end - first <= items / pieces + 1);
                next = end;
            }
            check_int(next, items, "items in all pieces");
        }
}

static void little_work_is_one_piece(void **state)
{
    (void)state;
    struct cps_team *team;
    check_int(cps_team_pieces(NULL, 1000000), 1, "pieces for one thread");
    check_ok(cps_team_create(3, &team));
    check_int(cps_team_pieces(team, 128), 1, "pieces of a small batch");
    assert_true(cps_team_pieces(team, 16384) >= 3);
    assert_true(cps_team_pieces(team, SIZE_MAX / 2) <= CPS_TEAM_MOST_PIECES);
    cps_team_destroy(&team);
}

static bool no_room_for_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *context);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *context)
{
    return no_room_for_threads ? EAGAIN : __real_pthread_create(thread, attributes, start, context);
}

/* A thread needs memory for its stack: with too little of it the run ends as any that is out of memory. */
static void a_thread_without_memory_is_an_error_of_memory(void **state)
{
    (void)state;
    struct cps_team *team;
    no_room_for_threads = true;
    check_fails(cps_team_create(2, &team), CPS_ERR_MEMORY, "cannot start thread 1");
    no_room_for_threads = false;
    assert_null(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_does_each_piece_once),
        cmocka_unit_test(a_team_that_never_ran_ends),
        cmocka_unit_test(a_thread_without_memory_is_an_error_of_memory),
        cmocka_unit_test(slices_cover_all_items),
        cmocka_unit_test(little_work_is_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
