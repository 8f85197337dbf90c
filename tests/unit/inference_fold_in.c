/* Folding a person in: in the dot model it is ridge regression in closed form, elsewhere a stationary point;
 * and it finds back a user from their own ratings. */
#include "common/inference/fold_in.h"

#include "tests/unit/inference_model.h"

enum { USERS = 300, MOVIES = 120, FACTORS = 6 };

/* The objective of fold_in.h from scratch, with the users' mean and covariance computed here. */
struct prior {
    double mean[FACTORS + 1], precision[FACTORS + 1][FACTORS + 1];
};

static double element(const struct cps_trained *model, uint32_t user, uint32_t j)
{
    return j < FACTORS ? (double)cps_trained_row(model, user)[j] : (double)model->bias[user];
}

/* Gauss-Jordan. */
static void invert(uint32_t n, double a[FACTORS + 1][FACTORS + 1], double out[FACTORS + 1][FACTORS + 1])
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            out[i][j] = i == j;
    for (uint32_t i = 0; i < n; i++) {
        double pivot = a[i][i];
        for (uint32_t j = 0; j < n; j++) {
            a[i][j] /= pivot;
            out[i][j] /= pivot;
        }
        for (uint32_t k = 0; k < n; k++) {
            double share = a[k][i];
            for (uint32_t j = 0; k != i && j < n; j++) {
                a[k][j] -= share * a[i][j];
                out[k][j] -= share * out[i][j];
            }
        }
    }
}

static struct prior find_prior(const struct cps_trained *model, uint32_t n)
{
    struct prior prior = {{0}, {{0}}};
    double covariance[FACTORS + 1][FACTORS + 1] = {{0}}, trace = 0;
    for (uint32_t user = 1; user < USERS; user++)
        for (uint32_t j = 0; j < n; j++)
            prior.mean[j] += element(model, user, j) / (USERS - 1);
    for (uint32_t user = 1; user < USERS; user++)
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++)
                covariance[i][j] += (element(model, user, i) - prior.mean[i]) *
                                    (element(model, user, j) - prior.mean[j]) / (USERS - 1);
    for (uint32_t i = 0; i < n; i++)
        trace += covariance[i][i];
    for (uint32_t i = 0; i < n; i++)
        covariance[i][i] += 0.01 * trace / n + 1e-12;
    invert(n, covariance, prior.precision);
    return prior;
}

static double objective(const struct cps_trained *model, const struct prior *prior, uint32_t n, double noise,
                        const uint32_t *movies, const float *ratings, size_t count, const double *x)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            sum += (x[i] - prior->mean[i]) * prior->precision[i][j] * (x[j] - prior->mean[j]);
    for (size_t r = 0; r < count; r++) {
        const float *row = cps_trained_row(model, USERS + movies[r]);
        double score = (double)model->bias[USERS + movies[r]] + (n > FACTORS ? x[FACTORS] : 0);
        for (uint32_t j = 0; j < FACTORS; j++)
            score += x[j] * (double)row[j];
        double predicted = model->plan.has_range ? 5.5 / (1 + exp(-score)) : score;
        sum += (predicted - (double)ratings[r]) * (predicted - (double)ratings[r]) / noise;
    }
    return sum;
}

static void check_minimum(const struct cps_trained *model, double noise, uint32_t n)
{
    enum { GIVEN = 15 };
    uint32_t movies[GIVEN];
    float ratings[GIVEN], factors[FACTORS], bias;
    struct cps_fold_in *solver;
    for (uint32_t i = 0; i < GIVEN; i++) {
        movies[i] = 1 + 7 * i;
        ratings[i] = (float)(1 + i % 5);
    }
    check_ok(cps_fold_in_create(model, noise, &solver));
    check_ok(cps_fold_in_solve(solver, movies, ratings, GIVEN, factors, &bias));
    cps_fold_in_destroy(&solver);
    double x[FACTORS + 1];
    for (uint32_t j = 0; j < FACTORS; j++)
        x[j] = (double)factors[j];
    x[FACTORS] = (double)bias;
    struct prior prior = find_prior(model, n);
    double at = objective(model, &prior, n, noise, movies, ratings, GIVEN, x);
    for (uint32_t j = 0; j < n; j++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            double moved[FACTORS + 1];
            memcpy(moved, x, sizeof moved);
            moved[j] += sign * 1e-3;
            double there = objective(model, &prior, n, noise, movies, ratings, GIVEN, moved);
            if (!(there > at))
                fail_msg("element %u moved by %g: %.12g is not above %.12g", j, sign * 1e-3, there, at);
        }
    }
}

static void the_row_is_a_minimum(void **state)
{
    (void)state;
    struct cps_trained model = make_model(USERS, MOVIES, FACTORS);
    check_minimum(&model, 0.8, FACTORS + 1);
    check_minimum(&model, 0.05, FACTORS + 1);
    model.plan.has_range = false;
    check_minimum(&model, 0.8, FACTORS + 1);
    model.plan.model = CPS_MODEL_DOT;
    memset(model.bias, 0, (USERS + MOVIES) * sizeof *model.bias);
    check_minimum(&model, 0.8, FACTORS);
    cps_trained_close(&model);
}

static void many_exact_ratings_bring_the_user_back(void **state)
{
    (void)state;
    struct cps_trained model = make_model(USERS, MOVIES, FACTORS);
    uint32_t movies[MOVIES];
    float ratings[MOVIES], factors[FACTORS], bias;
    struct cps_fold_in *solver;
    for (uint32_t i = 0; i + 1 < MOVIES; i++) {
        movies[i] = i + 1;
        ratings[i] = (float)cps_trained_predict(&model, 17, i + 1);
    }
    check_ok(cps_fold_in_create(&model, 1e-6, &solver));
    check_ok(cps_fold_in_solve(solver, movies, ratings, MOVIES - 1, factors, &bias));
    for (uint32_t j = 0; j < FACTORS; j++)
        check_near((double)factors[j], (double)cps_trained_row(&model, 17)[j], 1e-3, "factor %u", j);
    check_near((double)bias, (double)model.bias[17], 1e-3, "bias");
    cps_fold_in_destroy(&solver);
    cps_trained_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_row_is_a_minimum),
        cmocka_unit_test(many_exact_ratings_bring_the_user_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
