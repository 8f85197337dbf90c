/*
 * The order of a prepared set's ratings, read where they are: that of the same ratings in columns, whatever the
 * workers and however much of it lies in a temporary file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/data/load.h"
#include "common/data/stored.h"
#include "tests/unit/roles.h"
#include "worker/crew.h"
#include "worker/order.h"

enum { USERS = 301, MOVIES = 97, RATINGS = 6000, BLOCKS = 11, MOST_WORKERS = 3, VALUES = 70 };

static char folder[64];

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", folder, name);
}

/* Pairs repeat, users are not in order, and one user has a third of the ratings. */
static int make_sets(void **state)
{
    char text[128], set[128];
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/stored_order.XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    for (int raw = 0; raw < 2; raw++) {
        path_of(raw ? "raw.csv" : "text.csv", text);
        path_of(raw ? "raw.set" : "text.set", set);
        FILE *file = fopen(text, "w");
        fprintf(file, "user,item,rating\n");
        for (uint32_t i = 0; i < (raw ? 70000u : RATINGS); i++)
            fprintf(file, "%u,%u,%.6f\n", i % 3 ? (uint32_t)test_below(1, i, USERS) : 7,
                    (uint32_t)test_below(2, i, MOVIES), raw ? i / 128.0 : (double)test_below(3, i, VALUES) / 2);
        fclose(file);
        struct cps_dataset_request request = {.path = text, .shards = 1};
        struct cps_dataset data;
        check_ok(cps_dataset_load_and_prepare(&request, set, &data));
        cps_dataset_release(&data);
        unlink(text);
    }
    return 0;
}

static int remove_sets(void **state)
{
    char path[128];
    (void)state;
    path_of("text.set", path);
    unlink(path);
    path_of("raw.set", path);
    unlink(path);
    return rmdir(folder);
}

static struct cps_plan plan_of(const struct cps_dataset *set, uint32_t workers)
{
    struct cps_plan plan = small_plan();
    plan.solver = CPS_SOLVER_BLOCK;
    plan.optimizer = CPS_OPTIMIZER_SGD;
    plan.blocks = BLOCKS;
    plan.user_rows = set->users.rows;
    plan.movie_rows = set->movies.rows;
    plan.train_count = set->train_count;
    plan.valid_count = set->valid_count;
    plan.workers = workers;
    return plan;
}

static enum cps_status deal(void *context, const struct cps_dataset *set, uint32_t *shard_of_row)
{
    struct cps_plan plan = plan_of(set, *(const uint32_t *)context);
    struct cps_blocks blocks;
    cps_blocks_init(&blocks, &plan);
    for (uint32_t row = 0; row < set->users.rows; row++)
        shard_of_row[row] = cps_blocks_worker_of(&blocks, row);
    return CPS_OK;
}

static void load(const char *name, bool stored, uint32_t workers, struct cps_dataset *out,
                 struct cps_dataset shards[MOST_WORKERS])
{
    char path[128];
    const uint32_t ranks[MOST_WORKERS] = {0};
    const struct cps_sharing sharing = {
        .shards = workers, .shard_rank = ranks, .deal = deal, .context = &workers};
    path_of(name, path);
    const struct cps_dataset_request request = {
        .path = path, .valid_pct = 0.2, .seed = 3, .keep_stored = stored};
    check_ok(cps_dataset_load_shared(&request, &sharing, out, shards));
    assert_true((out->stored != NULL) == stored);
}

/* Everything about a block that may not depend on where it lies: its training ratings in order, and the sum
 * over its validation ratings. */
struct summary {
    uint64_t train, valid, train_hash, valid_sum;
};

static uint64_t word_of(struct cps_block_rating rating)
{
    uint64_t word;
    memcpy(&word, &rating, sizeof word);
    return word;
}

static void summarize(const struct cps_order *order, struct summary out[BLOCKS * BLOCKS])
{
    for (uint32_t i = order->first_block; i < order->first_block + order->block_count; i++)
        for (uint32_t j = 0; j < BLOCKS; j++) {
            struct summary *summary = &out[i * BLOCKS + j];
            const struct cps_block_rating *ratings;
            *summary = (struct summary){.train = cps_order_block(order, &order->train, i, j, &ratings)};
            cps_order_expect(order, &order->train, i, j);
            for (uint64_t r = 0; r < summary->train; r++)
                summary->train_hash = (summary->train_hash ^ word_of(ratings[r])) * 0x9E3779B97F4A7C15u;
            cps_order_forget(order, &order->train, i, j);
            summary->valid = cps_order_block(order, &order->valid, i, j, &ratings);
            for (uint64_t r = 0; r < summary->valid; r++)
                summary->valid_sum += word_of(ratings[r]) * 0xD6E8FEB86659FD93u;
        }
}

