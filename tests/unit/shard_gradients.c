/* Gradients at a server: one sum however they come in, and what is refused. */
#include "server/shard/gradients.h"
#include "tests/unit/roles.h"

enum { KEYS = 22, WIDTH = 6, STRIDE = 16, MOST_WORKERS = 5, SAMPLES = 40 };

/* Contribution i to the step's gradients: a row and a vector. */
struct contribution {
    uint32_t key;
    float gradient[WIDTH];
};

static void contributions(uint64_t round, struct contribution *out)
{
    for (uint64_t i = 0; i < SAMPLES; i++) {
        out[i].key = (uint32_t)test_below(0, round * SAMPLES + i, KEYS);
        for (uint64_t j = 0; j < WIDTH; j++)
            out[i].gradient[j] =
                (float)(test_normal(1, (round * SAMPLES + i) * WIDTH + j) * pow(10.0, -(double)(i % 6)));
    }
}

/* Of a worker that pulled nothing. */
static const struct cps_answered none = {0};

struct rig {
    struct cps_plan plan;
    struct cps_table table;
    struct cps_gradients gradients;
    struct post post;
};

static void rig_init(struct rig *self)
{
    static struct cps_hyper hyper[CPS_BLOCK_STEPS];
    float row[WIDTH];
    self->plan = small_plan();
    check_ok(cps_table_init(&self->table, &self->plan, &cps_kernels_scalar, 0, NULL, 1));
    hyper_of(&self->plan, 0, 600, hyper);
    check_ok(cps_table_grant(&self->table, hyper, 600));
    check_ok(cps_gradients_init(&self->gradients, &self->table, NULL));
    for (uint32_t r = 0; r < self->table.rows; r++)
        cps_table_pull(&self->table, 0, r, 0, row);
    post_init(&self->post, 1, 2 + MOST_WORKERS);
}

static void rig_release(struct rig *self)
{
    cps_gradients_release(&self->gradients);
    cps_table_release(&self->table);
    post_release(&self->post);
}

/* The push of one worker: contributions i with owner[i] == worker. Rows hit more than
 * once, and with all_sums every row, go as sums. */
static struct cps_message push_of(struct rig *rig, const struct contribution *all, const uint32_t *owner,
                                  uint32_t worker, bool all_sums)
{
    static int64_t sums[KEYS * WIDTH];
    static float singles[KEYS * WIDTH];
    uint32_t hits[KEYS] = {0}, keys[KEYS], single_keys[KEYS], sum_rows = 0, single_rows = 0;
    for (size_t i = 0; i < SAMPLES; i++)
        hits[all[i].key] += owner[i] == worker;
    memset(sums, 0, sizeof sums);
    for (uint32_t key = 0; key < KEYS; key++) {
        bool as_sum = hits[key] > 1 || all_sums;
        for (size_t i = 0; i < SAMPLES && hits[key]; i++) {
            if (owner[i] != worker || all[i].key != key)
                continue;
            for (int j = 0; j < WIDTH; j++)
                if (as_sum)
                    sums[sum_rows * WIDTH + (uint32_t)j] += llrint((double)all[i].gradient[j] * 0x1p40);
            if (!as_sum)
                memcpy(singles + single_rows * WIDTH, all[i].gradient, sizeof all[i].gradient);
        }
        if (hits[key] && as_sum)
            keys[sum_rows++] = key;
        if (hits[key] && !as_sum)
            single_keys[single_rows++] = key;
    }
    memcpy(keys + sum_rows, single_keys, single_rows * sizeof *keys);
    struct cps_exchange body = {.step = 1, .has_push = true, .sum_rows = sum_rows, .single_rows = single_rows};
    return exchange_from(&rig->post, 2 + worker, WIDTH, body,
                         (struct exchange_parts){sums, singles, NULL, keys});
}

/* The table after one step whose contributions are dealt to workers, who push in the
 * order of the permutation i -> (first + i·stride) mod workers. */
static void trained(uint64_t round, uint32_t workers, uint32_t first, bool all_sums, struct rig *rig)
{
    struct contribution all[SAMPLES];
    uint32_t owner[SAMPLES];
    contributions(round, all);
    for (uint64_t i = 0; i < SAMPLES; i++)
        owner[i] = (uint32_t)test_below(2 + workers, round * SAMPLES + i, workers);
    rig_init(rig);
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t worker = (first + 2 * i) % workers;
        if (workers % 2 == 0)
            worker = (first + i) % workers;
        struct cps_message push = push_of(rig, all, owner, worker, all_sums);
        check_ok(cps_gradients_add(&rig->gradients, &rig->table, &push, &none));
        cps_message_release(&push);
    }
    check_ok(cps_gradients_apply(&rig->gradients, &rig->table, 1));
}

