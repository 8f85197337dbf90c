/* Places of ratings, marked on several ranks: once each, or refused by all. */
#include <pthread.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/places.h"
#include "tests/unit/check.h"

enum { RANKS = 3, PLACES = 1000 };

/* Ranks are threads that meet in one place. */
static struct job {
    pthread_barrier_t barrier;
    const char *sent[RANKS];
    uint64_t bytes[RANKS];
} job;

struct rank {
    struct cps_places places;
    uint32_t number;
    bool once;
};

static enum cps_status gather(void *context, const void *own, uint64_t bytes, char **all, uint64_t *starts)
{
    const struct rank *rank = context;
    job.sent[rank->number] = own;
    job.bytes[rank->number] = bytes;
    pthread_barrier_wait(&job.barrier);
    for (uint32_t r = 0; r < RANKS; r++)
        starts[r + 1] = starts[r] + job.bytes[r];
    check_ok(cps_alloc("all", starts[RANKS] + 1, 1, all));
    for (uint32_t r = 0; r < RANKS; r++)
        memcpy(*all + starts[r], job.sent[r], job.bytes[r]);
    pthread_barrier_wait(&job.barrier);
    return CPS_OK;
}

static enum cps_status collect(void *context, uint32_t root, const void *own, uint64_t records, void **all,
                               uint64_t *count)
{
    const struct rank *rank = context;
    uint64_t starts[RANKS + 1] = {0};
    char *bytes = NULL;
    check_ok(gather(context, own, records * CPS_PEERS_RECORD_BYTES, &bytes, starts));
    *count = starts[RANKS] / CPS_PEERS_RECORD_BYTES;
    *all = bytes;
    if (root != rank->number) {
        free(bytes);
        *all = NULL;
    }
    return CPS_OK;
}

static enum cps_status agree(void *context, enum cps_status status)
{
    (void)context;
    return status;
}

static void *compare(void *context)
{
    struct rank *rank = context;
    const struct cps_peers peers = {.rank = rank->number,
                                    .ranks = RANKS,
                                    .context = rank,
                                    .gather = gather,
                                    .collect = collect,
                                    .agree = agree};
    check_ok(cps_places_compare(&rank->places, &peers, &rank->once));
    return NULL;
}

/* Each rank marks the places of its third, rank 1 those from `second` on. */
static bool is_once(uint32_t second)
{
    struct rank ranks[RANKS];
    pthread_t threads[RANKS];
    pthread_barrier_init(&job.barrier, NULL, RANKS);
    for (uint32_t r = 0; r < RANKS; r++) {
        uint32_t places[PLACES], count = 0, first = r == 1 ? second : PLACES * r / RANKS;
        for (uint32_t place = first; place < PLACES * (r + 1) / RANKS; place++)
            places[count++] = place;
        ranks[r].number = r;
        check_ok(cps_places_init(&ranks[r].places, PLACES));
        assert_true(cps_places_mark(&ranks[r].places, places, count));
        check_int(pthread_create(&threads[r], NULL, compare, &ranks[r]), 0, "a thread");
    }
    for (uint32_t r = 0; r < RANKS; r++) {
        pthread_join(threads[r], NULL);
        check_int(ranks[r].once, ranks[0].once, "what rank %u says", r);
        cps_places_release(&ranks[r].places);
    }
    pthread_barrier_destroy(&job.barrier);
    return ranks[0].once;
}

static void ranks_that_overlap_are_found(void **state)
{
    (void)state;
    assert_true(is_once(PLACES / RANKS));
    assert_false(is_once(PLACES / RANKS - 1));
    assert_false(is_once(5));
}

static bool takes(uint32_t first, uint32_t step, uint32_t count, uint32_t changed, uint32_t to)
{
    struct cps_places places;
    uint32_t list[PLACES];
    for (uint32_t i = 0; i < count; i++)
        list[i] = (first + i * step) % PLACES;
    if (changed < count)
        list[changed] = to;
    check_ok(cps_places_init(&places, PLACES));
    bool once = cps_places_mark(&places, list, count);
    cps_places_release(&places);
    return once;
}

static void a_place_twice_is_found(void **state)
{
    (void)state;
    assert_true(takes(0, 1, PLACES, PLACES, 0));
    assert_true(takes(3, 1, PLACES, PLACES, 0)); /* runs that begin within a word, and one that wraps */
    assert_true(takes(0, 7, PLACES, PLACES, 0)); /* no runs */
    for (uint32_t changed = 1; changed < PLACES; changed += 31) {
        assert_false(takes(0, 1, PLACES, changed, changed - 1));
        assert_false(takes(5, 7, PLACES, changed, 5));
    }
}

static void one_process_needs_no_comparison(void **state)
{
    (void)state;
    struct cps_places places;
    bool once = false;
    check_ok(cps_places_init(&places, 1));
    check_ok(cps_places_compare(&places, NULL, &once));
    assert_true(once);
    cps_places_release(&places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_that_overlap_are_found),
        cmocka_unit_test(a_place_twice_is_found),
        cmocka_unit_test(one_process_needs_no_comparison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
