/* Models kept in memory: the best one, the last one, and that one of them is whole at any time. */
#include "server/record/kept_models.h"

#include "tests/unit/check.h"

enum { KEYS = 5, WIDTH = 3 };

static void take(struct cps_kept_models *models, uint32_t epoch, bool is_best, uint32_t keys)
{
    float row[WIDTH] = {(float)epoch, (float)epoch, (float)epoch};
    check_ok(cps_kept_models_begin(models, epoch, is_best));
    for (uint32_t key = 0; key < keys; key++)
        cps_kept_models_add(models, key, 1, row);
}

static void check_model(const struct cps_kept_model *model, uint32_t epoch)
{
    assert_non_null(model);
    check_int(model->epoch, epoch, "epoch");
    for (int i = 0; i < KEYS * WIDTH; i++)
        check_near((double)model->rows[i], (double)epoch, 0.0, "element %d", i);
}

static void init(struct cps_kept_models *models)
{
    const struct cps_plan plan = {
        .model = CPS_MODEL_BIAS, .factors = WIDTH - 1, .user_rows = 2, .movie_rows = KEYS - 2};
    cps_kept_models_init(models, &plan);
}

static void best_and_last_are_kept(void **state)
{
    (void)state;
    static const struct {
        bool is_best;
        uint32_t best; /* after it */
    } epochs[] = {{true, 0}, {true, 1}, {false, 1}, {false, 1}, {true, 4}, {false, 4}};
    struct cps_kept_models models;
    init(&models);
    assert_null(models.best);
    assert_null(models.last);
    for (uint32_t epoch = 0; epoch < sizeof epochs / sizeof epochs[0]; epoch++) {
        take(&models, epoch, epochs[epoch].is_best, KEYS);
        check_model(models.last, epoch);
        check_model(models.best, epochs[epoch].best);
    }
    cps_kept_models_release(&models);
}

/* What is cut short is not there, and has cost no best model. */
static void a_part_is_no_model(void **state)
{
    (void)state;
    for (int is_best = 0; is_best < 2; is_best++) {
        struct cps_kept_models models;
        init(&models);
        take(&models, 0, true, KEYS - 1);
        assert_null(models.last);
        take(&models, 1, true, KEYS);
        take(&models, 2, false, KEYS);
        take(&models, 3, is_best, KEYS - 1);
        check_model(models.last, 1);
        check_model(models.best, 1);
        cps_kept_models_release(&models);
    }
}

/* What a checkpoint has still to write stays as it was, however many better ones come. */
static void a_pinned_model_stays(void **state)
{
    (void)state;
    struct cps_kept_models models;
    init(&models);
    take(&models, 0, true, KEYS);
    struct cps_kept_model *first = cps_kept_models_pin(&models, 0);
    take(&models, 1, true, KEYS - 1);
    struct cps_kept_model *second = cps_kept_models_pin(&models, 1); /* on its way */
    assert_non_null(second);
    assert_false(second->whole);
    for (uint32_t key = KEYS - 1; key < KEYS; key++)
        cps_kept_models_add(&models, key, 1, (const float[WIDTH]){1, 1, 1});
    for (uint32_t epoch = 2; epoch < 6; epoch++)
        take(&models, epoch, true, KEYS);
    check_model(first, 0);
    check_model(second, 1);
    check_model(models.best, 5);
    assert_null(cps_kept_models_pin(&models, 2));
    size_t count = models.count;
    cps_kept_model_unpin(first);
    cps_kept_model_unpin(second);
    cps_kept_model_unpin(NULL);
    for (uint32_t epoch = 6; epoch < 10; epoch++)
        take(&models, epoch, true, KEYS);
    check_int(models.count, count, "models in memory");
    cps_kept_models_release(&models);
}

static void a_best_model_is_restored(void **state)
{
    (void)state;
    float rows[KEYS * WIDTH];
    struct cps_kept_models models;
    init(&models);
    for (int i = 0; i < KEYS * WIDTH; i++)
        rows[i] = 4;
    check_ok(cps_kept_models_restore(&models, 4, rows));
    assert_null(models.last);
    take(&models, 5, false, KEYS);
    check_model(models.best, 4);
    check_model(models.last, 5);
    cps_kept_models_release(&models);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_and_last_are_kept),
        cmocka_unit_test(a_part_is_no_model),
        cmocka_unit_test(a_pinned_model_stays),
        cmocka_unit_test(a_best_model_is_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
