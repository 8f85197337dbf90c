/* Whole datasets from files: layouts, split, shards, fingerprint, and the real data where
 * they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/permutation.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/data/load.h"

static char folder[] = "/tmp/cps-data-XXXXXX";
static char path_buffers[8][512];

/* folder/name; good for eight more calls. */
static const char *in_folder(const char *name)
{
    static int next;
    char *path = path_buffers[next++ % 8];
    snprintf(path, sizeof path_buffers[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    char parent[512];
    snprintf(parent, sizeof parent, "%s", in_folder(name));
    *strrchr(parent, '/') = '\0';
    assert_int_equal(cps_make_folders(parent), CPS_OK);
    assert_int_equal(cps_file_replace(in_folder(name), text, strlen(text)), CPS_OK);
}

static struct cps_dataset_request request_for(const char *path)
{
    return (struct cps_dataset_request){
        .path = path, .valid_pct = 0.2, .seed = 42, .shards = 1, .keep_samples = true};
}

static struct cps_dataset load(const struct cps_dataset_request *request)
{
    struct cps_dataset data;
    if (cps_dataset_load(request, &data) != CPS_OK)
        fail_msg("%s", cps_error_text());
    return data;
}

static void check_name(const struct cps_vocabulary *vocabulary, uint32_t row, const char *want)
{
    uint64_t length;
    assert_true(row < vocabulary->rows);
    const char *name = cps_vocabulary_name(vocabulary, row, &length);
    if (length != strlen(want) || memcmp(name, want, length) != 0)
        fail_msg("row %u: want '%s', got '%.*s'", row, want, (int)length, name);
}

static void layouts_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *ratings, *ratings_text, *titles, *titles_text, *name;
    } cases[] = {
        {"100k", "u.data", "1\t2\t3\t4\n1\t1\t4\t4\n", "u.item", "1|B\xE9 (1995)|x\n2|A (1995)|x\n",
         "MovieLens 100k"},
        {"1m", "ratings.dat", "1::2::3::4\n1::1::4::4\n", "movies.dat", "1::B\xE9 (1995)::x\n2::A (1995)::x\n",
         "MovieLens 1M or 10M"},
        {"10m", "ratings.dat", "1::2::3.5::4\n1::1::4::4\n", "movies.dat",
         "1::B\xC3\xA9 (1995)::x\n2::A (1995)::x\n", "MovieLens 1M or 10M"},
        {"20m", "ratings.csv", "userId,movieId,rating,timestamp\n1,2,3.5,4\n1,1,4.0,4\n", "movies.csv",
         "movieId,title,genres\r\n1,\"B\xC3\xA9 (1995)\",x\r\n2,A (1995),x\r\n", "MovieLens CSV"},
        {"1m-csv", "ratings.csv", "user,item,rating\n1,2,3\n1,1,4\n", "movies.dat",
         "1::B\xE9 (1995)::x\n2::A (1995)::x\n", "MovieLens CSV"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[64], want[512];
        snprintf(name, sizeof name, "%s/%s", cases[i].folder, cases[i].ratings);
        write_file(name, cases[i].ratings_text);
        snprintf(name, sizeof name, "%s/%s", cases[i].folder, cases[i].titles);
        write_file(name, cases[i].titles_text);
        struct cps_dataset_request request = request_for(in_folder(cases[i].folder));
        struct cps_dataset data = load(&request);
        snprintf(want, sizeof want, "%s in '%s' (%s, titles from %s)", cases[i].name,
                 in_folder(cases[i].folder), cases[i].ratings, cases[i].titles);
        assert_string_equal(data.description, want);
        assert_int_equal(data.rating_count, 2);
        assert_int_equal(data.movies.rows, 3);
        check_name(&data.movies, 0, "#na#");
        check_name(&data.movies, 1, "A (1995)");
        check_name(&data.movies, 2, "B\xC3\xA9 (1995)");
        check_name(&data.movie_ids, 1, "2");
        cps_dataset_release(&data);
    }
}

static void an_item_key_may_be_the_id(void **state)
{
    (void)state;
    write_file("id/u.data", "1\t20\t3\t4\n1\t3\t4\t4\n");
    struct cps_dataset_request request = request_for(in_folder("id"));
    request.item_key = CPS_ITEM_KEY_ID;
    struct cps_dataset data = load(&request);
    uint64_t length;
    check_name(&data.movies, 1, "3");
    check_name(&data.movies, 2, "20");
    assert_false(data.titled);
    cps_dataset_movie_title(&data, 1, &length);
    assert_int_equal(length, 0);
    cps_dataset_release(&data);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    write_file("untitled/ratings.csv", "1,2,3\n");
    write_file("nothing/readme", "x");
    write_file("empty.csv", "");
    write_file("good.csv", "1,2,3\n1,3,4\n");
    write_file("folded/u.data/x", "");
    struct {
        struct cps_dataset_request request;
        enum cps_status status;
        const char *want; /* contained in the sentence */
        const char *hint; /* contained in the hint */
    } cases[] = {
        {{.path = in_folder("untitled")}, CPS_ERR_DATA, "movies.csv' is missing", "--item-key id"},
        {{.path = in_folder("nothing")}, CPS_ERR_DATA, "looked for u.data, ratings.dat and ratings.csv", ""},
        {{.path = in_folder("folded")}, CPS_ERR_DATA, "it is a folder, not a file", ""},
        {{.path = in_folder("missing.csv")}, CPS_ERR_DATA, "No such file", ""},
        {{.path = in_folder("empty.csv")}, CPS_ERR_DATA, "is empty", ""},
        {{.path = "/dev/null"}, CPS_ERR_DATA, "not a regular file", ""},
        {{.path = "good", .item_key = CPS_ITEM_KEY_TITLE}, CPS_ERR_USAGE, "without titles", "MovieLens"},
        {{.train_path = "x"}, CPS_ERR_USAGE, "without --valid", ""},
        {{.valid_path = "x"}, CPS_ERR_USAGE, "without --train", ""},
        {{.train_path = "/tmp", .valid_path = "/tmp"}, CPS_ERR_DATA, "it is a folder", ""},
        {{.valid_pct = 1, .path = "x"}, CPS_ERR_USAGE, "--valid-pct 1 ", ""},
        {{.valid_pct = -0.1, .path = "x"}, CPS_ERR_USAGE, "--valid-pct -0.1 ", ""},
        {{.shard = 1, .path = "x"}, CPS_ERR_USAGE, "shard 1 of 1", ""},
        {{0}, CPS_ERR_USAGE, "no data", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_dataset data;
        cases[i].request.shards = 1;
        cps_error_clear();
        assert_int_equal(cps_dataset_load(&cases[i].request, &data), cases[i].status);
        if (!strstr(cps_error_text(), cases[i].want) || !strstr(cps_error_hint(), cases[i].hint))
            fail_msg("case %zu: %s / %s", i, cps_error_text(), cps_error_hint());
    }
}

/* n ratings of seven users, rating number i being i / 8. */
static void write_numbered(const char *name, int first, int count)
{
    struct cps_text text = {0};
    assert_int_equal(cps_text_add(&text, "user,item,rating\n"), CPS_OK);
    for (int i = first; i < first + count; i++)
        assert_int_equal(cps_text_add(&text, "%d,%d,%g\n", i % 7, i % 11, i / 8.0), CPS_OK);
    write_file(name, text.data);
    cps_text_release(&text);
}

static void the_split_is_the_permutation_s(void **state)
{
    (void)state;
    static const struct {
        int n;
        double pct;
        uint64_t valid;
    } cases[] = {{100, 0.2, 20}, {101, 0.2, 20}, {7, 0, 0}, {1, 0.5, 0}, {1000, 0.999, 999}, {3, 0.34, 1}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        write_numbered("split.csv", 0, cases[c].n);
        struct cps_dataset_request request = request_for(in_folder("split.csv"));
        request.valid_pct = cases[c].pct;
        struct cps_dataset data = load(&request);
        assert_int_equal(data.valid_count, cases[c].valid);
        assert_int_equal(data.valid.count, cases[c].valid);
        assert_int_equal(data.train_count, (uint64_t)cases[c].n - cases[c].valid);
        struct cps_permutation permutation;
        cps_permutation_init(&permutation, 42, CPS_RANDOM_SPLIT, 0, (uint64_t)cases[c].n);
        for (uint64_t i = 0; i < data.train.count; i++) {
            uint64_t number = (uint64_t)(data.train.rating[i] * 8);
            assert_int_equal(cps_permutation_forward(&permutation, number),
                             data.train.index[i] + data.valid_count);
        }
        for (uint64_t i = 0; i < data.valid.count; i++)
            assert_true(cps_permutation_forward(&permutation, (uint64_t)(data.valid.rating[i] * 8)) <
                        data.valid_count);
        cps_dataset_release(&data);
    }
}

/* The folds of a seed share no rating and hold all of them; one more or fewer than another is all they differ
 * by. */
static void folds_are_disjoint_and_complete(void **state)
{
    (void)state;
    enum { RATINGS = 1003, FOLDS = 7 };
    static char text[RATINGS * 24 + 32];
    char *end = text + sprintf(text, "user,item,rating\n");
    bool seen[RATINGS] = {false};
    uint32_t found = 0;
    for (int i = 0; i < RATINGS; i++)
        end += sprintf(end, "%d,%d,%d\n", 1 + i % 50, 1 + i / 50, 1 + i % 7 % 5);
    write_file("folds.csv", text);
    struct cps_dataset_request request = request_for(in_folder("folds.csv"));
    uint8_t fingerprints[FOLDS][CPS_SHA256_BYTES];
    for (request.folds = FOLDS, request.fold = 1; request.fold <= FOLDS; request.fold++) {
        struct cps_dataset data = load(&request);
        bool index_seen[RATINGS] = {false};
        assert_true(data.valid_count == RATINGS / FOLDS || data.valid_count == RATINGS / FOLDS + 1);
        assert_int_equal(data.train_count + data.valid_count, RATINGS);
        for (uint64_t i = 0; i < data.valid.count; i++) {
            uint32_t rating = data.valid.user[i] - 1 + 50 * (data.valid.movie[i] - 1);
            assert_false(seen[rating]);
            seen[rating] = true;
            found++;
        }
        for (uint64_t i = 0; i < data.train.count; i++) {
            assert_true(data.train.index[i] < data.train_count && !index_seen[data.train.index[i]]);
            index_seen[data.train.index[i]] = true;
        }
        memcpy(fingerprints[request.fold - 1], data.fingerprint, CPS_SHA256_BYTES);
        for (uint32_t other = 1; other < request.fold; other++)
            assert_memory_not_equal(fingerprints[other - 1], data.fingerprint, CPS_SHA256_BYTES);
        cps_dataset_release(&data);
    }
    assert_int_equal(found, RATINGS);
}

static void an_explicit_split_keeps_the_order_of_files(void **state)
{
    (void)state;
    write_numbered("train.csv", 0, 50);
    write_file("valid.csv", "user,item,rating\n99,2,1\n0,77,2\n");
    struct cps_dataset_request request = {.train_path = in_folder("train.csv"),
                                          .valid_path = in_folder("valid.csv"),
                                          .shards = 1,
                                          .keep_samples = true};
    struct cps_dataset data = load(&request);
    assert_int_equal(data.train_count, 50);
    assert_int_equal(data.valid_count, 2);
    /* Ids of both files have rows. */
    assert_int_equal(data.users.rows, 1 + 8);
    assert_int_equal(data.movies.rows, 1 + 12);
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(data.train.index[i], i);
        assert_true(data.train.rating[i] == (float)i / 8);
    }
    assert_null(data.valid.index);
    check_name(&data.users, data.valid.user[0], "99");
    check_name(&data.movies, data.valid.movie[1], "77");
    cps_dataset_release(&data);
}

/* Training samples by their index, so that shards can be put together again. */
struct whole {
    uint64_t train_seen, valid_seen;
    double valid_sum;
};

static void check_shard(const struct cps_dataset *all, const struct cps_dataset *part, uint8_t *seen,
                        struct whole *sum)
{
    assert_memory_equal(all->fingerprint, part->fingerprint, CPS_SHA256_BYTES);
    assert_int_equal(all->train_count, part->train_count);
    assert_int_equal(all->users.rows, part->users.rows);
    assert_int_equal(all->movies.rows, part->movies.rows);
    assert_int_equal(part->sample_bytes, 16 * part->train.count + 12 * part->valid.count);
    /* Samples of a shard keep the file's order, so one pass over the whole finds them. */
    uint64_t at = 0;
    for (uint64_t i = 0; i < part->train.count; i++) {
        while (all->train.index[at] != part->train.index[i])
            assert_true(++at < all->train.count);
        assert_int_equal(all->train.user[at], part->train.user[i]);
        assert_int_equal(all->train.movie[at], part->train.movie[i]);
        assert_true(all->train.rating[at] == part->train.rating[i]);
        assert_int_equal(seen[part->train.index[i]]++, 0);
    }
    sum->train_seen += part->train.count;
    sum->valid_seen += part->valid.count;
    for (uint64_t i = 0; i < part->valid.count; i++)
        sum->valid_sum += (double)part->valid.rating[i] * part->valid.user[i] * part->valid.movie[i];
}

static void check_shards(struct cps_dataset_request request)
{
    struct cps_dataset all = load(&request);
    double want = 0;
    for (uint64_t i = 0; i < all.valid.count; i++)
        want += (double)all.valid.rating[i] * all.valid.user[i] * all.valid.movie[i];
    static const uint32_t counts[] = {1, 2, 5};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct whole sum = {0};
        uint8_t *seen = calloc(all.train_count, 1);
        request.shards = counts[c];
        for (request.shard = 0; request.shard < request.shards; request.shard++) {
            struct cps_dataset part = load(&request);
            check_shard(&all, &part, seen, &sum);
            cps_dataset_release(&part);
        }
        free(seen);
        assert_int_equal(sum.train_seen, all.train_count);
        assert_int_equal(sum.valid_seen, all.valid_count);
        assert_true(sum.valid_sum == want);
    }
    cps_dataset_release(&all);
}

