/* Checkpoints: what is written comes back, and nothing else is ever taken for one. */
#include <sys/stat.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/checkpoint.h"
#include "common/store/checkpoint_folders.h"
#include "tests/unit/check.h"
#include "tests/unit/store_files.h"

enum { KEYS = 23, WORDS = 7, SERVERS = 3, EPOCHS = 2 };

static struct cps_epoch_record epochs[EPOCHS] = {
    {.epoch = 0,
     .train_loss = 0.9,
     .valid_loss = 0.8,
     .has_valid = true,
     .time_s = 1.5,
     .steps = 10,
     .spent = {.compute = 1, .wait = 2, .optimizer = 3, .validation = 4, .save = 5},
     .ratings_per_s = 1000},
    {.epoch = 1, .train_loss = -0.0, .steps = 20},
};

static struct cps_checkpoint_state state_of(uint64_t step)
{
    return (struct cps_checkpoint_state){.identity = {.run_id = 77, .fingerprint = {1, 2}, .plan = {3, 4}},
                                         .step = step,
                                         .average = 0.1 + (double)step,
                                         .keys = KEYS,
                                         .words = WORDS,
                                         .train_s = 12.25,
                                         .epochs = epochs,
                                         .epoch_count = EPOCHS,
                                         .logs = {{"metrics.jsonl", 1000}, {"", 0}, {"tb/events", 5}}};
}

enum { BEST_WORDS = 3 };
static const float best_rows[KEYS * BEST_WORDS] = {1, -2, [40] = 0.1f};

static uint32_t word_of(uint64_t step, uint32_t key, uint32_t word)
{
    return (uint32_t)step * 10007 + key * 131 + word;
}

/* A checkpoint as servers of that many would give it, each in two pieces. */
static enum cps_status write_one(const struct cps_checkpoint_state *state, uint32_t servers)
{
    struct cps_checkpoint_writer *writer;
    bool exists;
    uint32_t words[KEYS * WORDS];
    CPS_TRY(cps_checkpoint_writer_create(test_folder, state, servers, &exists, &writer));
    enum cps_status status = CPS_OK;
    for (uint32_t server = 0; status == CPS_OK && !exists && server < servers; server++) {
        uint32_t rows = 0;
        for (uint32_t key = server; key < KEYS; key += servers, rows++)
            for (uint32_t word = 0; word < WORDS; word++)
                words[rows * WORDS + word] = word_of(state->step, key, word);
        uint32_t half = rows / 2 * WORDS;
        status = cps_checkpoint_writer_rows(writer, server, words, half * sizeof *words);
        if (status == CPS_OK)
            status =
                cps_checkpoint_writer_rows(writer, server, words + half, (rows * WORDS - half) * sizeof *words);
    }
    if (status == CPS_OK && state->has_best)
        status = cps_checkpoint_writer_best(writer, state, best_rows);
    if (status == CPS_OK)
        status = cps_checkpoint_writer_commit(writer, state);
    cps_checkpoint_writer_destroy(&writer);
    return status;
}

static void write_step(uint64_t step, uint32_t servers)
{
    struct cps_checkpoint_state state = state_of(step);
    check_ok(write_one(&state, servers));
}

/* The step of the checkpoint that is found, 0 for none; all of it is checked. */
static uint64_t found_step(uint64_t run_id)
{
    struct cps_checkpoint_identity identity = state_of(0).identity;
    struct cps_checkpoint found;
    bool any;
    identity.run_id = run_id;
    check_ok(cps_checkpoint_find(test_folder, &identity, &found, &any));
    uint64_t step = any ? found.state.step : 0;
    for (uint32_t servers = 1; any && servers <= 4; servers++)
        for (uint32_t server = 0; server < servers; server++) {
            uint32_t rows = (KEYS - server - 1) / servers + 1, words[KEYS * WORDS];
            cps_checkpoint_rows(&found, server, servers, rows, words);
            for (uint32_t i = 0; i < rows * WORDS; i++)
                check_int(words[i], word_of(step, server + i / WORDS * servers, i % WORDS), "a word");
        }
    cps_checkpoint_release(&found);
    return step;
}

