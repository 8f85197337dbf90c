/* The synthetic set: its promises of size, its shape, and that it is the same on every
 * machine and by way of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/sha256.h"
#include "common/data/load.h"
#include "common/data/synth_write.h"

static struct cps_synth *create(const struct cps_synth_spec *spec)
{
    struct cps_synth *synth;
    if (cps_synth_create(spec, &synth) != CPS_OK)
        fail_msg("%s", cps_error_text());
    return synth;
}

/* Counts of a whole set. */
struct totals {
    uint64_t ratings, of_value[6];
    uint32_t least, most, unrated_movies, top_movie;
};

static struct totals count(const struct cps_synth_spec *spec)
{
    struct totals totals = {.least = UINT32_MAX};
    uint32_t *of_movie = calloc((size_t)spec->movies + 1, sizeof *of_movie);
    uint32_t *last_user = calloc((size_t)spec->movies + 1, sizeof *last_user);
    struct cps_synth *synth = create(spec);
    for (uint32_t user = 1; user <= spec->users; user++) {
        uint32_t rated;
        const struct cps_synth_rating *ratings = cps_synth_user(synth, user, &rated);
        for (uint32_t i = 0; i < rated; i++) {
            assert_in_range(ratings[i].movie, 1, spec->movies);
            assert_in_range(ratings[i].rating, 1, 5);
            assert_int_not_equal(last_user[ratings[i].movie], user); /* a pair is there once */
            last_user[ratings[i].movie] = user;
            of_movie[ratings[i].movie]++;
            totals.of_value[ratings[i].rating]++;
        }
        totals.ratings += rated;
        totals.least = rated < totals.least ? rated : totals.least;
        totals.most = rated > totals.most ? rated : totals.most;
    }
    for (uint32_t movie = 1; movie <= spec->movies; movie++) {
        totals.unrated_movies += of_movie[movie] == 0;
        totals.top_movie = of_movie[movie] > totals.top_movie ? of_movie[movie] : totals.top_movie;
    }
    cps_synth_destroy(&synth);
    free(of_movie);
    free(last_user);
    return totals;
}

static void every_size_is_met_exactly(void **state)
{
    (void)state;
    static const struct cps_synth_spec specs[] = {
        {1, 1, 1, 1},     {3, 4, 12, 1},        {100, 50, 5000, 2}, {100, 50, 4990, 2}, {50, 1000, 60, 3},
        {1000, 3, 50, 4}, {300, 400, 90000, 5}, {2, 1000, 100, 6},  {7, 11, 70, 7},
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
        assert_int_equal(count(&specs[i]).ratings, specs[i].ratings);
}

static void the_builtin_set_has_the_shape_of_movielens(void **state)
{
    (void)state;
    struct totals totals = count(&cps_synth_builtin);
    assert_int_equal(totals.ratings, 100000);
    assert_int_equal(totals.unrated_movies, 0);
    assert_true(totals.least >= 20);
    assert_in_range(totals.most, 300, 1300);
    assert_in_range(totals.top_movie, 300, 700);
    double sum = 0, squares = 0;
    for (int value = 1; value <= 5; value++) {
        assert_true(totals.of_value[value] > 2000);
        sum += value * (double)totals.of_value[value];
        squares += value * value * (double)totals.of_value[value];
    }
    double mean = sum / 1e5, variance = squares / 1e5 - mean * mean;
    if (mean < 3.4 || mean > 3.6 || variance < 1.1 || variance > 1.35)
        fail_msg("mean %.3f, variance %.3f", mean, variance);
}

/* A curve on the built-in set is to be the same everywhere and for ever. */
static void the_builtin_set_never_changes(void **state)
{
    (void)state;
    struct cps_synth *synth = create(&cps_synth_builtin);
    struct cps_sha256 *digest;
    uint8_t bytes[CPS_SHA256_BYTES];
    char hex[CPS_SHA256_HEX_BYTES];
    assert_int_equal(cps_sha256_create(&digest), CPS_OK);
    for (uint32_t user = 1; user <= cps_synth_builtin.users; user++) {
        uint32_t rated;
        const struct cps_synth_rating *ratings = cps_synth_user(synth, user, &rated);
        for (uint32_t i = 0; i < rated; i++) {
            char line[64];
            int length = snprintf(line, sizeof line, "%u,%u,%u\n", user, ratings[i].movie, ratings[i].rating);
            cps_sha256_add(digest, line, (size_t)length);
        }
    }
    cps_sha256_finish(digest, bytes);
    cps_sha256_to_hex(bytes, hex);
    assert_string_equal(hex, "2130337a3b9b04cb05eadbd6e4771a00b4f88682439b40b94600833f367f85fc");
    cps_sha256_destroy(&digest);
    cps_synth_destroy(&synth);
}

static void a_user_may_be_made_again_and_alone(void **state)
{
    (void)state;
    struct cps_synth *all = create(&cps_synth_builtin), *alone = create(&cps_synth_builtin);
    uint32_t first_count, again_count;
    for (uint32_t user = 1; user <= 500; user++)
        cps_synth_user(all, user, &first_count);
    const struct cps_synth_rating *first = cps_synth_user(all, 500, &first_count);
    const struct cps_synth_rating *again = cps_synth_user(alone, 500, &again_count);
    assert_int_equal(first_count, again_count);
    assert_memory_equal(first, again, first_count * sizeof *first);
    cps_synth_destroy(&all);
    cps_synth_destroy(&alone);
}

static void bad_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct cps_synth_spec spec;
        const char *want;
    } cases[] = {
        {{0, 1, 1, 1}, "at least one user"}, {{1, 0, 1, 1}, "at least one user"},
        {{1, 1, 0, 1}, "at least one user"}, {{3, 4, 13, 1}, "13 ratings are more than 3 users"},
        {{UINT32_MAX, 1, 1, 1}, "at most"},  {{UINT32_MAX - 1, 2, (uint64_t)UINT32_MAX + 1, 1}, "at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_synth *synth = NULL;
        assert_int_equal(cps_synth_create(&cases[i].spec, &synth), CPS_ERR_USAGE);
        assert_null(synth);
        assert_non_null(strstr(cps_error_text(), cases[i].want));
        assert_int_equal(cps_synth_write(&cases[i].spec, "/nonexistent"), CPS_ERR_USAGE);
    }
}

