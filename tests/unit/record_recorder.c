/* The recorder and its events on a real folder: what is there after which call, and what a run that failed
 * leaves. */
#include <jansson.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/data/load.h"
#include "server/record/recorder.h"
#include "tests/unit/check.h"
#include "tests/unit/store_files.h"

enum { FACTORS = 4, EPOCHS = 2, STEPS = 3, BATCH = 8 };

/* A run of two epochs of three steps, from a table of 6 x 5 ratings. */
struct rig {
    struct cps_options options;
    struct cps_dataset dataset;
    struct cps_baselines baselines;
    struct cps_plan plan;
    struct cps_run_folder folder;
    struct cps_writer *writer;
    struct cps_record_origin origin;
    bool is_hashed; /* the input files are */
    enum cps_status hashing;
    struct cps_recorder *recorder;
    struct cps_observer observer;
    int out, err; /* what standard output and error were */
};

static int put_aside(int fd)
{
    int kept = dup(fd);
    fflush(NULL);
    assert_non_null(freopen("/dev/null", "w", fd == STDOUT_FILENO ? stdout : stderr));
    return kept;
}

static void load_ratings(struct rig *self)
{
    char text[512] = "user,item,rating\n";
    for (int i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%d,%d,%d\n", i % 6, i / 6, 1 + i % 5);
    write_bytes(in_folder("r.csv"), text, strlen(text));
    const struct cps_dataset_request request = {.path = in_folder("r.csv"), .shards = 1};
    check_ok(cps_dataset_load(&request, &self->dataset));
}

static enum cps_status complete_origin(void *context, bool waits, bool *complete)
{
    static const struct cps_record_input input = {.option = "data", .path = "r.set", .bytes = 1, .sha256 = "12"};
    struct rig *self = context;
    *complete = waits || self->is_hashed;
    if (*complete) {
        self->origin.inputs = &input;
        self->origin.input_count = 1;
    }
    return *complete && self->hashing != CPS_OK ? cps_fail(self->hashing, "unreadable") : CPS_OK;
}

static void rig_init(struct rig *self)
{
    char *arguments[] = {(char *)(uintptr_t) "collab-ps", (char *)(uintptr_t) "--log-steps",
                         (char *)(uintptr_t) "--progress", (char *)(uintptr_t) "none", NULL};
    char *environment[] = {NULL};
    static const struct cps_record_rank rank = {.role = "all", .host = "here"};
    static const struct cps_console_host host = {"here", 1};
    *self = (struct rig){.folder = {.lock = -1}};
    check_ok(cps_options_parse(4, arguments, environment, &self->options));
    load_ratings(self);
    self->plan = (struct cps_plan){.model = CPS_MODEL_BIAS,
                                   .factors = FACTORS,
                                   .epochs = EPOCHS,
                                   .batch_size = BATCH,
                                   .lr_max = 1e-3,
                                   .train_count = (uint64_t)STEPS * BATCH,
                                   .valid_count = 6,
                                   .user_rows = self->dataset.users.rows,
                                   .movie_rows = self->dataset.movies.rows,
                                   .servers = 1,
                                   .workers = 1};
    check_ok(cps_run_folder_open(&self->folder, in_folder("run"), false, 1, 0xabc));
    check_ok(cps_writer_create(64, 1 << 20, &self->writer));
    const struct cps_recorder_setup setup = {.options = &self->options,
                                             .plan = &self->plan,
                                             .dataset = &self->dataset,
                                             .baselines = &self->baselines,
                                             .folder = &self->folder,
                                             .writer = self->writer,
                                             .kept = true,
                                             .origin = &self->origin,
                                             .complete_origin = complete_origin,
                                             .origin_context = self,
                                             .ranks = &rank,
                                             .rank_count = 1,
                                             .hosts = &host,
                                             .host_count = 1,
                                             .transport = "memory",
                                             .isa = "scalar",
                                             .run_id = 0xabc,
                                             .started_ns = cps_clock_ns()};
    check_ok(cps_recorder_create(&setup, &self->recorder));
    self->observer = cps_recorder_observer(self->recorder);
    self->out = put_aside(STDOUT_FILENO);
    self->err = put_aside(STDERR_FILENO);
}

static void rig_release(struct rig *self)
{
    fflush(NULL);
    dup2(self->out, STDOUT_FILENO);
    dup2(self->err, STDERR_FILENO);
    close(self->out);
    close(self->err);
    assert_true(cps_writer_destroy(&self->writer, 5000000000u));
    cps_recorder_destroy(&self->recorder);
    cps_run_folder_close(&self->folder);
    cps_dataset_release(&self->dataset);
    cps_options_release(&self->options);
}

static enum cps_status settle(struct rig *self)
{
    bool busy = true;
    for (int i = 0; busy && i < 500; i++)
        CPS_TRY(self->observer.poll(self->observer.context, &busy));
    assert_false(busy);
    return CPS_OK;
}

static void start(struct rig *self)
{
    check_ok(self->observer.on_start(self->observer.context, &(struct cps_start_result){.sample_bytes = 7}));
    check_ok(settle(self));
}

static void train(struct rig *self, uint32_t epochs)
{
    for (uint32_t epoch = 0; epoch < epochs; epoch++) {
        for (uint64_t i = 0; i < STEPS; i++) {
            const struct cps_step_result step = {.step = epoch * STEPS + i, .loss = 1.5, .smoothed = 1.25};
            check_ok(self->observer.on_step(self->observer.context, &step));
        }
        const struct cps_epoch_result result = {.epoch = epoch,
                                                .train_loss = 1.0 - 0.25 * epoch,
                                                .has_valid = true,
                                                .valid_loss = 2.0 - 0.5 * epoch};
        check_ok(self->observer.on_epoch(self->observer.context, &result));
    }
}

static void hand_model_over(struct rig *self)
{
    uint32_t keys = cps_plan_keys(&self->plan), half = keys / 2;
    float rows[64 * (FACTORS + 1)] = {0.5f};
    assert_true(keys <= 64);
    check_ok(self->observer.on_rows(self->observer.context, 0, half, rows));
    check_ok(settle(self));
    check_ok(self->observer.on_rows(self->observer.context, half, keys - half, rows));
    check_ok(settle(self));
    check_ok(self->observer.on_complete(self->observer.context));
    check_ok(settle(self));
}

static bool exists(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", in_folder("run"), name);
    return access(path, F_OK) == 0;
}

/* Lines of a file in the run's folder. */
static int lines_of(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", in_folder("run"), name);
    size_t size;
    char *text = read_bytes(path, &size);
    int lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    free(text);
    return lines;
}

static void check_record(const char *state, int exit_code)
{
    json_t *record = json_load_file(in_folder("run/run.json"), 0, NULL);
    assert_non_null(record);
    assert_string_equal(json_string_value(json_object_get(record, "state")), state);
    const json_t *code = json_object_get(record, "exit_code");
    check_int(json_is_integer(code) ? json_integer_value(code) : -1, exit_code, "exit code");
    json_decref(record);
}

static size_t recorded_inputs(void)
{
    json_t *record = json_load_file(in_folder("run/run.json"), 0, NULL);
    size_t count = json_array_size(json_object_get(record, "inputs"));
    json_decref(record);
    return count;
}

/* The record is written in the background. */
static void await_inputs(void)
{
    for (int i = 0; recorded_inputs() == 0 && i < 500; i++)
        cps_sleep_ns(10000000);
    assert_int_equal(recorded_inputs(), 1);
}

/* Training begins before the input files are hashed: they are recorded as soon as they are, and an epoch ends
 * with them. */
static void input_files_are_recorded_once_hashed(void **state)
{
    (void)state;
    const struct cps_step_result step = {.loss = 1.5, .smoothed = 1.25};
    struct rig rig;
    rig_init(&rig);
    start(&rig);
    check_ok(rig.observer.on_step(rig.observer.context, &step));
    assert_int_equal(recorded_inputs(), 0);
    rig.is_hashed = true;
    check_ok(rig.observer.on_step(rig.observer.context, &step));
    await_inputs();
    rig_release(&rig);
}

static void an_epoch_waits_for_the_input_files(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    start(&rig);
    train(&rig, 1);
    await_inputs();
    rig_release(&rig);
}

static void unreadable_input_files_fail_the_first_epoch(void **state)
{
    (void)state;
    const struct cps_epoch_result epoch = {.train_loss = 1};
    struct rig rig;
    rig_init(&rig);
    rig.hashing = CPS_ERR_DATA;
    start(&rig);
    check_fails(rig.observer.on_epoch(rig.observer.context, &epoch), CPS_ERR_DATA, "unreadable");
    rig_release(&rig);
}

static void a_run_from_start_to_end(void **state)
{
    (void)state;
    struct rig rig;
    bool busy = true;
    rig_init(&rig);
    assert_false(exists("run.json"));
    start(&rig);
    check_record("running", -1);
    assert_true(exists("users.tsv") && exists("movies.tsv") && exists("metrics.jsonl") && exists("tb"));
    assert_false(exists("model.safetensors"));
    train(&rig, EPOCHS);
    assert_false(exists("model.safetensors"));
    hand_model_over(&rig);
    assert_true(exists("model.safetensors"));
    check_record("running", -1);
    check_ok(cps_recorder_finish(rig.recorder, NULL, 0, NULL));
    for (int i = 0; busy && i < 100; i++)
        check_ok(cps_recorder_await(rig.recorder, 50000000, &busy));
    check_record("done", 0);
    check_int(lines_of("history.csv"), 1 + EPOCHS, "lines of history.csv");
    check_int(lines_of("steps.csv"), 1 + EPOCHS * STEPS, "lines of steps.csv");
    assert_true(lines_of("metrics.jsonl") >= EPOCHS * STEPS);
    rig_release(&rig);
}

static void a_run_that_fails_says_so_and_leaves_no_halves(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    start(&rig);
    train(&rig, 1);
    cps_hint(cps_fail(CPS_ERR_PEER, "nothing was heard"), "look after it");
    check_int(cps_recorder_fail(rig.recorder, CPS_ERR_PEER), CPS_ERR_PEER, "its status");
    assert_string_equal(cps_error_text(), "nothing was heard");
    assert_string_equal(cps_error_hint(), "look after it");
    check_record("failed: nothing was heard", 4);
    check_int(lines_of("history.csv"), 2, "lines of history.csv");
    assert_false(exists("model.safetensors"));
    rig_release(&rig);
    DIR *list = opendir(in_folder("run"));
    for (struct dirent *entry; (entry = readdir(list));)
        assert_null(strstr(entry->d_name, ".tmp"));
    closedir(list);
}

static void a_run_that_never_began_leaves_nothing(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    cps_fail(CPS_ERR_DATA, "no ratings");
    check_int(cps_recorder_fail(rig.recorder, CPS_ERR_DATA), CPS_ERR_DATA, "its status");
    rig_release(&rig);
    assert_int_not_equal(access(in_folder("run"), F_OK), 0);
}

/* A folder that is taken away: the error comes by poll, and is the run's. */
static void what_cannot_be_written_is_an_error_of_poll(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    assert_int_equal(rmdir(in_folder("run")), 0);
    check_ok(rig.observer.on_start(rig.observer.context, &(struct cps_start_result){.sample_bytes = 7}));
    check_fails(settle(&rig), CPS_ERR_STORAGE, "run");
    rig_release(&rig);
}

static void without_memory_the_last_record_is_amended(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_text text = {0};
    rig_init(&rig);
    start(&rig);
    size_t size;
    char *before = read_bytes(in_folder("run/run.json"), &size);
    check_ok(cps_text_add_bytes(&text, before, size));
    check_ok(cps_run_record_amend(&text, CPS_ERR_MEMORY, &rig.folder));
    check_record("failed: out of memory", 71);
    cps_text_clear(&text);
    check_fails(cps_run_record_amend(&text, CPS_ERR_MEMORY, &rig.folder), CPS_ERR_STORAGE, "there was none");
    free(before);
    cps_text_release(&text);
    rig_release(&rig);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_test_folder, remove_test_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_run_from_start_to_end),
        TEST(input_files_are_recorded_once_hashed),
        TEST(an_epoch_waits_for_the_input_files),
        TEST(unreadable_input_files_fail_the_first_epoch),
        TEST(a_run_that_fails_says_so_and_leaves_no_halves),
        TEST(a_run_that_never_began_leaves_nothing),
        TEST(what_cannot_be_written_is_an_error_of_poll),
        TEST(without_memory_the_last_record_is_amended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