static void order_of(const char *name, bool stored, uint32_t workers, uint64_t memory_bytes,
                     struct summary out[BLOCKS * BLOCKS])
{
    struct cps_dataset data, shards[MOST_WORKERS] = {0};
    load(name, stored, workers, &data, shards);
    for (uint32_t w = 0; w < workers; w++) {
        struct cps_plan plan = plan_of(&data, workers);
        struct cps_order_scratch *scratch = NULL;
        struct cps_order order;
        check_ok(cps_order_init(&order, &plan, w, &shards[w], 1, memory_bytes));
        assert_true(cps_order_is_dealt_later(&order) == stored);
        for (bool more = stored; more;)
            check_ok(cps_order_spread(&order, &more));
        for (uint32_t i = 0; i < order.block_count && stored; i++)
            check_ok(cps_order_deal(&order, order.first_block + order.block_count - 1 - i, &scratch));
        summarize(&order, out);
        cps_order_scratch_destroy(&scratch);
        cps_order_release(&order);
    }
    for (uint32_t w = 0; w < workers; w++)
        cps_dataset_release(&shards[w]);
    cps_dataset_release(&data);
}

static void it_is_the_order_of_the_columns(void **state)
{
    (void)state;
    static const char *const names[] = {"text.set", "raw.set"};
    static struct summary want[BLOCKS * BLOCKS], got[BLOCKS * BLOCKS];
    for (size_t n = 0; n < COUNT_OF(names); n++) {
        order_of(names[n], false, 1, UINT64_MAX, want);
        for (uint32_t workers = 1; workers <= MOST_WORKERS; workers++) {
            order_of(names[n], true, workers, UINT64_MAX, got);
            check_int(memcmp(got, want, sizeof want), 0, "order of %s, %u workers", names[n], workers);
            order_of(names[n], true, workers, 0, got);
            check_int(memcmp(got, want, sizeof want), 0, "order of %s in a file, %u workers", names[n],
                      workers);
        }
    }
}

/* Some user blocks in memory, the others in the file: what sorting takes is subtracted from the memory first.
 */
static void a_part_may_be_in_memory(void **state)
{
    (void)state;
    static struct summary want[BLOCKS * BLOCKS], got[BLOCKS * BLOCKS];
    uint64_t all = (uint64_t)70000 * sizeof(struct cps_block_rating);
    order_of("raw.set", true, 1, UINT64_MAX, want);
    for (uint64_t eighth = 1; eighth < 8; eighth++) {
        order_of("raw.set", true, 1, all * eighth / 8, got);
        check_int(memcmp(got, want, sizeof want), 0, "order with %u eighths in memory", (unsigned)eighth);
    }
}

/* The readers of samples give the columns' samples. */
static void readers_give_the_samples(void **state)
{
    (void)state;
    struct cps_dataset columns, stored, one[MOST_WORKERS] = {0}, two[MOST_WORKERS] = {0};
    load("text.set", false, 1, &columns, one);
    load("text.set", true, 2, &stored, two);
    for (int training = 0; training < 2; training++) {
        const struct cps_samples *want = training ? &one[0].train : &one[0].valid;
        uint64_t sum = 0, want_sum = 0, count = 0;
        for (uint64_t i = 0; i < want->count; i++)
            want_sum += ((uint64_t)want->user[i] << 32 | want->movie[i]) * (uint64_t)(2 * want->rating[i] + 1);
        for (uint32_t w = 0; w < 2; w++) {
            struct cps_stored_reader reader;
            struct cps_samples got;
            uint64_t told = training ? two[w].train.count : two[w].valid.count, before = count;
            check_ok(cps_stored_reader_init(&reader, &two[w], training));
            do {
                check_ok(cps_stored_reader_next(&reader, &got));
                for (uint64_t i = 0; i < got.count; i++)
                    sum += ((uint64_t)got.user[i] << 32 | got.movie[i]) * (uint64_t)(2 * got.rating[i] + 1);
                count += got.count;
            } while (got.count > 0);
            check_int(count - before, told, "samples of shard %u", w);
            cps_stored_reader_release(&reader);
        }
        check_int(count, want->count, "samples");
        check_int(sum, want_sum, "sum of samples");
    }
    assert_string_equal(columns.notes.data, stored.notes.data); /* of repeated pairs */
    for (uint32_t w = 0; w < 2; w++)
        cps_dataset_release(&two[w]);
    cps_dataset_release(&one[0]);
    cps_dataset_release(&columns);
    cps_dataset_release(&stored);
}

/* A worker that sorts for minutes handles no message: the deadline of those who wait for it must know. */
static void sorting_is_progress(void **state)
{
    (void)state;
    struct cps_dataset data, shards[MOST_WORKERS] = {0};
    struct cps_order order;
    struct cps_crew *crew;
    uint32_t pieces = 0;
    load("text.set", true, 1, &data, shards);
    struct cps_plan plan = plan_of(&data, 1);
    check_ok(cps_order_init(&order, &plan, 0, &shards[0], 1, 0));
    check_ok(cps_crew_create(&plan, &order, &cps_kernels_scalar, 1, &crew));
    assert_false(cps_crew_has_sorted(crew));
    while (cps_crew_work(crew))
        pieces += cps_crew_has_sorted(crew);
    check_int(pieces, 1 + BLOCKS, "pieces: the pass over the set, and each user block");
    assert_false(cps_crew_has_sorted(crew));
    check_ok(cps_crew_status(crew));
    cps_crew_destroy(&crew);
    cps_order_release(&order);
    cps_dataset_release(&shards[0]);
    cps_dataset_release(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_order_of_the_columns),
        cmocka_unit_test(a_part_may_be_in_memory),
        cmocka_unit_test(readers_give_the_samples),
        cmocka_unit_test(sorting_is_progress),
    };
    return cmocka_run_group_tests(tests, make_sets, remove_sets);
}