static void what_is_written_comes_back(void **state)
{
    (void)state;
    struct cps_checkpoint found;
    struct cps_checkpoint_state wanted = state_of(1250);
    bool any;
    check_ok(write_one(&wanted, SERVERS));
    check_int(found_step(77), 1250, "step");
    check_ok(cps_checkpoint_find(test_folder, &wanted.identity, &found, &any));
    assert_true(any);
    check_near(found.state.average, wanted.average, 0, "average");
    check_near(found.state.train_s, 12.25, 0, "seconds");
    check_int(found.history.count, EPOCHS, "epochs");
    for (int i = 0; i < EPOCHS; i++) {
        const struct cps_epoch_record *got = &found.history.epochs[i], *want = &epochs[i];
        check_int(got->epoch, want->epoch, "epoch");
        check_near(got->train_loss, want->train_loss, 0, "train_loss");
        check_near(got->valid_loss, want->valid_loss, 0, "valid_loss");
        check_int(got->has_valid, want->has_valid, "has_valid");
        check_int(got->steps, want->steps, "steps");
        check_near(got->time_s, want->time_s, 0, "time");
        check_near(got->ratings_per_s, want->ratings_per_s, 0, "rate");
        check_near(got->spent.save + 10 * got->spent.wait, want->spent.save + 10 * want->spent.wait, 0,
                   "times");
    }
    assert_string_equal(found.state.logs[0].file, "metrics.jsonl");
    check_int(found.state.logs[2].bytes, 5, "bytes of a record");
    cps_checkpoint_release(&found);
}

/* Epoch 0, which has the lowest valid_loss. */
static void the_best_model_comes_back(void **state)
{
    (void)state;
    struct cps_checkpoint found;
    struct cps_checkpoint_state wanted = state_of(30);
    bool any;
    wanted.epoch_loss = -((cps_int128)12345 << 70);
    wanted.epoch_ratings = 99;
    wanted.has_best = true;
    wanted.best_words = BEST_WORDS;
    check_ok(write_one(&wanted, SERVERS));
    check_int(found_step(77), 30, "step");
    check_ok(cps_checkpoint_find(test_folder, &wanted.identity, &found, &any));
    assert_true(any && found.state.has_best && found.state.epoch_loss == wanted.epoch_loss);
    check_int(found.state.epoch_ratings, 99, "ratings of the epoch");
    check_int(found.state.best_words, BEST_WORDS, "words of a row");
    assert_memory_equal(found.best, best_rows, sizeof best_rows);
    cps_checkpoint_release(&found);
    wanted.best_epoch = 1; /* which is not the best */
    wanted.step = 40;
    check_ok(write_one(&wanted, SERVERS));
    check_int(found_step(77), 30, "step of the one that is no liar");
}

static void the_newest_of_this_run_is_found(void **state)
{
    (void)state;
    check_int(found_step(77), 0, "step without a folder");
    for (uint32_t i = 0; i < 5; i++)
        write_step(100 * (i * 3 % 5), 1 + i);
    check_int(found_step(77), 400, "step");
    check_int(found_step(78), 0, "step of another run");
    check_ok(cps_checkpoints_prune(test_folder, 2, 100));
    check_int(count_entries(in_folder("checkpoints")), 3, "checkpoints kept: two and the best");
    check_int(found_step(77), 400, "step");
    check_ok(cps_checkpoints_remove(test_folder));
    check_int(found_step(77), 0, "step after all were removed");
}

static void one_that_is_there_is_left_alone(void **state)
{
    (void)state;
    struct stat before, after;
    write_step(100, 2);
    assert_int_equal(stat(in_folder("checkpoints/step-0000000100/manifest"), &before), 0);
    write_step(100, 3);
    assert_int_equal(stat(in_folder("checkpoints/step-0000000100/manifest"), &after), 0);
    check_int(after.st_ino, before.st_ino, "the manifest's file");
    write_bytes(in_folder("checkpoints/step-0000000100/rows-1"), "x", 1);
    write_step(100, 3);
    check_int(found_step(77), 100, "step, written anew");
}

