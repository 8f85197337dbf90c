/* What a worker gathers for a step, and the gradients it pushes, against dense doubles. */
#include "tests/unit/roles.h"
#include "worker/gather.h"
#include "worker/push.h"

enum { SAMPLES = 60, MOST_KEYS = 64, MOST_WIDTH = 40, MOST_SERVERS = 5 };

/* Samples over few movies and more users: some rows are hit once, some often. */
struct shard {
    struct cps_samples samples;
    uint32_t user[SAMPLES], movie[SAMPLES];
    float rating[SAMPLES];
};

static void shard_init(struct shard *self, const struct cps_plan *plan)
{
    for (uint64_t i = 0; i < SAMPLES; i++) {
        self->user[i] = (uint32_t)test_below(0, i, plan->user_rows);
        self->movie[i] = (uint32_t)(test_uniform(1, i) * test_uniform(2, i) * plan->movie_rows);
        self->rating[i] = (float)(1 + test_below(3, i, 5));
    }
    self->samples = (struct cps_samples){
        .count = SAMPLES, .user = self->user, .movie = self->movie, .rating = self->rating};
}

static struct cps_plan plan_of(enum cps_model_kind model, uint32_t factors, uint32_t servers)
{
    struct cps_plan plan = small_plan();
    plan.model = model;
    plan.factors = factors;
    plan.servers = servers;
    plan.user_rows = 30;
    plan.movie_rows = 20;
    plan.batch_size = SAMPLES;
    return plan;
}

/* What a server would send for key. */
static float weight_of(uint32_t key, uint32_t column)
{
    return (float)(0.1 * test_normal(4, key * MOST_WIDTH + column));
}

struct rig {
    struct cps_plan plan;
    struct shard shard;
    struct cps_key_map map;
    struct cps_gather gather;
};

static void rig_init(struct rig *self, const struct cps_plan *plan)
{
    self->plan = *plan;
    shard_init(&self->shard, plan);
    check_ok(cps_key_map_init(&self->map, plan));
    check_ok(cps_gather_init(&self->gather, plan, NULL));
}

static void rig_release(struct rig *self)
{
    cps_gather_release(&self->gather);
    cps_key_map_release(&self->map);
}

/* Fills all rows as servers would. */
static void rig_fill(struct rig *self)
{
    static float packed[MOST_KEYS * MOST_WIDTH];
    uint32_t keys[MOST_KEYS], width = cps_plan_row_width(&self->plan);
    for (uint32_t server = 0; server < self->plan.servers; server++) {
        cps_gather_keys(&self->gather, server, keys);
        for (uint32_t i = 0; i < self->gather.shares[server].count; i++)
            for (uint32_t j = 0; j < width; j++)
                packed[i * width + j] = weight_of(keys[i], j);
        cps_gather_fill(&self->gather, server, packed);
    }
}

/* Keys are unique, users before movies, each in order of first appearance, and hit as often as samples name
 * them. */
static void check_gather(const struct cps_gather *gather, const struct shard *shard, const uint32_t *chosen,
                         uint64_t first, uint32_t count)
{
    uint32_t hits[MOST_KEYS] = {0}, order[2][MOST_KEYS], seen[2] = {0};
    check_int(gather->sample_count, count, "samples");
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sample = chosen ? chosen[i] : first + i;
        uint32_t keys[] = {shard->user[sample], cps_plan_movie_key(&gather->plan, shard->movie[sample])};
        for (int side = 0; side < 2; side++)
            if (hits[keys[side]]++ == 0)
                order[side][seen[side]++] = keys[side];
        check_int(gather->key[gather->user[i]], keys[0], "user key of sample %u", i);
        check_int(gather->key[gather->movie[i]], keys[1], "movie key of sample %u", i);
        assert_true(gather->rating[i] == shard->rating[sample]);
    }
    check_int(gather->row_count, seen[0] + seen[1], "rows");
    for (uint32_t row = 0; row < gather->row_count; row++) {
        uint32_t key = row < seen[0] ? order[0][row] : order[1][row - seen[0]];
        check_int(gather->key[row], key, "key of row %u", row);
        check_int(gather->hits[row], hits[key], "hits of row %u", row);
    }
}

