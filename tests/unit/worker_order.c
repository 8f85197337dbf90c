/*
 * The block solver's order: every rating in one block, in order within it, whatever the workers; blocks of a
 * sub-epoch share no row.
 */
#include "common/base/memory.h"
#include "tests/unit/roles.h"
#include "worker/order.h"

enum { USERS = 301, MOVIES = 97, RATINGS = 5000, BLOCKS = 11, MOST_WORKERS = 13 };

static uint32_t user[MOST_WORKERS][RATINGS], movie[MOST_WORKERS][RATINGS], number[MOST_WORKERS][RATINGS];
static float rating[MOST_WORKERS][RATINGS];

static struct cps_plan plan_of(uint32_t workers)
{
    struct cps_plan plan = small_plan();
    plan.solver = CPS_SOLVER_BLOCK;
    plan.optimizer = CPS_OPTIMIZER_SGD;
    plan.blocks = BLOCKS;
    plan.user_rows = USERS;
    plan.movie_rows = MOVIES;
    plan.train_count = RATINGS;
    plan.workers = workers;
    return plan;
}

/* The ratings of one worker, numbered by what they say; few movies, so that pairs repeat. */
static void load(const struct cps_blocks *blocks, uint32_t worker, struct cps_dataset *out)
{
    *out = (struct cps_dataset){
        .train = {
            .user = user[worker], .movie = movie[worker], .rating = rating[worker], .index = number[worker]}};
    for (uint32_t i = 0; i < RATINGS; i++) {
        uint32_t row = (uint32_t)test_below(1, i, USERS),
                 place = cps_blocks_place(blocks, CPS_TABLE_USERS, row);
        if (cps_blocks_worker(blocks, cps_blocks_of(blocks, CPS_TABLE_USERS, place)) != worker)
            continue;
        uint64_t at = out->train.count++;
        user[worker][at] = row;
        movie[worker][at] = (uint32_t)test_below(2, i, MOVIES / 3);
        rating[worker][at] = (float)i;
        number[worker][at] = i;
    }
}

/* A rating as it stands in the order. */
struct placed {
    uint32_t i, j;
    struct cps_block_rating rating;
};

static uint32_t lay_out(uint32_t workers, struct placed *out)
{
    struct cps_plan plan = plan_of(workers);
    struct cps_dataset dataset;
    struct cps_order order;
    uint32_t count = 0;
    for (uint32_t w = 0; w < workers; w++) {
        struct cps_blocks blocks;
        cps_blocks_init(&blocks, &plan);
        load(&blocks, w, &dataset);
        check_ok(cps_order_init(&order, &plan, w, &dataset, workers, UINT64_MAX));
        for (uint32_t i = order.first_block; i < order.first_block + order.block_count; i++)
            for (uint32_t j = 0; j < BLOCKS; j++) {
                const struct cps_block_rating *ratings;
                uint64_t rows = cps_order_block(&order, &order.train, i, j, &ratings);
                for (uint64_t r = 0; r < rows; r++)
                    out[count++] = (struct placed){i, j, ratings[r]};
            }
        cps_order_release(&order);
    }
    return count;
}

static struct placed want[RATINGS], got[RATINGS];

static void every_rating_stands_once_in_its_block(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(1);
    struct cps_blocks blocks;
    bool seen[RATINGS] = {0};
    cps_blocks_init(&blocks, &plan);
    check_int(lay_out(1, want), RATINGS, "ratings");
    for (uint32_t r = 0; r < RATINGS; r++) {
        uint32_t i = (uint32_t)want[r].rating.rating;
        assert_false(seen[i]);
        seen[i] = true;
        uint32_t u = cps_blocks_place(&blocks, CPS_TABLE_USERS, (uint32_t)test_below(1, i, USERS));
        uint32_t m = cps_blocks_place(&blocks, CPS_TABLE_MOVIES, (uint32_t)test_below(2, i, MOVIES / 3));
        check_int(want[r].rating.user + cps_blocks_first(&blocks, CPS_TABLE_USERS, want[r].i), u,
                  "user's place");
        check_int(want[r].rating.movie + cps_blocks_first(&blocks, CPS_TABLE_MOVIES, want[r].j), m,
                  "movie's place");
    }
}

