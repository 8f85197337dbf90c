/* Predictions, errors and slopes against double precision; exact sums of losses. */
#include <float.h>

#include "common/model/residual.h"
#include "tests/unit/check.h"

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

static double ulp_of(double x)
{
    int exponent;
    frexp(x, &exponent);
    return ldexp(1.0, (exponent < FLT_MIN_EXP ? FLT_MIN_EXP : exponent) - FLT_MANT_DIG);
}

/* Below -87 the least normal numbers are near: there the value stays that of -87, which
 * no loss can tell from zero. */
static void sigmoid_is_near_the_real_one(void **state)
{
    (void)state;
    double worst = 0.0, worst_at = 0.0;
    for (int64_t i = -400000; i <= 400000; i++) {
        float x = (float)((double)i * 200.0 / 400000.0);
        if (x < -87.0f) {
            assert_true(cps_sigmoid(x) == cps_sigmoid(-87.0f));
            continue;
        }
        double error = fabs((double)cps_sigmoid(x) - sigmoid((double)x)) / ulp_of(sigmoid((double)x));
        worst_at = error > worst ? (double)x : worst_at;
        worst = fmax(worst, error);
    }
    print_message("sigmoid: worst error %.3g ulp at %g, tolerance 2.5\n", worst, worst_at);
    check_at_most(worst, 2.5, "error of sigmoid in ulps at %.9g", worst_at);
    assert_true(cps_sigmoid(-200.0f) < 2e-38f);
}

static void sigmoid_at_its_ends(void **state)
{
    (void)state;
    assert_true(cps_sigmoid(0.0f) == 0.5f);
    assert_true(cps_sigmoid(-0.0f) == 0.5f);
    assert_true(cps_sigmoid(200.0f) == 1.0f);
    assert_true(cps_sigmoid(INFINITY) == 1.0f);
    assert_true(cps_sigmoid(-INFINITY) == cps_sigmoid(-87.0f));
    assert_true(cps_sigmoid(FLT_MAX) == 1.0f);
    assert_true(isnan(cps_sigmoid(NAN)));
    for (float x = -90.0f; x < 90.0f; x += 0.01f)
        assert_true(cps_sigmoid(x) >= 0.0f && cps_sigmoid(x) <= 1.0f);
}

static struct cps_plan plan_of(bool has_range)
{
    return (struct cps_plan){.has_range = has_range, .range_low = 0.0f, .range_high = 5.5f, .batch_size = 64};
}

static void predictions_stay_in_their_range(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(true), open = plan_of(false);
    for (float score = -100.0f; score <= 100.0f; score += 0.125f) {
        float prediction = cps_predict(&plan, score);
        assert_true(prediction >= 0.0f && prediction <= 5.5f);
        check_near((double)prediction, 5.5 * sigmoid((double)score), 1e-6, "prediction for %g", (double)score);
        assert_true(cps_predict(&open, score) == score);
    }
}

/* The slope is the derivative of error²/batch by the score. */
static void slopes_are_derivatives(void **state)
{
    (void)state;
    static const float ratings[] = {0.5f, 1.0f, 3.5f, 5.0f};
    for (int ranged = 0; ranged < 2; ranged++)
        for (size_t r = 0; r < COUNT_OF(ratings); r++)
            for (float score = -6.0f; score <= 6.0f; score += 0.25f) {
                struct cps_plan plan = plan_of(ranged);
                cps_int128 sum = 0;
                float slope, rating = ratings[r];
                check_int(cps_residuals(&plan, &score, &rating, 1, &slope, &sum), 1, "samples");
                double h = 1e-5, loss[2];
                for (int side = 0; side < 2; side++) {
                    double x = (double)score + (side ? h : -h);
                    double error = (ranged ? 5.5 * sigmoid(x) : x) - (double)rating;
                    loss[side] = error * error / 64.0;
                }
                double numeric = (loss[1] - loss[0]) / (2.0 * h);
                check_near((double)slope, numeric, 2e-7, "slope at %g for rating %g", (double)score,
                           (double)rating);
            }
}