/* Every row is in the share of its server, once, in the order of rows. */
static void check_shares(const struct cps_gather *gather)
{
    uint32_t total = 0, keys[MOST_KEYS];
    for (uint32_t server = 0; server < gather->plan.servers; server++) {
        const struct cps_share *share = &gather->shares[server];
        uint32_t sums = 0;
        cps_gather_keys(gather, server, keys);
        for (uint32_t i = 0; i < share->count; i++) {
            assert_true(i == 0 || share->places[i] > share->places[i - 1]);
            check_int(keys[i], gather->key[share->places[i]], "key %u of share %u", i, server);
            check_int(keys[i] % gather->plan.servers, server, "server of key %u", keys[i]);
            sums += gather->form[share->places[i]] == CPS_PUSH_SUM;
        }
        check_int(share->sums, sums, "sums of share %u", server);
        total += share->count;
    }
    check_int(total, gather->row_count, "rows of all shares");
}

/* The samples from place first on. */
static struct cps_samples samples_from(const struct cps_samples *all, uint64_t first)
{
    return (struct cps_samples){
        .user = all->user + first, .movie = all->movie + first, .rating = all->rating + first};
}

static void a_gather_has_each_row_once(void **state)
{
    (void)state;
    for (uint32_t servers = 1; servers <= MOST_SERVERS; servers++) {
        struct cps_plan plan = plan_of(CPS_MODEL_BIAS, 5, servers);
        struct rig rig;
        uint32_t chosen[SAMPLES];
        rig_init(&rig, &plan);
        for (uint64_t round = 0; round < 50; round++) {
            uint32_t count = (uint32_t)test_below(5, round, SAMPLES + 1);
            for (uint64_t i = 0; i < count; i++)
                chosen[i] = (uint32_t)test_below(6, round * SAMPLES + i, SAMPLES);
            check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, chosen, count, count));
            check_gather(&rig.gather, &rig.shard, chosen, 0, count);
            check_shares(&rig.gather);
            uint64_t first = SAMPLES - count;
            struct cps_samples rest = samples_from(&rig.shard.samples, first);
            check_ok(cps_gather_samples(&rig.gather, &rig.map, &rest, NULL, 0, count));
            check_gather(&rig.gather, &rig.shard, NULL, first, count);
            check_shares(&rig.gather);
        }
        rig_release(&rig);
    }
}

/* Two gathers in turn share a map without mixing. */
static void gathers_share_a_map(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(CPS_MODEL_BIAS, 5, 2);
    struct rig rig;
    struct cps_gather other;
    rig_init(&rig, &plan);
    check_ok(cps_gather_init(&other, &plan, NULL));
    rig.map.stamp = UINT32_MAX - 2; /* and over the end of the stamps */
    for (uint32_t round = 0; round < 6; round++) {
        struct cps_samples some = samples_from(&rig.shard.samples, round);
        struct cps_samples others = samples_from(&rig.shard.samples, round + 30);
        check_ok(cps_gather_samples(&rig.gather, &rig.map, &some, NULL, 0, 20));
        check_ok(cps_gather_samples(&other, &rig.map, &others, NULL, 0, 20));
        check_gather(&rig.gather, &rig.shard, NULL, round, 20);
        check_gather(&other, &rig.shard, NULL, round + 30, 20);
    }
    cps_gather_release(&other);
    rig_release(&rig);
}

static void filled_rows_are_padded(void **state)
{
    (void)state;
    static const uint32_t factors[] = {1, 5, 15, 16, 17, 32};
    for (size_t f = 0; f < COUNT_OF(factors); f++)
        for (int biased = 0; biased < 2; biased++) {
            struct cps_plan plan = plan_of(biased ? CPS_MODEL_BIAS : CPS_MODEL_DOT, factors[f], 3);
            struct rig rig;
            rig_init(&rig, &plan);
            check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, NULL, 0, SAMPLES));
            rig_fill(&rig);
            check_int(rig.gather.stride % CPS_LANES, 0, "stride");
            for (uint32_t row = 0; row < rig.gather.row_count; row++)
                for (uint32_t j = 0; j < rig.gather.stride; j++) {
                    float want = j < factors[f] ? weight_of(rig.gather.key[row], j) : 0.0f;
                    assert_true(rig.gather.rows[row * rig.gather.stride + j] == want);
                    if (biased)
                        assert_true(rig.gather.bias[row] == weight_of(rig.gather.key[row], factors[f]));
                }
            rig_release(&rig);
        }
}