static void sums_do_not_depend_on_order_or_split(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 10; round++) {
        struct rig want;
        trained(round, 1, 0, true, &want);
        for (uint32_t workers = 1; workers <= MOST_WORKERS; workers++)
            for (uint32_t first = 0; first < workers; first++)
                for (int all_sums = 0; all_sums < 2; all_sums++) {
                    struct rig got;
                    trained(round, workers, first, all_sums, &got);
                    assert_memory_equal(got.table.floats, want.table.floats,
                                        (size_t)got.table.rows * got.table.row_floats * sizeof(float));
                    rig_release(&got);
                }
        rig_release(&want);
    }
}

/* The table after a step in which rows 1 to 3 gain slope times row 4, once, twice and beside a single: as
 * slopes, or as the gradients that these stand for. */
static void trained_by_slopes(bool as_slopes, struct rig *rig)
{
    static const struct cps_scaled scaled[] = {{1, 4, 0.25f}, {2, 4, 0.5f}, {2, 4, -0.125f}, {3, 4, 1.5f}};
    static const uint32_t keys[] = {0, 1, 2, 3, 4};
    float rows[5 * WIDTH], single[WIDTH];
    rig_init(rig);
    for (uint32_t r = 0; r < 5; r++)
        cps_table_pull(&rig->table, 0, r, 0, rows + r * WIDTH);
    struct cps_message pull = message_from(&rig->post, CPS_MESSAGE_EXCHANGE, 2, sizeof keys);
    struct cps_message reply = message_from(&rig->post, CPS_MESSAGE_ROWS, 1, sizeof rows);
    struct cps_answered answered = {0};
    memcpy(pull.payload->data, keys, sizeof keys);
    memcpy(reply.payload->data, rows, sizeof rows);
    pull.exchange = (struct cps_exchange){.pull_rows = 5};
    cps_answered_keep(&answered, &pull, reply.payload, (const uint32_t *)(const void *)pull.payload->data);
    for (size_t i = 0; i < COUNT_OF(scaled); i++) {
        struct cps_exchange body = {.step = 1, .has_push = true};
        for (uint32_t j = 0; j < WIDTH; j++)
            single[j] = scaled[i].slope * (j == rig->plan.factors ? 1.0f : rows[4 * WIDTH + j]);
        body.scaled = as_slopes;
        body.single_rows = !as_slopes;
        struct cps_message push =
            exchange_from(&rig->post, 2, WIDTH, body,
                          (struct exchange_parts){NULL, single, &scaled[i], &keys[scaled[i].row]});
        check_ok(cps_message_check(&push, WIDTH));
        check_ok(cps_gradients_add(&rig->gradients, &rig->table, &push, &answered));
        cps_message_release(&push);
    }
    cps_answered_release(&answered);
    check_ok(cps_gradients_apply(&rig->gradients, &rig->table, 1));
    cps_message_release(&pull);
    cps_message_release(&reply);
}

static void slopes_stand_for_gradients(void **state)
{
    (void)state;
    struct rig want, got;
    trained_by_slopes(false, &want);
    trained_by_slopes(true, &got);
    assert_memory_equal(got.table.floats, want.table.floats,
                        (size_t)got.table.rows * got.table.row_floats * sizeof(float));
    rig_release(&got);
    rig_release(&want);
}

/* A slope for rows that its sender did not pull. */
static void a_slope_of_no_row_is_refused(void **state)
{
    (void)state;
    static const struct cps_scaled cases[] = {{5, 0, 1.0f}, {0, 5, 1.0f}, {UINT32_MAX, 0, 1.0f}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        struct cps_exchange body = {.step = 1, .has_push = true, .scaled = 1};
        rig_init(&rig);
        struct cps_message push =
            exchange_from(&rig.post, 2, WIDTH, body, (struct exchange_parts){NULL, NULL, &cases[i], NULL});
        check_fails(cps_gradients_add(&rig.gradients, &rig.table, &push, &none), CPS_ERR_PEER, "of 0 pulled");
        cps_message_release(&push);
        rig_release(&rig);
    }
}

static void a_step_forgets_its_gradients(void **state)
{
    (void)state;
    struct rig rig;
    float before[KEYS][WIDTH], after[WIDTH];
    trained(3, 2, 0, false, &rig);
    check_int(rig.gradients.count, 0, "touched rows");
    for (uint32_t r = 0; r < rig.table.rows; r++) {
        check_int(rig.gradients.slot_of[r], 0, "slot of row %u", r);
        cps_table_read(&rig.table, 0, r, 2, before[r]);
    }
    check_ok(cps_gradients_apply(&rig.gradients, &rig.table, 2));
    for (uint32_t r = 0; r < rig.table.rows; r++) {
        cps_table_read(&rig.table, 0, r, 2, after);
        assert_memory_equal(after, before[r], sizeof after);
    }
    rig_release(&rig);
}

