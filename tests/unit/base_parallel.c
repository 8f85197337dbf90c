/* Pieces of work on threads: all done, taken in order, the first error ends it. */
#include "common/base/parallel.h"

#include <stdatomic.h>

#include "tests/unit/check.h"

enum { PIECES = 1000, BAD = 137 };

struct job {
    atomic_int done[PIECES];
    uint64_t result[64]; /* by slot */
    uint64_t taken;
    bool fails;
};

static enum cps_status work(void *context, uint64_t piece, uint32_t slot)
{
    struct job *job = context;
    if (job->fails && piece == BAD)
        return cps_fail(CPS_ERR_DATA, "piece %u is bad", BAD);
    job->result[slot] = piece * piece;
    atomic_fetch_add(&job->done[piece], 1);
    return CPS_OK;
}

static enum cps_status take(void *context, uint64_t piece, uint32_t slot)
{
    struct job *job = context;
    check_int(piece, job->taken, "the next piece");
    check_int(job->result[slot], piece * piece, "result of piece %llu", (unsigned long long)piece);
    job->taken++;
    return CPS_OK;
}

static void all_pieces_are_taken_in_order(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 8; threads++) {
        struct job job = {.taken = 0};
        const struct cps_parallel parallel = {
            .threads = threads, .pieces = PIECES, .work = work, .take = take, .context = &job};
        check_ok(cps_parallel_run(&parallel));
        check_int(job.taken, PIECES, "pieces taken");
        for (int piece = 0; piece < PIECES; piece++)
            check_int(job.done[piece], 1, "times that piece %d was done", piece);
    }
}

static void the_first_error_ends_it(void **state)
{
    (void)state;
    struct job job = {.fails = true};
    const struct cps_parallel parallel = {
        .threads = 3, .pieces = PIECES, .work = work, .take = take, .context = &job};
    check_fails(cps_parallel_run(&parallel), CPS_ERR_DATA, "piece 137 is bad");
    check_int(job.taken, BAD, "pieces taken before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_pieces_are_taken_in_order),
        cmocka_unit_test(the_first_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