static void shards_make_up_the_whole(void **state)
{
    (void)state;
    write_numbered("shards.csv", 0, 3000);
    write_numbered("more.csv", 3000, 500);
    check_shards(request_for(in_folder("shards.csv")));
    struct cps_dataset_request request = request_for(NULL);
    request.train_path = in_folder("shards.csv");
    request.valid_path = in_folder("more.csv");
    check_shards(request);
    request = request_for(NULL);
    request.synthetic = true;
    check_shards(request);
}

static void a_coordinator_keeps_no_samples(void **state)
{
    (void)state;
    write_numbered("count.csv", 0, 3000);
    struct cps_dataset_request request = request_for(in_folder("count.csv"));
    struct cps_dataset kept = load(&request);
    request.keep_samples = false;
    struct cps_dataset counted = load(&request);
    assert_memory_equal(kept.fingerprint, counted.fingerprint, CPS_SHA256_BYTES);
    assert_int_equal(counted.train.count + counted.valid.count, 0);
    assert_int_equal(counted.sample_bytes, 0);
    assert_int_equal(counted.train_count, kept.train_count);
    assert_true(counted.rating_max == kept.rating_max && counted.rating_max == (float)(2999 / 8.0));
    assert_true(counted.rating_min == 0);
    cps_dataset_release(&kept);
    cps_dataset_release(&counted);
}