static void an_empty_push_touches_nothing(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    struct cps_exchange body = {.step = 1, .has_push = true};
    struct cps_message push = exchange_from(&rig.post, 2, WIDTH, body, (struct exchange_parts){0});
    check_ok(cps_gradients_add(&rig.gradients, &rig.table, &push, &none));
    check_int(rig.gradients.count, 0, "touched rows");
    rig_release(&rig);
}

static void foreign_keys_are_refused(void **state)
{
    (void)state;
    static const int64_t sums[WIDTH];
    static const float singles[WIDTH];
    static const struct {
        uint32_t servers, server, key;
    } cases[] = {{1, 0, KEYS}, {1, 0, UINT32_MAX}, {3, 1, 0}, {3, 1, 3}, {3, 1, KEYS}, {3, 1, KEYS + 3}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (uint32_t as_sum = 0; as_sum < 2; as_sum++) {
            struct rig rig;
            rig_init(&rig);
            cps_table_release(&rig.table);
            cps_gradients_release(&rig.gradients);
            rig.plan.servers = cases[i].servers;
            check_ok(cps_table_init(&rig.table, &rig.plan, &cps_kernels_scalar, cases[i].server, NULL, 1));
            check_ok(cps_gradients_init(&rig.gradients, &rig.table, NULL));
            struct cps_exchange body = {
                .step = 1, .has_push = true, .sum_rows = as_sum, .single_rows = 1 - as_sum};
            struct cps_message push = exchange_from(
                &rig.post, 5, WIDTH, body, (struct exchange_parts){sums, singles, NULL, &cases[i].key});
            check_fails(cps_gradients_add(&rig.gradients, &rig.table, &push, &none), CPS_ERR_PEER,
                        "node 5 pushed key");
            cps_message_release(&push);
            rig_release(&rig);
        }
}

static enum cps_status add_and_apply(struct rig *rig, const struct cps_message *push)
{
    CPS_TRY(cps_gradients_add(&rig->gradients, &rig->table, push, &none));
    return cps_gradients_apply(&rig->gradients, &rig->table, 1);
}

/* Whoever diverged is named by table and row, at the latest when the step trains. */
static void gradients_out_of_range_name_the_row(void **state)
{
    (void)state;
    static const float wild[] = {2048.0f, -2048.0f, INFINITY, NAN};
    static const struct {
        uint32_t key;
        const char *name;
    } rows[] = {{0, "user row 0 "}, {8, "user row 8 "}, {9, "movie row 0 "}, {21, "movie row 12 "}};
    for (size_t i = 0; i < COUNT_OF(wild); i++)
        for (size_t r = 0; r < COUNT_OF(rows); r++)
            for (int at = 0; at < WIDTH; at++) {
                struct rig rig;
                float single[WIDTH] = {0};
                single[at] = wild[i];
                rig_init(&rig);
                struct cps_exchange body = {.step = 1, .has_push = true, .single_rows = 1};
                struct cps_message push = exchange_from(
                    &rig.post, 2, WIDTH, body, (struct exchange_parts){NULL, single, NULL, &rows[r].key});
                check_fails(add_and_apply(&rig, &push), CPS_ERR_DIVERGED, rows[r].name);
                assert_non_null(strstr(cps_error_text(), "step 0"));
                assert_true(strlen(cps_error_hint()) > 0);
                cps_message_release(&push);
                rig_release(&rig);
            }
}

static void sums_out_of_range_name_the_row_when_applied(void **state)
{
    (void)state;
    struct rig rig;
    int64_t sums[WIDTH] = {0, 0, (int64_t)1 << 51};
    uint32_t key = 11;
    rig_init(&rig);
    struct cps_exchange body = {.step = 1, .has_push = true, .sum_rows = 1};
    struct cps_message push =
        exchange_from(&rig.post, 2, WIDTH, body, (struct exchange_parts){sums, NULL, NULL, &key});
    check_ok(cps_gradients_add(&rig.gradients, &rig.table, &push, &none));
    check_fails(cps_gradients_apply(&rig.gradients, &rig.table, 1), CPS_ERR_DIVERGED, "movie row 2 ");
    cps_message_release(&push);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_do_not_depend_on_order_or_split),
        cmocka_unit_test(slopes_stand_for_gradients),
        cmocka_unit_test(a_slope_of_no_row_is_refused),
        cmocka_unit_test(a_step_forgets_its_gradients),
        cmocka_unit_test(an_empty_push_touches_nothing),
        cmocka_unit_test(foreign_keys_are_refused),
        cmocka_unit_test(gradients_out_of_range_name_the_row),
        cmocka_unit_test(sums_out_of_range_name_the_row_when_applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