static void residuals_match_predictions(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    float score[COUNT], rating[COUNT], slope[COUNT];
    for (uint64_t i = 0; i < COUNT; i++) {
        score[i] = (float)(2.0 * test_normal(0, i));
        rating[i] = (float)(1 + test_below(1, i, 5));
    }
    for (int ranged = 0; ranged < 2; ranged++) {
        struct cps_plan plan = plan_of(ranged);
        cps_int128 sum = 0, want = 0, without_slopes = 0;
        for (size_t i = 0; i < COUNT; i++)
            want += cps_loss_of(cps_predict(&plan, score[i]) - rating[i]);
        check_int(cps_residuals(&plan, score, rating, COUNT, slope, &sum), COUNT, "samples");
        check_int(cps_residuals(&plan, score, rating, COUNT, NULL, &without_slopes), COUNT, "samples");
        assert_true(sum == want);
        assert_true(without_slopes == want);
    }
}

static void error_sums_are_exact(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    float score[COUNT], rating[COUNT];
    double absolute = 0.0;
    for (uint64_t i = 0; i < COUNT; i++) {
        score[i] = (float)(2.0 * test_normal(0, i));
        rating[i] = (float)(1 + test_below(1, i, 5));
        absolute += fabs((double)(score[i] - rating[i]));
    }
    struct cps_plan plan = plan_of(false);
    struct cps_error_sums all = {0}, parts = {0};
    cps_int128 squared = 0;
    check_int(cps_residuals(&plan, score, rating, COUNT, NULL, &squared), COUNT, "samples");
    check_int(cps_error_sums_add(&all, &plan, score, rating, COUNT), COUNT, "samples");
    check_int(cps_error_sums_add(&parts, &plan, score + 300, rating + 300, COUNT - 300), COUNT - 300,
              "samples");
    check_int(cps_error_sums_add(&parts, &plan, score, rating, 300), 300, "samples");
    assert_true(all.squared == squared);
    assert_true(memcmp(&all, &parts, sizeof all) == 0);
    check_near(cps_loss_value(all.absolute), absolute, 1e-9 * absolute, "absolute errors");
    score[7] = NAN;
    check_int(cps_error_sums_add(&all, &plan, score, rating, COUNT), 7, "samples before a NaN");
}

/* From the smallest float to the largest error that counts. */
static void magnitudes_are_those_of_the_float(void **state)
{
    (void)state;
    static const float errors[] = {0.0f,   0x1p-149f,       0x1p-126f, 0x1p-64f, -0x1.8p-64f,   0x1.fffffep-42f,
                                   -0.25f, 0x1.fffffep-10f, 1.0f,      -3.5f,    0x1.fffffep19f};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        assert_true(cps_magnitude_of(errors[i]) == (cps_int128)(fabs((double)errors[i]) * 0x1p64));
}

/* Stops at the first sample whose error is not below 2^20. */
static void errors_are_limited(void **state)
{
    (void)state;
    static const float inside = 0x1.fffffep19f;
    static const struct {
        float score;
        bool good;
    } cases[] = {{inside, true},    {-inside, true},    {0x1p20f, false}, {-0x1p20f, false},
                 {INFINITY, false}, {-INFINITY, false}, {NAN, false},     {FLT_MAX, false}};
    struct cps_plan plan = plan_of(false);
    for (size_t c = 0; c < COUNT_OF(cases); c++)
        for (size_t at = 0; at < 40; at++) {
            float score[40] = {0}, rating[40] = {0}, slope[40];
            cps_int128 sum = 0;
            score[at] = cases[c].score;
            check_int(cps_residuals(&plan, score, rating, 40, slope, &sum), cases[c].good ? 40 : (long long)at,
                      "samples before a score of %g", (double)cases[c].score);
            check_int(cps_residuals(&plan, score, rating, 40, NULL, &sum), cases[c].good ? 40 : (long long)at,
                      "samples before a score of %g, without slopes", (double)cases[c].score);
        }
}

static void a_score_that_is_not_a_number_is_met_behind_a_range(void **state)
{
    (void)state;
    struct cps_plan plan = plan_of(true);
    float score[3] = {0.5f, NAN, 0.5f}, rating[3] = {3, 3, 3}, slope[3];
    cps_int128 sum = 0;
    check_int(cps_residuals(&plan, score, rating, 3, slope, &sum), 1, "samples before a NaN");
}

