/* What a run leaves beside its model: history.csv, steps.csv, users.tsv, movies.tsv, run.json. */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>

#include "common/data/dataset.h"
#include "common/store/history.h"
#include "common/store/names.h"
#include "common/store/run_folder.h"
#include "common/store/run_record.h"
#include "common/store/step_log.h"
#include "tests/unit/store_files.h"

static struct cps_run_folder folder;

static int open_folder(void **state)
{
    if (make_test_folder(state) != 0)
        return -1;
    return cps_run_folder_open(&folder, test_folder, false, 0, 0) == CPS_OK ? 0 : -1;
}

static int close_folder(void **state)
{
    cps_run_folder_close(&folder);
    return remove_test_folder(state);
}

static void assert_file(const char *name, const char *expected)
{
    size_t size;
    char *text = read_bytes(in_folder(name), &size);
    assert_string_equal(text, expected);
    free(text);
}

/* ---- history ---- */

#define HISTORY_COLUMNS                                                                                        \
    "epoch,train_loss,valid_loss,time_s,steps,ratings_per_s,"                                                  \
    "compute_s,wait_s,optimizer_s,validation_s,save_s,valid_rmse,valid_mae\n"

static void fill(struct cps_history *history)
{
    static const struct cps_epoch_record epochs[] = {
        {0, 0.931412345678, 0.94, true, 1.25, 1250, 64000.4, {0.5, 0.25, 0.125, 0.0625, 1e-6}, 0.75},
        {1, 1.0 / 3, 0.8, true, 1.5, 2500, 64000, {.wait = 0}, 1.0 / 3},
        {2, 0.1, 0, false, 0.5, 3750, 1e6, {.wait = 0}, 0},
        {3, NAN, 0.8, true, 0.5, 5000, 0, {.wait = 0}, NAN},
    };
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++)
        assert_int_equal(cps_history_add(history, &epochs[i]), CPS_OK);
}

/* Of what fill has, epoch by epoch; the one without a validation counts as one that was not better. */
static void history_counts_epochs_since_the_best(void **state)
{
    (void)state;
    static const uint32_t idle[] = {0, 0, 1, 2};
    struct cps_history history = {0}, part;
    assert_int_equal(cps_history_idle_epochs(&history), 0);
    fill(&history);
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) {
        part = (struct cps_history){.epochs = history.epochs, .count = i + 1};
        assert_int_equal(cps_history_idle_epochs(&part), idle[i]);
    }
    part = (struct cps_history){.epochs = history.epochs + 2, .count = 1};
    assert_int_equal(cps_history_idle_epochs(&part), 0);
    cps_history_release(&history);
}

static void history_is_text(void **state)
{
    (void)state;
    struct cps_history history = {0};
    assert_int_equal(cps_history_write(&history, &folder), CPS_OK);
    assert_file("history.csv", HISTORY_COLUMNS);
    fill(&history);
    assert_int_equal(cps_history_write(&history, &folder), CPS_OK);
    assert_file(
        "history.csv", HISTORY_COLUMNS
        "0,0.931412346,0.94,1.250000,1250,64000,0.500000,0.250000,0.125000,0.062500,0.000001,0.969535971,"
        "0.75\n"
        "1,0.333333333,0.8,1.500000,2500,64000,0.000000,0.000000,0.000000,0.000000,0.000000,0.894427191,"
        "0.333333333\n"
        "2,0.1,,0.500000,3750,1000000,0.000000,0.000000,0.000000,0.000000,0.000000,,\n"
        "3,nan,0.8,0.500000,5000,0,0.000000,0.000000,0.000000,0.000000,0.000000,0.894427191,nan\n");
    assert_int_equal(count_entries(test_folder), 1);
    cps_history_release(&history);
}