/* The same ratings, whether made in memory or written and read. */
static void files_hold_the_same_set(void **state)
{
    (void)state;
    char folder[] = "/tmp/cps-synth-XXXXXX", inner[64], command[64];
    assert_non_null(mkdtemp(folder));
    snprintf(inner, sizeof inner, "%s/a/b", folder);
    assert_int_equal(cps_synth_write(&cps_synth_builtin, inner), CPS_OK);
    struct cps_dataset_request request = {
        .valid_pct = 0.2, .seed = 1, .shards = 1, .keep_samples = true, .path = inner};
    struct cps_dataset read, made;
    if (cps_dataset_load(&request, &read) != CPS_OK)
        fail_msg("%s", cps_error_text());
    request.synthetic = true;
    assert_int_equal(cps_dataset_load(&request, &made), CPS_OK);
    assert_int_equal(read.users.rows, 944);
    assert_int_equal(read.movies.rows, 1683);
    assert_int_equal(read.train_count, made.train_count);
    assert_memory_equal(read.train.user, made.train.user, 4 * made.train.count);
    assert_memory_equal(read.train.movie, made.train.movie, 4 * made.train.count);
    assert_memory_equal(read.train.rating, made.train.rating, 4 * made.train.count);
    assert_memory_equal(read.train.index, made.train.index, 4 * made.train.count);
    assert_int_equal(read.movies.offsets[1683], made.movies.offsets[1683]);
    assert_memory_equal(read.movies.text, made.movies.text, made.movies.offsets[1683]);
    cps_dataset_release(&read);
    cps_dataset_release(&made);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void an_unwritable_folder_is_a_storage_error(void **state)
{
    (void)state;
    struct cps_synth_spec spec = {3, 4, 12, 1};
    assert_int_equal(cps_synth_write(&spec, "/dev/null/x"), CPS_ERR_STORAGE);
    assert_int_equal(cps_synth_write(&spec, "/proc/none"), CPS_ERR_STORAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_met_exactly),
        cmocka_unit_test(the_builtin_set_has_the_shape_of_movielens),
        cmocka_unit_test(the_builtin_set_never_changes),
        cmocka_unit_test(a_user_may_be_made_again_and_alone),
        cmocka_unit_test(bad_sizes_are_refused),
        cmocka_unit_test(files_hold_the_same_set),
        cmocka_unit_test(an_unwritable_folder_is_a_storage_error),
    };
    return cmocka_run_group_tests_name("data_synth", tests, NULL, NULL);
}