/* error² in units of 2^-64 from integers alone, cut off towards zero. */
static cps_int128 exact_loss(float error)
{
    int exponent;
    int64_t digits = (int64_t)ldexpf(frexpf(fabsf(error), &exponent), 24);
    cps_int128 square = (cps_int128)digits * digits;
    int shift = 2 * (exponent - 24) + 64;
    return shift >= 0 ? square << shift : shift > -64 ? square >> -shift : 0;
}

static void losses_are_exact(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100000; i++) {
        float error = (float)(test_normal(5, i) * pow(2.0, 16.0 - 60.0 * test_uniform(6, i)));
        cps_int128 got = cps_loss_of(error), want = exact_loss(error);
        if (got != want)
            fail_msg("loss of %a: got %g, want %g units", (double)error, (double)got, (double)want);
    }
    assert_true(cps_loss_of(0.0f) == 0);
    assert_true(cps_loss_of(1.0f) == (cps_int128)1 << 64);
    assert_true(cps_loss_of(-0x1.fffffep19f) == exact_loss(0x1.fffffep19f));
    check_near(cps_loss_value((cps_int128)5 << 62), 1.25, 0.0, "value of a sum");
}

/* Any order, any grouping: one sum. */
static void sums_of_losses_have_no_order(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static float error[COUNT];
    cps_int128 forwards = 0, backwards = 0, parts[7] = {0}, grouped = 0;
    for (uint64_t i = 0; i < COUNT; i++)
        error[i] = (float)(test_normal(7, i) * pow(2.0, 18.0 - 36.0 * test_uniform(8, i)));
    for (size_t i = 0; i < COUNT; i++) {
        forwards += cps_loss_of(error[i]);
        backwards += cps_loss_of(error[COUNT - 1 - i]);
        parts[i % 7] += cps_loss_of(error[i]);
    }
    for (int p = 0; p < 7; p++)
        grouped += parts[p];
    assert_true(forwards == backwards);
    assert_true(forwards == grouped);
}

/* 2^22 of the largest errors stay within a signed sum, as exact.h says. */
static void the_largest_batch_of_the_largest_errors_fits(void **state)
{
    (void)state;
    cps_int128 most = cps_loss_of(0x1.fffffep19f);
    assert_true(most > 0);
    assert_true(most < ((cps_int128)1 << 126) >> 21);
    check_near(cps_loss_value(most << 22), 0x1p62, 0x1p40, "sum of 2^22 of them");
}

static void gradient_units_follow_the_ratings(void **state)
{
    (void)state;
    static const struct {
        float rating;
        uint32_t bits;
    } cases[] = {{0.0f, 40},   {5.0f, 40},  {8.0f, 40},   {8.5f, 38}, {10.0f, 38}, {16.0f, 38},
                 {-10.0f, 38}, {17.0f, 36}, {100.0f, 32}, {1e6f, 6},  {1e30f, 2},  {FLT_MAX, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_int(cps_gradient_bits(cases[i].rating), cases[i].bits, "bits for ratings up to %g",
                  (double)cases[i].rating);
}

/* No batch of contributions within the limit can leave 64 bits. */
static void gradient_limits_keep_sums_in_range(void **state)
{
    (void)state;
    static const uint32_t batches[] = {1, 2, 64, 2048, 2049, 65536, 1u << 22, UINT32_MAX};
    for (size_t i = 0; i < COUNT_OF(batches); i++) {
        double limit = cps_gradient_limit(batches[i]);
        assert_true(limit < 0x1p51);
        assert_true(limit * batches[i] <= 0x1p62);
        assert_true(limit >= fmin(0x1p50, 0x1p61 / batches[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigmoid_is_near_the_real_one),
        cmocka_unit_test(sigmoid_at_its_ends),
        cmocka_unit_test(predictions_stay_in_their_range),
        cmocka_unit_test(slopes_are_derivatives),
        cmocka_unit_test(residuals_match_predictions),
        cmocka_unit_test(error_sums_are_exact),
        cmocka_unit_test(magnitudes_are_those_of_the_float),
        cmocka_unit_test(errors_are_limited),
        cmocka_unit_test(a_score_that_is_not_a_number_is_met_behind_a_range),
        cmocka_unit_test(losses_are_exact),
        cmocka_unit_test(sums_of_losses_have_no_order),
        cmocka_unit_test(the_largest_batch_of_the_largest_errors_fits),
        cmocka_unit_test(gradient_units_follow_the_ratings),
        cmocka_unit_test(gradient_limits_keep_sums_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