/* As any shell computes it. */
static void history_hash_is_that_of_three_columns(void **state)
{
    (void)state;
    char hex[CPS_SHA256_HEX_BYTES], command[600], got[CPS_SHA256_HEX_BYTES] = "";
    struct cps_history history = {0};
    fill(&history);
    assert_int_equal(cps_history_write(&history, &folder), CPS_OK);
    assert_int_equal(cps_history_hash(&history, hex), CPS_OK);
    snprintf(command, sizeof command, "cut -d, -f1-3 '%s' | sha256sum", in_folder("history.csv"));
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fread(got, 1, 64, pipe), 64);
    pclose(pipe);
    assert_string_equal(hex, got);
    history.epochs[0].time_s = 99;
    assert_int_equal(cps_history_hash(&history, got), CPS_OK);
    assert_string_equal(hex, got);
    history.epochs[0].valid_loss += 1e-6;
    assert_int_equal(cps_history_hash(&history, got), CPS_OK);
    assert_string_not_equal(hex, got);
    cps_history_release(&history);
}

static void history_knows_its_best_epoch(void **state)
{
    (void)state;
    struct cps_history history = {0};
    assert_null(cps_history_best(&history));
    fill(&history);
    assert_int_equal(cps_history_best(&history)->epoch, 1);
    for (size_t i = 0; i < history.count; i++)
        history.epochs[i].has_valid = false;
    assert_int_equal(cps_history_best(&history)->epoch, 2);
    cps_history_release(&history);
}

/* ---- steps ---- */

static void steps_appear_with_each_flush(void **state)
{
    (void)state;
    struct cps_step_log log;
    assert_int_equal(cps_step_log_open(&log, &folder), CPS_OK);
    assert_int_equal(cps_step_log_add(&log, 0, 0.0002, 0.95, 13.9876543219), CPS_OK);
    assert_file("steps.csv", "step,lr,mom,loss\n");
    assert_int_equal(cps_step_log_flush(&log), CPS_OK);
    assert_file("steps.csv", "step,lr,mom,loss\n0,0.0002,0.95,13.9876543\n");
    assert_int_equal(cps_step_log_add(&log, 1, 1.0 / 3, 0.85, NAN), CPS_OK);
    assert_int_equal(cps_step_log_close(&log), CPS_OK);
    assert_file("steps.csv", "step,lr,mom,loss\n0,0.0002,0.95,13.9876543\n1,0.333333333,0.85,nan\n");
    assert_int_equal(cps_step_log_close(&log), CPS_OK);
}

/* /dev/full takes no byte, as a full disk does. */
static void full_disk_is_told_and_lines_are_kept(void **state)
{
    (void)state;
    struct cps_step_log log;
    assert_int_equal(cps_step_log_open(&log, &folder), CPS_OK);
    assert_int_equal(cps_step_log_add(&log, 0, 1, 1, 1), CPS_OK);
    int file = log.file.fd;
    log.file.fd = open("/dev/full", O_WRONLY);
    assert_int_equal(cps_step_log_flush(&log), CPS_ERR_STORAGE);
    assert_contains(cps_error_text(), "steps.csv");
    close(log.file.fd);
    log.file.fd = file;
    assert_int_equal(cps_step_log_close(&log), CPS_OK);
    assert_file("steps.csv", "step,lr,mom,loss\n0,1,1,1\n");
}

/* ---- names ---- */

static void names_are_rows(void **state)
{
    (void)state;
    static const uint64_t user_offsets[] = {0, 4, 5, 7}, title_offsets[] = {0, 4, 13, 14};
    static const struct cps_vocabulary users = {3, "#na#110", user_offsets};
    static const struct cps_vocabulary titles = {3, "#na#A\tb\nc\\d\r\xc3\xa9?", title_offsets};
    assert_int_equal(cps_names_write_users(&folder, &users), CPS_OK);
    assert_file("users.tsv", "row\tuser\n0\t#na#\n1\t1\n2\t10\n");
    assert_int_equal(cps_names_write_movies(&folder, &users, &titles), CPS_OK);
    assert_file("movies.tsv", "row\tmovie\ttitle\n0\t#na#\t#na#\n1\t1\tA\\tb\\nc\\\\d\\r\xc3\n2\t10\t\xa9\n");
    assert_int_equal(cps_names_write_movies(&folder, &users, NULL), CPS_OK);
    assert_file("movies.tsv", "row\tmovie\ttitle\n0\t#na#\t#na#\n1\t1\t1\n2\t10\t10\n");
}