/* A push of the gather with these slopes, one exchange a server with room behind it for
 * extra bytes, which must stay as they are. */
struct pushed {
    struct post post;
    struct cps_push push;
    struct cps_message exchange[MOST_SERVERS];
    bool done;
};

enum { EXTRA = 24 };

static void push_all(struct pushed *self, const struct rig *rig, const struct cps_kernels *kernels,
                     const float *slope)
{
    post_init(&self->post, 3, 10);
    check_ok(cps_push_init(&self->push, &rig->plan, kernels, NULL));
    check_ok(cps_push_begin(&self->push, &rig->gather));
    for (uint32_t server = 0; server < rig->plan.servers; server++) {
        size_t bytes = cps_push_bytes(&rig->gather, server);
        self->exchange[server] = message_from(&self->post, CPS_MESSAGE_EXCHANGE, 3, bytes + EXTRA);
        memset(self->exchange[server].payload->data, 0xA5, bytes + EXTRA);
        cps_push_place(&self->push, &rig->gather, server, &self->exchange[server]);
    }
    self->done = cps_push_gradients(&self->push, &rig->gather, slope);
}

static void pushed_release(struct pushed *self)
{
    for (int server = 0; server < MOST_SERVERS; server++)
        cps_message_release(&self->exchange[server]);
    cps_push_release(&self->push);
    post_release(&self->post);
}

/* The gradient of key's column over the gathered samples, in double precision; and the
 * sum of its terms' sizes. */