/* (user, movie, place in the file), ascending within a block. */
static void blocks_are_sorted(void **state)
{
    (void)state;
    lay_out(1, want);
    for (uint32_t r = 1; r < RATINGS; r++) {
        const struct placed *a = &want[r - 1], *b = &want[r];
        if (a->i != b->i || a->j != b->j)
            continue;
        uint64_t before = (uint64_t)a->rating.user << 32 | a->rating.movie;
        uint64_t after = (uint64_t)b->rating.user << 32 | b->rating.movie;
        assert_true(before < after || (before == after && a->rating.rating < b->rating.rating));
    }
}

static void workers_do_not_matter(void **state)
{
    (void)state;
    lay_out(1, want);
    for (uint32_t workers = 2; workers <= MOST_WORKERS; workers++) {
        check_int(lay_out(workers, got), RATINGS, "ratings of %u workers", workers);
        check_int(memcmp(got, want, sizeof want), 0, "order of %u workers", workers);
    }
}

static void others_samples_are_refused(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(3);
    struct cps_blocks blocks;
    struct cps_dataset dataset;
    struct cps_order order;
    cps_blocks_init(&blocks, &plan);
    load(&blocks, 1, &dataset);
    check_fails(cps_order_init(&order, &plan, 0, &dataset, 2, UINT64_MAX), CPS_ERR_INTERNAL,
                "belongs to another worker");
    cps_order_release(&order);
}

static void sub_epochs_share_no_row(void **state)
{
    (void)state;
    static const uint32_t counts[] = {1, 2, 7, 16, 64, 97};
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        struct cps_plan plan = plan_of(3);
        plan.blocks = counts[c];
        struct cps_blocks blocks;
        cps_blocks_init(&blocks, &plan);
        for (uint64_t step = 0; step < 3 * plan.blocks; step++)
            for (uint32_t i = 0; i < plan.blocks; i++) {
                uint32_t j = cps_blocks_movie(&blocks, i, step);
                check_int(cps_blocks_user(&blocks, j, step), i, "the user block that movie block %u meets", j);
            }
        for (int table = 0; table < CPS_TABLES; table++)
            for (uint32_t place = 0; place < blocks.tables[table].rows; place++) {
                uint32_t block = cps_blocks_of(&blocks, (enum cps_table_kind)table, place);
                assert_true(place >= cps_blocks_first(&blocks, (enum cps_table_kind)table, block));
                assert_true(place < cps_blocks_first(&blocks, (enum cps_table_kind)table, block + 1));
            }
    }
}

static void usual_counts_fit(void **state)
{
    (void)state;
    static const struct {
        uint32_t users, movies;
        uint64_t ratings;
        uint32_t want;
    } cases[] = {{944, 1665, 80000, 16},
                 {6041, 3707, 900000, 16},
                 {138494, 26745, 18000000, 32},
                 {3, 2, 4, 2},
                 {1, 1, 1, 1},
                 {100000000, 50000, 2000000000, 2048},
                 {4000000, 400000, 500000000, 128}};
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        uint32_t count = cps_blocks_usual(cases[c].users, cases[c].movies, cases[c].ratings);
        check_int(count, cases[c].want, "blocks of %u users", cases[c].users);
        assert_true(cps_blocks_fit(count, cases[c].users, cases[c].movies));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rating_stands_once_in_its_block),
        cmocka_unit_test(blocks_are_sorted),
        cmocka_unit_test(workers_do_not_matter),
        cmocka_unit_test(others_samples_are_refused),
        cmocka_unit_test(sub_epochs_share_no_row),
        cmocka_unit_test(usual_counts_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
