/* The highest scored movies: those of a sort of all exact scores, ties by row, whatever is left out. */
#include "common/inference/rank.h"

#include "tests/unit/inference_model.h"

enum { USERS = 9, MOVIES = 203, FACTORS = 21, MOST = 250 };

struct expected {
    struct cps_ranked all[MOVIES];
    uint32_t count;
};

static int by_score(const void *a, const void *b)
{
    const struct cps_ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->movie_row > y->movie_row) - (x->movie_row < y->movie_row);
}

static bool is_without(const struct cps_rank_user *user, uint32_t movie)
{
    for (size_t i = 0; i < user->without_count; i++)
        if (user->without[i] == movie)
            return true;
    return false;
}

static void sort_all(const struct cps_trained *model, const struct cps_rank_user *user, struct expected *out)
{
    out->count = 0;
    for (uint32_t movie = 1; movie < MOVIES; movie++)
        if (!is_without(user, movie))
            out->all[out->count++] =
                (struct cps_ranked){movie, cps_trained_exact_score(model, user->row, user->bias, movie)};
    qsort(out->all, out->count, sizeof out->all[0], by_score);
}

static void check_top(const struct cps_trained *model, uint32_t k, size_t users_at_once)
{
    static const uint32_t without[] = {1, 3, 5, 7, 11, 13, 202};
    static struct cps_ranked best[CPS_RANK_USERS][MOST];
    struct cps_rank_user users[CPS_RANK_USERS];
    struct cps_ranker *ranker;
    struct expected expected;
    check_ok(cps_ranker_create(model, &ranker));
    float *scratch;
    check_ok(cps_alloc("scratch", cps_ranker_scratch_floats(ranker), sizeof *scratch, &scratch));
    for (size_t i = 0; i < users_at_once; i++)
        users[i] = (struct cps_rank_user){.row = cps_trained_row(model, (uint32_t)(1 + i)),
                                          .bias = model->bias[1 + i],
                                          .without = without,
                                          .without_count = i % 2 ? COUNT_OF(without) : 0,
                                          .best = best[i]};
    check_ok(cps_ranker_top(ranker, k, users, users_at_once, scratch));
    for (size_t i = 0; i < users_at_once; i++) {
        sort_all(model, &users[i], &expected);
        check_int(users[i].count, k < expected.count ? k : expected.count, "count of user %zu", i);
        for (uint32_t r = 0; r < users[i].count; r++)
            check_int(users[i].best[r].movie_row, expected.all[r].movie_row, "user %zu, rank %u of %u", i, r,
                      k);
    }
    free(scratch);
    cps_ranker_destroy(&ranker);
}

static void the_highest_are_found_in_order(void **state)
{
    (void)state;
    struct cps_trained model = make_model(USERS, MOVIES, FACTORS);
    static const uint32_t ks[] = {1, 2, 10, 17, MOVIES - 1, MOST};
    for (size_t i = 0; i < COUNT_OF(ks); i++)
        for (size_t users = 1; users <= CPS_RANK_USERS; users++)
            check_top(&model, ks[i], users);
    cps_trained_close(&model);
}

/* Movies whose scores differ by less than floats can tell, and some that are equal. */
static void near_ties_are_ordered_exactly(void **state)
{
    (void)state;
    struct cps_trained model = make_model(USERS, MOVIES, FACTORS);
    for (uint32_t movie = 2; movie < 40; movie++) {
        float *row = model.rows + (size_t)(USERS + movie) * model.stride;
        memcpy(row, model.rows + (size_t)(USERS + 1) * model.stride, FACTORS * sizeof(float));
        model.bias[USERS + movie] = model.bias[USERS + 1];
        row[movie % FACTORS] = nextafterf(row[movie % FACTORS], movie % 3 ? 1.0f : -1.0f);
    }
    memcpy(model.rows + (size_t)(USERS + 50) * model.stride, model.rows + (size_t)(USERS + 60) * model.stride,
           FACTORS * sizeof(float));
    model.bias[USERS + 50] = model.bias[USERS + 60];
    static const uint32_t ks[] = {1, 5, 10, 60, MOVIES};
    for (size_t i = 0; i < COUNT_OF(ks); i++)
        check_top(&model, ks[i], CPS_RANK_USERS);
    cps_trained_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_highest_are_found_in_order),
        cmocka_unit_test(near_ties_are_ordered_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