static double dense_gradient(const struct rig *rig, const float *slope, uint32_t key, uint32_t column,
                             double *size)
{
    double sum = 0.0;
    *size = 0.0;
    for (uint32_t i = 0; i < rig->gather.sample_count; i++) {
        uint32_t user = rig->gather.key[rig->gather.user[i]], movie = rig->gather.key[rig->gather.movie[i]];
        if (key != user && key != movie)
            continue;
        uint32_t other = key == user ? movie : user;
        double term = (double)slope[i] * (column == rig->plan.factors ? 1.0 : (double)weight_of(other, column));
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static void check_row(const struct rig *rig, const float *slope, uint32_t key, const int64_t *sum,
                      const float *single)
{
    for (uint32_t j = 0; j < cps_plan_row_width(&rig->plan); j++) {
        double size, real = dense_gradient(rig, slope, key, j, &size);
        double have = sum ? (double)sum[j] * 0x1p-40 : (double)single[j];
        check_near(have, real, 0x1p-24 * size + SAMPLES * 0x1p-41, "gradient %u of key %u", j, key);
    }
}

/* The parts of a row's gradient that a server multiplies, multiplied by the test. */
static void check_scaled(const struct rig *rig, const struct cps_message *message, const float *slope,
                         uint32_t server, bool *seen)
{
    const struct cps_scaled *scaled = cps_exchange_parts(message, cps_plan_row_width(&rig->plan)).scaled;
    const struct cps_share *share = &rig->gather.shares[server];
    double sum[MOST_KEYS][MOST_WIDTH] = {{0}};
    bool have[MOST_KEYS] = {false};
    for (uint32_t i = 0; i < message->exchange.scaled; i++) {
        assert_true(scaled[i].row < share->count && scaled[i].other < share->count);
        uint32_t key = rig->gather.key[share->places[scaled[i].row]];
        uint32_t other = rig->gather.key[share->places[scaled[i].other]];
        have[key] = true;
        for (uint32_t j = 0; j < cps_plan_row_width(&rig->plan); j++)
            sum[key][j] +=
                (double)scaled[i].slope * (j == rig->plan.factors ? 1.0 : (double)weight_of(other, j));
    }
    for (uint32_t key = 0; key < cps_plan_keys(&rig->plan); key++) {
        if (!have[key])
            continue;
        assert_false(seen[key]);
        seen[key] = true;
        for (uint32_t j = 0; j < cps_plan_row_width(&rig->plan); j++) {
            double size, real = dense_gradient(rig, slope, key, j, &size);
            check_near(sum[key][j], real, 1e-12, "gradient %u of key %u", j, key);
        }
    }
}

/* The payload is laid out as struct cps_exchange says; every row is there once. */
static void check_exchange(const struct rig *rig, const struct cps_message *message, const float *slope,
                           uint32_t server, bool *seen)
{
    const struct cps_exchange *body = &message->exchange;
    const struct cps_share *share = &rig->gather.shares[server];
    size_t width = cps_plan_row_width(&rig->plan);
    assert_true(body->has_push);
    check_int(body->sum_rows, share->sums, "sum rows");
    uint32_t pushed = body->sum_rows + body->single_rows;
    size_t bytes = body->sum_rows * width * 8 + body->single_rows * width * 4 + body->scaled * 12 +
                   pushed * sizeof(uint32_t);
    check_int(cps_push_bytes(&rig->gather, server), bytes, "bytes of the push");
    struct cps_exchange_parts parts = cps_exchange_parts(message, (uint32_t)width);
    const int64_t *sums = parts.sums;
    const float *singles = parts.singles;
    const uint32_t *keys = parts.pushed;
    check_scaled(rig, message, slope, server, seen);
    for (uint32_t i = 0; i < pushed; i++) {
        bool as_sum = i < body->sum_rows;
        check_int(keys[i] % rig->plan.servers, server, "server of key %u", keys[i]);
        assert_false(seen[keys[i]]);
        seen[keys[i]] = true;
        check_row(rig, slope, keys[i], as_sum ? sums + i * width : NULL,
                  as_sum ? NULL : singles + (i - body->sum_rows) * width);
    }
    for (size_t i = 0; i < EXTRA; i++)
        check_int(message->payload->data[bytes + i], 0xA5, "byte %zu behind the push", i);
}

static void some_slopes(float *slope)
{
    for (uint64_t i = 0; i < SAMPLES; i++)
        slope[i] = (float)(0.05 * test_normal(7, i));
}

static void gradients_are_those_of_the_batch(void **state)
{
    (void)state;
    static const uint32_t factors[] = {1, 5, 16, 31, 32};
    float slope[SAMPLES];
    some_slopes(slope);
    for (size_t f = 0; f < COUNT_OF(factors); f++)
        for (uint32_t servers = 1; servers <= MOST_SERVERS; servers++)
            for (int biased = 0; biased < 2; biased++) {
                struct cps_plan plan = plan_of(biased ? CPS_MODEL_BIAS : CPS_MODEL_DOT, factors[f], servers);
                struct rig rig;
                struct pushed pushed = {.done = false};
                bool seen[MOST_KEYS] = {false};
                rig_init(&rig, &plan);
                check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, NULL, 0, SAMPLES));
                rig_fill(&rig);
                push_all(&pushed, &rig, &cps_kernels_scalar, slope);
                assert_true(pushed.done);
                for (uint32_t server = 0; server < servers; server++)
                    check_exchange(&rig, &pushed.exchange[server], slope, server, seen);
                for (uint32_t row = 0; row < rig.gather.row_count; row++)
                    assert_true(seen[rig.gather.key[row]]);
                pushed_release(&pushed);
                rig_release(&rig);
            }
}