static void the_fingerprint_tells_requests_apart(void **state)
{
    (void)state;
    write_numbered("print.csv", 0, 30);
    struct cps_dataset_request base = request_for(in_folder("print.csv"));
    struct cps_dataset_request others[5] = {base, base, base, base, base};
    others[0].seed = 43;
    others[1].valid_pct = 0.21;
    others[2].rating_column = "3";
    others[3].user_rows = 100;
    others[4].synthetic = true;
    struct cps_dataset data = load(&base), again = load(&base);
    assert_memory_equal(data.fingerprint, again.fingerprint, CPS_SHA256_BYTES);
    cps_dataset_release(&again);
    for (size_t i = 0; i < 5; i++) {
        struct cps_dataset other = load(&others[i]);
        assert_memory_not_equal(data.fingerprint, other.fingerprint, CPS_SHA256_BYTES);
        cps_dataset_release(&other);
    }
    cps_dataset_release(&data);
}

static void ids_are_rows_of_a_given_start(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t given, rows, row_of_9;
    } cases[] = {
        {"0,1,1\n9,1,1\n4,1,1\n", 12, 12, 9}, /* holes */
        {"0,1,1\n9,1,1\n4,1,1\n", 10, 10, 9}, /* the last id is the last row */
        {"0,1,1\n9,1,1\n4,1,1\n", 9, 4, 3},   /* an id beyond the table */
        {"0,1,1\n9,1,1\n4,1,1\n", 4, 4, 3},   /* the natural rows are right */
        {"0,1,1\n9,1,1\nx,1,1\n", 12, 4, 2},  /* a string */
        {"0,1,1\n9,1,1\n4,1,1\n", 0, 4, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file("rows.csv", cases[i].text);
        struct cps_dataset_request request = request_for(in_folder("rows.csv"));
        request.user_rows = cases[i].given;
        request.valid_pct = 0;
        struct cps_dataset data = load(&request);
        assert_int_equal(data.users.rows, cases[i].rows);
        assert_int_equal(data.train.user[1], cases[i].row_of_9);
        check_name(&data.users, 0, "#na#");
        check_name(&data.users, cases[i].row_of_9, "9");
        cps_dataset_release(&data);
    }
}