static void many_names_are_all_written(void **state)
{
    (void)state;
    enum { ROWS = 50000 };
    uint64_t *offsets = calloc(ROWS + 1, sizeof *offsets);
    struct cps_vocabulary users = {ROWS, "name", offsets};
    size_t expected = strlen("row\tuser\n");
    for (unsigned row = 0; row < ROWS; row++)
        expected += (size_t)snprintf(NULL, 0, "%u\t\n", row);
    assert_int_equal(cps_names_write_users(&folder, &users), CPS_OK);
    size_t size;
    free(read_bytes(in_folder("users.tsv"), &size));
    assert_int_equal(size, expected);
    free(offsets);
}

/* ---- run.json ---- */

static const struct cps_record_version versions[] = {{"collab-ps", "0.1.0"}, {"Open MPI", "4.1.4"}};
static const char *const arguments[] = {"collab-ps", "--out", "r\xff"};
static const struct cps_record_input inputs[] = {{"data", "d/u.data", UINT64_MAX, "aa"},
                                                 {"init", "start", 0, "bb"}};
static const struct cps_record_option options[] = {{"epochs", "5", "default", true},
                                                   {"data", "d\xe9j\xe0 vu", "command line", true}};
static const struct cps_record_rank ranks[] = {{"coordinator", 0, "a", 10, 0.5, 1.25, 4096},
                                               {"server", 0, "b", 11, 0.25, 1.5, 8192}};
static const struct cps_record_counter counters[] = {{"exchange", 1250, 1u << 30}};
static const struct cps_record_timing timings[] = {{"train", 1.25}, {"total", INFINITY}};

static struct cps_run_record full_record(void)
{
    struct cps_run_record record = {.run_id = 0xabc, .state = "done", .started = 1, .ended = 61};
    record.origin = (struct cps_record_origin){.versions = versions,
                                               .version_count = 2,
                                               .arguments = arguments,
                                               .argument_count = 3,
                                               .folder = "/home/a",
                                               .revision = "1a2b",
                                               .compiler = "gcc 12.2.0",
                                               .host = "a",
                                               .architecture = "aarch64",
                                               .cores = 2,
                                               .inputs = inputs,
                                               .input_count = 2};
    record.options = options, record.option_count = 2;
    record.ranks = ranks, record.rank_count = 2;
    record.counters = counters, record.counter_count = 1;
    record.timings = timings, record.timing_count = 2;
    record.seed = UINT64_MAX;
    record.servers = 3, record.workers = 4;
    record.data.description = "a \"set\"\n";
    record.data.ratings = 100000;
    record.model.kind = "bias";
    record.model.has_range = true, record.model.range_high = 5.5;
    record.result.diverged = true, record.result.diverged_step = 193;
    record.result.epochs = 5, record.result.best_epoch = 4;
    record.result.valid_loss = NAN, record.result.best_valid_loss = 0.1;
    record.result.curve_sha256 = "abcd";
    return record;
}

static json_t *write_and_load(const struct cps_run_record *record)
{
    json_error_t error;
    assert_int_equal(cps_run_record_write(record, &folder), CPS_OK);
    json_t *value = json_load_file(in_folder("run.json"), JSON_REJECT_DUPLICATES, &error);
    if (!value)
        fail_msg("run.json: line %d: %s", error.line, error.text);
    return value;
}

static void assert_member(json_t *object, const char *path, const char *expected)
{
    char step[64];
    json_t *value = object;
    while (*path && value) {
        size_t length = strcspn(path, "/");
        snprintf(step, sizeof step, "%.*s", (int)length, path);
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(step)) : json_object_get(value, step);
        path += length + (path[length] == '/');
    }
    assert_non_null(value);
    char *got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9));
    assert_string_equal(got, expected);
    free(got);
}