static void what_was_not_committed_is_none(void **state)
{
    (void)state;
    struct cps_checkpoint_state second = state_of(200);
    struct cps_checkpoint_writer *writer;
    bool exists;
    write_step(100, 2);
    check_ok(cps_checkpoint_writer_create(test_folder, &second, 2, &exists, &writer));
    check_ok(cps_checkpoint_writer_rows(writer, 0, epochs, WORDS * 4));
    check_int(found_step(77), 100, "step while another is written");
    cps_checkpoint_writer_destroy(&writer);
    check_int(count_entries(in_folder("checkpoints")), 1, "checkpoints");
    /* As a kill leaves it. */
    assert_int_equal(mkdir(in_folder("checkpoints/step-0000000300"), 0777), 0);
    write_bytes(in_folder("checkpoints/step-0000000300/rows-0.123.tmp"), "x", 1);
    check_int(found_step(77), 100, "step beside what a kill left");
    check_ok(cps_checkpoints_prune(test_folder, 1, 0));
    check_int(count_entries(in_folder("checkpoints")), 1, "checkpoints");
}

/* Damages file of step 200 in the way asked for and expects step 100 to be found. */
static void expect_older(const char *file, const char *bytes, size_t count, const char *what, size_t place)
{
    write_bytes(file, bytes, count);
    if (found_step(77) != 100)
        fail_msg("'%s' %s at %zu was not noticed", file, what, place);
}

static void every_flipped_byte_is_noticed(void **state)
{
    (void)state;
    static const char *const files[] = {"manifest", "rows-0", "rows-1"};
    write_step(100, 2);
    write_step(200, 2);
    for (size_t f = 0; f < COUNT_OF(files); f++) {
        char path[512];
        size_t size;
        snprintf(path, sizeof path, "%s/checkpoints/step-0000000200/%s", test_folder, files[f]);
        char *bytes = read_bytes(path, &size);
        for (size_t i = 0; i < size; i++) {
            char flip = (char)(1 << i % 8);
            bytes[i] ^= flip;
            expect_older(path, bytes, size, "with a bit flipped", i);
            bytes[i] ^= flip;
        }
        for (size_t length = 0; length < size; length += 1 + length / 8)
            expect_older(path, bytes, length, "cut off", length);
        write_bytes(path, bytes, size);
        check_int(found_step(77), 200, "step once mended");
        assert_int_equal(remove(path), 0);
        check_int(found_step(77), 100, "step without a file");
        write_bytes(path, bytes, size);
        free(bytes);
    }
}

/* Each file of a checkpoint replaced by that of another run, and all of them. */
static void another_runs_files_are_noticed(void **state)
{
    (void)state;
    static const char *const files[] = {"manifest", "rows-0", "rows-1"};
    struct cps_checkpoint_state other = state_of(200);
    char *theirs[3], *ours[3];
    size_t sizes[3], our_sizes[3];
    char path[3][512];
    other.identity.run_id = 78;
    other.step = 200;
    check_ok(write_one(&other, 2));
    for (int f = 0; f < 3; f++) {
        snprintf(path[f], sizeof path[f], "%s/checkpoints/step-0000000200/%s", test_folder, files[f]);
        theirs[f] = read_bytes(path[f], &sizes[f]);
    }
    check_ok(cps_checkpoints_remove(test_folder));
    write_step(100, 2);
    write_step(200, 3);
    for (int f = 0; f < 3; f++)
        ours[f] = read_bytes(path[f], &our_sizes[f]);
    for (int f = 0; f < 3; f++) {
        expect_older(path[f], theirs[f], sizes[f], "of another run", 0);
        write_bytes(path[f], ours[f], our_sizes[f]);
    }
    for (int f = 0; f < 3; f++)
        write_bytes(path[f], theirs[f], sizes[f]);
    check_int(found_step(77), 100, "step beside another run's");
    for (int f = 0; f < 3; f++) {
        free(theirs[f]);
        free(ours[f]);
    }
}

static void a_checkpoint_of_another_step_is_noticed(void **state)
{
    (void)state;
    char to[512];
    write_step(100, 2);
    write_step(200, 2);
    snprintf(to, sizeof to, "%s", in_folder("checkpoints/step-0000000300"));
    assert_int_equal(rename(in_folder("checkpoints/step-0000000200"), to), 0);
    check_int(found_step(77), 100, "step");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_test_folder, remove_test_folder)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_comes_back),      TEST(the_best_model_comes_back),
        TEST(the_newest_of_this_run_is_found), TEST(one_that_is_there_is_left_alone),
        TEST(what_was_not_committed_is_none),  TEST(every_flipped_byte_is_noticed),
        TEST(another_runs_files_are_noticed),  TEST(a_checkpoint_of_another_step_is_noticed),
    };
    cps_log_set_level(CPS_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
