/*
 * The batches of an epoch: every sample once, the same batches whatever the shards, other
 * ones each epoch; and replayed orders.
 */
#include "common/base/permutation.h"
#include "tests/unit/roles.h"
#include "worker/batches.h"

enum { MOST_SHARDS = 7, MOST = 5000 };

/* The training samples of each shard, dealt by a hash of a made-up user. */
struct shards {
    uint32_t count;
    uint64_t total;
    struct cps_samples samples[MOST_SHARDS];
    uint32_t index[MOST_SHARDS][MOST];
};

static void deal(struct shards *self, uint32_t count, uint64_t total)
{
    memset(self, 0, sizeof *self);
    self->count = count;
    self->total = total;
    for (uint32_t s = 0; s < count; s++)
        self->samples[s].index = self->index[s];
    for (uint64_t i = 0; i < total; i++) {
        uint64_t shard = test_below(0, i / 9, count);
        self->index[shard][self->samples[shard].count++] = (uint32_t)i;
    }
}

static struct cps_plan plan_of(uint64_t total, uint32_t batch_size)
{
    struct cps_plan plan = small_plan();
    plan.train_count = total;
    plan.batch_size = batch_size;
    plan.epochs = 3;
    return plan;
}

/* step_of[i]: the step of training sample i, or UINT32_MAX; checks that none has two. */
static void lay_out(const struct cps_plan *plan, struct shards *shards, const struct cps_batch_order *replay,
                    uint32_t epoch, uint32_t *step_of)
{
    memset(step_of, 0xFF, plan->train_count * sizeof *step_of);
    for (uint32_t s = 0; s < shards->count; s++) {
        struct cps_batches batches;
        check_ok(cps_batches_init(&batches, plan, &shards->samples[s], replay));
        for (uint32_t e = 0; e <= epoch; e++)
            check_ok(cps_batches_begin(&batches, e));
        for (uint32_t step = 0; step < cps_plan_steps_per_epoch(plan); step++) {
            const uint32_t *places;
            uint32_t count = cps_batches_step(&batches, step, &places);
            for (uint32_t i = 0; i < count; i++) {
                assert_true(places[i] < shards->samples[s].count);
                uint32_t index = shards->index[s][places[i]];
                check_int(step_of[index], UINT32_MAX, "earlier step of sample %u", index);
                step_of[index] = step;
            }
        }
        cps_batches_release(&batches);
    }
}

static const struct {
    uint64_t total;
    uint32_t batch_size;
} sizes[] = {{1, 1}, {64, 64}, {100, 7}, {1000, 64}, {4999, 64}, {5000, 1}, {5000, 5000}, {777, 500}};

static struct shards shards, others;
static uint32_t want[MOST], got[MOST];

static void every_batch_is_full(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct cps_plan plan = plan_of(sizes[i].total, sizes[i].batch_size);
        uint32_t in_step[MOST] = {0}, left_out = 0;
        deal(&shards, 3, sizes[i].total);
        lay_out(&plan, &shards, NULL, 0, want);
        for (uint64_t s = 0; s < sizes[i].total; s++) {
            left_out += want[s] == UINT32_MAX;
            if (want[s] != UINT32_MAX)
                in_step[want[s]]++;
        }
        check_int(left_out, sizes[i].total % sizes[i].batch_size, "samples left out of %lu",
                  (unsigned long)sizes[i].total);
        for (uint64_t step = 0; step < cps_plan_steps_per_epoch(&plan); step++)
            check_int(in_step[step], sizes[i].batch_size, "samples of step %lu", (unsigned long)step);
    }
}

static void batches_do_not_depend_on_the_workers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (uint32_t epoch = 0; epoch < 3; epoch++) {
            struct cps_plan plan = plan_of(sizes[i].total, sizes[i].batch_size);
            deal(&shards, 1, sizes[i].total);
            lay_out(&plan, &shards, NULL, epoch, want);
            for (plan.workers = 2; plan.workers <= MOST_SHARDS; plan.workers++) {
                deal(&others, plan.workers, sizes[i].total);
                lay_out(&plan, &others, NULL, epoch, got);
                assert_memory_equal(got, want, sizes[i].total * sizeof *got);
            }
        }
}

static void batches_are_those_of_the_shuffle(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(1000, 64);
    struct cps_permutation permutation;
    deal(&shards, 2, 1000);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        lay_out(&plan, &shards, NULL, epoch, got);
        cps_permutation_init(&permutation, plan.seed, CPS_RANDOM_SHUFFLE, epoch, 1000);
        for (uint64_t i = 0; i < 1000; i++) {
            uint64_t place = cps_permutation_forward(&permutation, i);
            check_int(got[i], place < 960 ? place / 64 : UINT32_MAX, "step of sample %lu", (unsigned long)i);
        }
    }
}

static uint32_t agreements(void)
{
    uint32_t equal = 0;
    for (uint32_t i = 0; i < 5000; i++)
        equal += got[i] == want[i];
    return equal;
}

/* 78 steps: a sample finds itself in the same one again once in 78 times. */
static void epochs_and_seeds_differ(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(5000, 64), other = plan;
    deal(&shards, 1, 5000);
    lay_out(&plan, &shards, NULL, 0, want);
    lay_out(&plan, &shards, NULL, 1, got);
    assert_in_range(agreements(), 20, 120);
    other.seed++;
    lay_out(&other, &shards, NULL, 0, got);
    assert_in_range(agreements(), 20, 120);
}