static void every_build_pushes_the_same_bytes(void **state)
{
    (void)state;
    static const enum cps_isa isas[] = {CPS_ISA_AVX2, CPS_ISA_AVX512};
    struct cps_plan plan = plan_of(CPS_MODEL_BIAS, 31, 2);
    struct rig rig;
    struct pushed want = {.done = false};
    float slope[SAMPLES];
    some_slopes(slope);
    rig_init(&rig, &plan);
    check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, NULL, 0, SAMPLES));
    rig_fill(&rig);
    push_all(&want, &rig, &cps_kernels_scalar, slope);
    for (size_t i = 0; i < COUNT_OF(isas); i++) {
        const struct cps_kernels *kernels;
        struct pushed got = {.done = false};
        if (cps_kernels_select(isas[i], &kernels) != CPS_OK)
            continue;
        push_all(&got, &rig, kernels, slope);
        for (int server = 0; server < 2; server++)
            assert_memory_equal(got.exchange[server].payload->data, want.exchange[server].payload->data,
                                want.exchange[server].payload->size);
        pushed_release(&got);
    }
    pushed_release(&want);
    rig_release(&rig);
}

/* A second step finds nothing of the first. */
static void a_step_begins_at_zero(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(CPS_MODEL_BIAS, 5, 1);
    struct rig rig;
    struct pushed first = {.done = false};
    float slope[SAMPLES];
    some_slopes(slope);
    rig_init(&rig, &plan);
    check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, NULL, 0, SAMPLES));
    rig_fill(&rig);
    push_all(&first, &rig, &cps_kernels_scalar, slope);
    size_t bytes = cps_push_bytes(&rig.gather, 0);
    struct cps_message again = message_from(&first.post, CPS_MESSAGE_EXCHANGE, 3, bytes);
    check_ok(cps_push_begin(&first.push, &rig.gather));
    cps_push_place(&first.push, &rig.gather, 0, &again);
    assert_true(cps_push_gradients(&first.push, &rig.gather, slope));
    assert_memory_equal(again.payload->data, first.exchange[0].payload->data, bytes);
    cps_message_release(&again);
    pushed_release(&first);
    rig_release(&rig);
}

static void a_wild_gradient_is_refused(void **state)
{
    (void)state;
    static const float wild[] = {1e6f, INFINITY, NAN};
    struct cps_plan plan = plan_of(CPS_MODEL_BIAS, 5, 2);
    for (size_t w = 0; w < COUNT_OF(wild); w++)
        for (uint32_t at = 0; at < SAMPLES; at++) {
            struct rig rig;
            struct pushed pushed = {.done = false};
            float slope[SAMPLES];
            some_slopes(slope);
            slope[at] = wild[w];
            rig_init(&rig, &plan);
            check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, NULL, 0, SAMPLES));
            rig_fill(&rig);
            push_all(&pushed, &rig, &cps_kernels_scalar, slope);
            /* What travels as floats the server refuses. */
            bool summed = rig.gather.form[rig.gather.user[at]] == CPS_PUSH_SUM ||
                          rig.gather.form[rig.gather.movie[at]] == CPS_PUSH_SUM;
            check_int(pushed.done, !summed, "slope %g of sample %u", (double)wild[w], at);
            pushed_release(&pushed);
            rig_release(&rig);
        }
}

static void an_empty_step_pushes_nothing(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(CPS_MODEL_BIAS, 5, 2);
    struct rig rig;
    struct pushed pushed = {.done = false};
    rig_init(&rig, &plan);
    check_ok(cps_gather_samples(&rig.gather, &rig.map, &rig.shard.samples, NULL, 0, 0));
    check_int(cps_push_bytes(&rig.gather, 1), 0, "bytes");
    push_all(&pushed, &rig, &cps_kernels_scalar, NULL);
    assert_true(pushed.done);
    assert_true(pushed.exchange[1].exchange.has_push);
    check_int(pushed.exchange[1].exchange.sum_rows + pushed.exchange[1].exchange.single_rows +
                  pushed.exchange[1].exchange.scaled,
              0, "rows");
    pushed_release(&pushed);
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gather_has_each_row_once),
        cmocka_unit_test(gathers_share_a_map),
        cmocka_unit_test(filled_rows_are_padded),
        cmocka_unit_test(gradients_are_those_of_the_batch),
        cmocka_unit_test(every_build_pushes_the_same_bytes),
        cmocka_unit_test(a_step_begins_at_zero),
        cmocka_unit_test(a_wild_gradient_is_refused),
        cmocka_unit_test(an_empty_step_pushes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