static bool has(const char *root, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", root, name);
    return access(path, R_OK) == 0;
}

/* What is known of MovieLens-100k: 943 users, 1,664 titles, 100,000 ratings. */
static void the_real_data_have_their_vocabulary(void **state)
{
    (void)state;
    char path[512];
    const char *root = getenv("COLLAB_PS_DATA");
    if (!root || !has(root, "u.item", path)) {
        print_message("skipped: COLLAB_PS_DATA does not name MovieLens-100k\n");
        skip();
    }
    struct cps_dataset_request request = request_for(root);
    struct cps_dataset data = load(&request);
    assert_int_equal(data.rating_count, 100000);
    assert_int_equal(data.train_count, 80000);
    assert_int_equal(data.users.rows, 944);
    assert_int_equal(data.movies.rows, 1665);
    check_name(&data.users, 1, "1");
    check_name(&data.users, 943, "943");
    check_name(&data.movies, 1, "'Til There Was You (1997)");
    /* The titles that are not ASCII come last or where their Latin-1 says. */
    check_name(&data.movies, 1664, "\xC3\x81 k\xC3\xB6ldum klaka (Cold Fever) (1994)");
    for (uint32_t row = 2; row < data.movies.rows; row++) {
        uint64_t a_length, b_length;
        const char *a = cps_vocabulary_name(&data.movies, row - 1, &a_length);
        const char *b = cps_vocabulary_name(&data.movies, row, &b_length);
        int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
        assert_true(order < 0 || (order == 0 && a_length < b_length));
    }
    cps_dataset_release(&data);
}