static void record_holds_what_it_was_given(void **state)
{
    (void)state;
    static const struct {
        const char *path, *json;
    } members[] = {
        {"run_id", "\"0000000000000abc\""},
        {"state", "\"done\""},
        {"exit_code", "0"},
        {"started", "\"1970-01-01T00:00:01Z\""},
        {"ended", "\"1970-01-01T00:01:01Z\""},
        {"seed", "\"18446744073709551615\""},
        {"versions", "{\"collab-ps\":\"0.1.0\",\"Open MPI\":\"4.1.4\"}"},
        {"command", "{\"arguments\":[\"collab-ps\",\"--out\",\"r?\"],\"folder\":\"/home/a\"}"},
        {"build", "{\"revision\":\"1a2b\",\"compiler\":\"gcc 12.2.0\",\"type\":null}"},
        {"machine", "{\"host\":\"a\",\"system\":null,\"architecture\":\"aarch64\",\"processor\":null,\"cores\":"
                    "2,\"memory_bytes\":null}"},
        {"inputs", "[{\"option\":\"data\",\"path\":\"d/u.data\",\"bytes\":\"18446744073709551615\","
                   "\"sha256\":\"aa\"},{\"option\":\"init\",\"path\":\"start\",\"bytes\":0,"
                   "\"sha256\":\"bb\"}]"},
        {"options/epochs", "{\"value\":\"5\",\"source\":\"default\",\"decides_curve\":true}"},
        {"options/data/value", "\"d?j? vu\""},
        {"cluster/ranks/1", "{\"rank\":1,\"role\":\"server\",\"index\":0,\"host\":\"b\",\"process\":11,"
                            "\"busy_s\":0.25,\"idle_s\":1.5,\"peak_memory_bytes\":8192}"},
        {"cluster/transport", "null"},
        {"cluster/servers", "3"},
        {"counters/exchange", "{\"messages\":1250,\"bytes\":1073741824}"},
        {"timings_s", "{\"train\":1.25,\"total\":null}"},
        {"data/description", "\"a \\\"set\\\"\\n\""},
        {"model/y_range", "[0.0,5.5]"},
        {"result/valid_loss", "null"},
        {"result/best_valid_loss", "0.1"},
        {"result/diverged_step", "193"},
        {"result/best_epoch", "4"},
        {"result/curve_sha256", "\"abcd\""},
        {"result/model_sha256", "null"},
    };
    struct cps_run_record record = full_record();
    json_t *value = write_and_load(&record);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        assert_member(value, members[i].path, members[i].json);
    json_decref(value);
}

static void empty_record_is_written(void **state)
{
    (void)state;
    struct cps_run_record record = {0};
    json_t *value = write_and_load(&record);
    assert_member(value, "state", "null");
    assert_member(value, "exit_code", "null");
    assert_member(value, "ended", "null");
    assert_member(value, "result/best_epoch", "null");
    assert_member(value, "result/diverged_step", "null");
    assert_member(value, "cluster/ranks", "[]");
    assert_member(value, "command", "{\"arguments\":[],\"folder\":null}");
    assert_member(value, "inputs", "[]");
    json_decref(value);
}

static void same_record_gives_same_bytes(void **state)
{
    (void)state;
    size_t size;
    struct cps_run_record record = full_record();
    json_decref(write_and_load(&record));
    char *first = read_bytes(in_folder("run.json"), &size);
    json_decref(write_and_load(&record));
    assert_file("run.json", first);
    assert_int_equal(first[size - 1], '\n');
    free(first);
}

#define each(test) cmocka_unit_test_setup_teardown(test, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        each(history_counts_epochs_since_the_best),
        each(history_is_text),
        each(history_hash_is_that_of_three_columns),
        each(history_knows_its_best_epoch),
        each(steps_appear_with_each_flush),
        each(full_disk_is_told_and_lines_are_kept),
        each(names_are_rows),
        each(many_names_are_all_written),
        each(record_holds_what_it_was_given),
        each(empty_record_is_written),
        each(same_record_gives_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