/* An epoch can be begun again, or out of turn: it has no memory. */
static void epochs_do_not_depend_on_each_other(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(1000, 64);
    struct cps_batches batches, fresh;
    const uint32_t *a, *b;
    deal(&shards, 2, 1000);
    check_ok(cps_batches_init(&batches, &plan, &shards.samples[1], NULL));
    check_ok(cps_batches_init(&fresh, &plan, &shards.samples[1], NULL));
    for (uint32_t epoch = 0; epoch < 3; epoch++)
        check_ok(cps_batches_begin(&batches, epoch));
    check_ok(cps_batches_begin(&batches, 1));
    check_ok(cps_batches_begin(&fresh, 1));
    for (uint64_t step = 0; step < 15; step++) {
        uint32_t count = cps_batches_step(&batches, step, &a);
        check_int(cps_batches_step(&fresh, step, &b), count, "samples of step %lu", (unsigned long)step);
        assert_memory_equal(a, b, count * sizeof *a);
    }
    cps_batches_release(&batches);
    cps_batches_release(&fresh);
}

static void a_worker_may_hold_nothing(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(100, 10);
    struct cps_samples none = {0};
    struct cps_batches batches;
    const uint32_t *places;
    check_ok(cps_batches_init(&batches, &plan, &none, NULL));
    check_ok(cps_batches_begin(&batches, 0));
    for (uint64_t step = 0; step < 10; step++)
        check_int(cps_batches_step(&batches, step, &places), 0, "samples of step %lu", (unsigned long)step);
    cps_batches_release(&batches);
}

enum { STEPS = 12, BATCH = 8, EPOCHS = 3, TRAIN = 100 };

/* A recorded order that is a permutation in each epoch. */
static void record(int32_t rows[EPOCHS * STEPS * BATCH])
{
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct cps_permutation permutation;
        cps_permutation_init(&permutation, 5, CPS_RANDOM_TEST, epoch, TRAIN);
        for (uint64_t p = 0; p < STEPS * BATCH; p++)
            rows[epoch * STEPS * BATCH + p] = (int32_t)cps_permutation_inverse(&permutation, p);
    }
}

static void a_recorded_order_is_replayed(void **state)
{
    (void)state;
    int32_t rows[EPOCHS * STEPS * BATCH];
    struct cps_plan plan = plan_of(TRAIN, BATCH);
    struct cps_batch_order order = {.rows = rows, .steps = EPOCHS * STEPS, .batch_size = BATCH};
    record(rows);
    for (uint32_t workers = 1; workers <= 4; workers++)
        for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
            deal(&shards, workers, TRAIN);
            lay_out(&plan, &shards, &order, epoch, got);
            memset(want, 0xFF, sizeof want);
            for (uint32_t p = 0; p < STEPS * BATCH; p++)
                want[rows[epoch * STEPS * BATCH + p]] = p / BATCH;
            assert_memory_equal(got, want, TRAIN * sizeof *got);
        }
}

/* Even one sample all the time, more often than there are samples. */
static void a_recorded_order_may_repeat_samples(void **state)
{
    (void)state;
    int32_t rows[EPOCHS * STEPS * BATCH];
    struct cps_plan plan = plan_of(TRAIN, BATCH);
    struct cps_batch_order order = {.rows = rows, .steps = EPOCHS * STEPS, .batch_size = BATCH};
    struct cps_batches batches;
    const uint32_t *places;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        rows[i] = 7;
    deal(&shards, 1, TRAIN);
    shards.samples[0].count = 10;
    check_ok(cps_batches_init(&batches, &plan, &shards.samples[0], &order));
    check_ok(cps_batches_begin(&batches, 2));
    for (uint64_t step = 0; step < STEPS; step++) {
        check_int(cps_batches_step(&batches, step, &places), BATCH, "samples of step %lu", (unsigned long)step);
        for (int i = 0; i < BATCH; i++)
            check_int(places[i], 7, "place");
    }
    cps_batches_release(&batches);
}

static void a_recorded_order_must_fit(void **state)
{
    (void)state;
    static const struct {
        uint64_t steps, batch_size;
        int32_t bad;
        const char *says;
    } cases[] = {{EPOCHS * STEPS, BATCH, -1, "sample -1 in step 5"},
                 {EPOCHS * STEPS, BATCH, TRAIN, "sample 100 in step 5"},
                 {EPOCHS * STEPS, BATCH, INT32_MIN, "in step 5"},
                 {EPOCHS * STEPS - 1, BATCH, 0, "has 35 steps of 8"},
                 {EPOCHS * STEPS, BATCH - 1, 0, "steps of 7"},
                 {EPOCHS * STEPS, BATCH + (UINT64_C(1) << 32), 0, "steps of 4294967304 samples"}};
    int32_t rows[EPOCHS * STEPS * BATCH];
    struct cps_plan plan = plan_of(TRAIN, BATCH);
    deal(&shards, 1, TRAIN);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_batch_order order = {
            .rows = rows, .steps = cases[i].steps, .batch_size = cases[i].batch_size};
        struct cps_batches batches;
        record(rows);
        rows[5 * BATCH + 3] = cases[i].bad;
        check_fails(cps_batches_init(&batches, &plan, &shards.samples[0], &order), CPS_ERR_DATA, cases[i].says);
        cps_batches_release(&batches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_is_full),
        cmocka_unit_test(batches_do_not_depend_on_the_workers),
        cmocka_unit_test(batches_are_those_of_the_shuffle),
        cmocka_unit_test(epochs_and_seeds_differ),
        cmocka_unit_test(epochs_do_not_depend_on_each_other),
        cmocka_unit_test(a_worker_may_hold_nothing),
        cmocka_unit_test(a_recorded_order_is_replayed),
        cmocka_unit_test(a_recorded_order_may_repeat_samples),
        cmocka_unit_test(a_recorded_order_must_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