/* A recording's vocabulary, one title a line from row 0, beside its ratings. */
static void the_recorded_vocabulary_is_ours(void **state)
{
    (void)state;
    char path[512];
    const char *root = getenv("COLLAB_PS_DATA"), *golden = getenv("COLLAB_PS_GOLDEN");
    if (!root || !golden || !has(golden, "vocab_title.txt", path)) {
        print_message("skipped: COLLAB_PS_DATA and COLLAB_PS_GOLDEN do not name data and recording\n");
        skip();
    }
    struct cps_dataset_request request = request_for(root);
    struct cps_dataset data = load(&request);
    struct cps_file_map map;
    assert_int_equal(cps_file_map(&map, path, CPS_ERR_DATA), CPS_OK);
    const char *line = map.data, *end = map.data + map.size;
    uint32_t row = 0;
    for (; line < end; row++) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        uint64_t length;
        assert_true(row < data.movies.rows);
        const char *name = cps_vocabulary_name(&data.movies, row, &length);
        size_t want = (size_t)((newline ? newline : end) - line);
        if (want != length || memcmp(line, name, length) != 0)
            fail_msg("row %u: want '%.*s', got '%.*s'", row, (int)want, line, (int)length, name);
        line += want + 1;
    }
    assert_int_equal(row, data.movies.rows);
    cps_file_unmap(&map);
    cps_dataset_release(&data);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_recognised),
        cmocka_unit_test(an_item_key_may_be_the_id),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(the_split_is_the_permutation_s),
        cmocka_unit_test(folds_are_disjoint_and_complete),
        cmocka_unit_test(an_explicit_split_keeps_the_order_of_files),
        cmocka_unit_test(shards_make_up_the_whole),
        cmocka_unit_test(a_coordinator_keeps_no_samples),
        cmocka_unit_test(the_fingerprint_tells_requests_apart),
        cmocka_unit_test(ids_are_rows_of_a_given_start),
        cmocka_unit_test(the_real_data_have_their_vocabulary),
        cmocka_unit_test(the_recorded_vocabulary_is_ours),
    };
    return cmocka_run_group_tests_name("data_dataset", tests, make_folder, remove_folder);
}
