/* A run's folder read back: whole, cut at any byte, and with things in it that no run wrote. */
#include <math.h>
#include <sys/stat.h>

#include "common/store/run_folder.h"
#include "common/store/run_losses.h"
#include "common/store/run_reader.h"
#include "common/store/step_log.h"
#include "tests/unit/check.h"
#include "tests/unit/store_files.h"

#define SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEADER "epoch,train_loss,valid_loss,time_s,steps\n"
#define STEPS "step,lr,mom,loss\n"

static const char RECORD[] =
    "{\"format\": 1, \"state\": \"done\", \"versions\": {\"collab-ps\": \"0.1.0\"},"
    " \"data\": {\"fingerprint\": \"aa\", \"fingerprint_version\": 2}, \"command\": {\"folder\": \"/home\"},"
    " \"result\": {\"model_sha256\": \"bb\", \"curve_sha256\": null},"
    " \"options\": {\"wd\": {\"value\": \"0.1\", \"source\": \"default\"},"
    "               \"init\": {\"value\": null, \"source\": \"default\"},"
    "               \"seed\": {\"value\": \"7\", \"source\": \"environment\"}},"
    " \"inputs\": [{\"option\": \"data\", \"path\": \"u.data\", \"bytes\": 12, \"sha256\": \"" SHA "\"}]}\n";

static void write_text(const char *name, const char *text)
{
    write_bytes(in_folder(name), text, strlen(text));
}

static void write_run(const char *history, const char *steps)
{
    write_text("run.json", RECORD);
    write_text("history.csv", history);
    write_text("steps.csv", steps);
}

/* ---- what a run leaves ---- */

static void whole_run_is_read(void **state)
{
    (void)state;
    struct cps_run_reader run;
    write_run(HEADER "0,0.5,0.25,1.5,2\n1,nan,,1.5,4\n", STEPS "0,0.1,0.9,0.5\n1,0.1,0.9,inf\n2,0.1,0.9,nan\n");
    check_ok(cps_run_reader_open(&run, test_folder));
    assert_string_equal(run.state, "done");
    assert_string_equal(run.version, "0.1.0");
    assert_string_equal(run.fingerprint, "aa");
    assert_string_equal(run.folder, "/home");
    assert_string_equal(run.model_sha256, "bb");
    assert_null(run.curve_sha256);
    check_int(run.option_count, 3, "options");
    assert_string_equal(run.options[2].value, "7");
    assert_true(run.options[2].given && !run.options[0].given);
    assert_null(run.options[1].value);
    check_int(run.input_count, 1, "input files");
    check_int(run.inputs[0].bytes, 12, "bytes");
    check_int(run.history.count, 2, "epochs");
    check_int(run.history.epochs[1].steps, 4, "steps of two epochs");
    assert_true(run.history.epochs[0].has_valid && !run.history.epochs[1].has_valid);
    assert_true(isnan(run.history.epochs[1].train_loss));
    check_int(run.loss_count, 3, "step losses");
    assert_true(run.losses[0] == 0.5 && isinf(run.losses[1]) && isnan(run.losses[2]));
    cps_run_reader_close(&run);
}

/* By the functions that the trainer itself writes with. */
static void written_by_the_recorder_reads_back(void **state)
{
    (void)state;
    struct cps_run_folder folder;
    struct cps_step_log log;
    struct cps_run_reader run;
    struct cps_history history = {0};
    const struct cps_record_input input = {"init", "start.safetensors", 1u << 20, SHA};
    const struct cps_record_option option = {"wd", "0.1", "command line", true};
    const struct cps_record_version version = {"collab-ps", "9.9"};
    struct cps_run_record record = {.state = "failed: training diverged at step 2: 'x'"};
    record.result.diverged = true, record.result.diverged_step = 2;
    const struct cps_epoch_record epoch = {
        .train_loss = 1.0 / 3, .valid_loss = 0.2, .has_valid = true, .steps = 2};
    record.origin = (struct cps_record_origin){.versions = &version, .version_count = 1, .inputs = &input};
    record.origin.input_count = record.option_count = 1;
    record.options = &option;
    check_ok(cps_run_folder_open(&folder, test_folder, false, 0, 0));
    check_ok(cps_run_record_write(&record, &folder));
    check_ok(cps_history_add(&history, &epoch));
    check_ok(cps_history_write(&history, &folder));
    check_ok(cps_step_log_open(&log, &folder));
    for (uint64_t step = 0; step < 3; step++)
        check_ok(cps_step_log_add(&log, step, 0.1, 0.9, 1.0 / (double)(step + 7)));
    check_ok(cps_step_log_close(&log));
    check_ok(cps_run_reader_open(&run, test_folder));
    assert_string_equal(run.state, record.state);
    assert_true(run.diverged);
    check_int(run.diverged_step, 2, "diverged_step");
    assert_true(run.names_inputs && run.options[0].given);
    assert_string_equal(run.inputs[0].sha256, SHA);
    check_int(run.loss_count, 3, "step losses");
    check_near(run.losses[2], 1.0 / 9, 1e-9, "a loss of nine digits");
    check_near(run.history.epochs[0].train_loss, 1.0 / 3, 1e-9, "train_loss");
    cps_run_reader_close(&run);
    cps_history_release(&history);
    cps_run_folder_close(&folder);
}

static void files_that_are_not_there_count_as_empty(void **state)
{
    (void)state;
    struct cps_run_reader run;
    write_text("run.json", RECORD);
    check_ok(cps_run_reader_open(&run, test_folder));
    check_int(run.history.count + run.loss_count, 0, "losses");
    cps_run_reader_close(&run);
    write_run("", "");
    check_ok(cps_run_reader_open(&run, test_folder));
    check_int(run.history.count + run.loss_count, 0, "losses");
    cps_run_reader_close(&run);
}

/* The first runs had neither format, nor command, nor inputs. */
static void a_record_of_the_first_runs_is_read(void **state)
{
    (void)state;
    struct cps_run_reader run;
    write_text("run.json", "{\"state\": \"done\", \"versions\": {\"collab-ps\": \"0.0.1\"}, \"options\": {},"
                           " \"result\": null, \"later\": [1, {}]}");
    check_ok(cps_run_reader_open(&run, test_folder));
    assert_false(run.names_inputs);
    assert_null(run.folder);
    assert_null(run.fingerprint);
    cps_run_reader_close(&run);
}

static void steps_come_from_events_where_there_is_no_log(void **state)
{
    (void)state;
    struct cps_run_reader run;
    write_run(HEADER, STEPS);
    write_text("metrics.jsonl", "{\"step\": 0, \"name\": \"step/loss\", \"value\": 0.5}\r\n"
                                "{\"step\": 0, \"name\": \"step/lr\", \"value\": 9}\n[]\n3\n"
                                "{\"step\": 1, \"name\": \"step/loss\", \"value\": null}\n"
                                "{\"step\": 2, \"name\": \"step/lo");
    check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA,
                "metrics.jsonl' is broken: line 4 is no event");
    write_text("metrics.jsonl", "{\"step\": 0, \"name\": \"step/loss\", \"value\": 0.5}\r\n"
                                "{\"step\": 0, \"name\": \"step/lr\", \"value\": 9}\n[]\n"
                                "{\"step\": 1, \"name\": \"step/loss\", \"value\": null}\n"
                                "{\"step\": 2, \"name\": \"step/lo");
    check_ok(cps_run_reader_open(&run, test_folder));
    check_int(run.loss_count, 2, "step losses");
    assert_true(run.losses[0] == 0.5 && isnan(run.losses[1]));
    cps_run_reader_close(&run);
}

/* ---- cut ---- */

static size_t newlines(const char *text, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == '\n';
    return count;
}

/* Every prefix of the files is what a run that was killed may leave: its whole lines count. */
static void cut_anywhere_keeps_whole_lines(void **state)
{
    (void)state;
    static const char history[] = HEADER "0,0.5,0.25,1.5,2\n1,0.25,,1.5,4\n";
    static const char steps[] = STEPS "0,0.1,0.9,0.5\n1,0.1,0.9,0.25\n";
    for (size_t length = 0; length < sizeof history; length++) {
        struct cps_run_reader run = {0};
        size_t lines = newlines(history, length);
        check_ok(cps_run_losses_history(&run, "h", history, length));
        check_int(run.history.count, lines ? lines - 1 : 0, "epochs of %zu bytes", length);
        cps_run_reader_close(&run);
    }
    for (size_t length = 0; length < sizeof steps; length++) {
        struct cps_run_reader run = {0};
        size_t lines = newlines(steps, length);
        check_ok(cps_run_losses_steps(&run, "s", steps, length));
        check_int(run.loss_count, lines ? lines - 1 : 0, "steps of %zu bytes", length);
        cps_run_reader_close(&run);
    }
}

/* run.json is replaced whole, so that half of one is no run's doing. */
static void cut_record_is_refused(void **state)
{
    (void)state;
    size_t whole = sizeof RECORD - 2; /* all but the last newline */
    for (size_t length = 0; length < whole; length++) {
        struct cps_run_reader run = {.path = "run.json"};
        check_fails(cps_run_reader_parse(&run, RECORD, length), CPS_ERR_DATA, "'run.json' is broken: line ");
        cps_run_reader_close(&run);
    }
}

static void carriage_returns_are_let_pass(void **state)
{
    (void)state;
    struct cps_run_reader run;
    write_run("epoch,train_loss,valid_loss,steps\r\n0,0.5,0.25,2\r\n", "step,loss\r\n0,0.5\r\n1,0.25\r\n");
    check_ok(cps_run_reader_open(&run, test_folder));
    check_int(run.history.epochs[0].steps, 2, "steps");
    check_int(run.loss_count, 2, "step losses");
    cps_run_reader_close(&run);
}

/* ---- what no run wrote ---- */

static void broken_histories_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"epoch,train_loss,steps\n", "it has no column 'valid_loss'"},
        {"\n", "it has no column 'epoch'"},
        {HEADER "0,0.5,0.25,1,2\n\n", "line 3 has too few columns"},
        {HEADER "0,0.5,0.25,1\n", "line 2 has too few columns"},
        {HEADER "1,0.5,0.25,1,2\n", "line 2 is not the next epoch's"},
        {HEADER "0,0.5,0.25,1,2\n0,0.5,0.25,1,4\n", "line 3 is not the next epoch's"},
        {HEADER "0,0.5,0.25,1,2\n1,0.5,0.25,1,1\n", "line 3 is not the next epoch's"},
        {HEADER "0,,0.25,1,2\n", "line 2 is not the next epoch's"},
        {HEADER "0,0.5x,0.25,1,2\n", "line 2 is not the next epoch's"},
        {HEADER "0,0.5,none,1,2\n", "line 2 is not the next epoch's"},
        {HEADER "0,1e999,0.25,1,2\n", "line 2 is not the next epoch's"},
        {HEADER "0,0.5,0.25,1,-2\n", "line 2 is not the next epoch's"},
        {HEADER "0,0.5,0.25,1,99999999999999999999\n", "line 2 is not the next epoch's"},
        {HEADER "18446744073709551616,0.5,0.25,1,2\n", "line 2 is not the next epoch's"},
        {HEADER " 0,0.5,0.25,1,2\n", "line 2 is not the next epoch's"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_run_reader run;
        write_run(cases[i].text, STEPS);
        check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA, cases[i].sentence);
        assert_contains(cps_error_text(), "/history.csv' is broken: ");
        assert_null(strchr(cps_error_text(), '\n'));
    }
}

static void broken_steps_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"step,lr,mom\n", "it has no column 'loss'"},
        {STEPS "0,0.1,0.9\n", "line 2 has too few columns"},
        {STEPS "1,0.1,0.9,0.5\n", "line 2 is not the next step's"},
        {STEPS "0,0.1,0.9,0.5\n2,0.1,0.9,0.5\n", "line 3 is not the next step's"},
        {STEPS "0,0.1,0.9,\n", "line 2 is not the next step's"},
        {STEPS "0,0.1,0.9,NaN\n", "line 2 is not the next step's"},
        {STEPS "-0,0.1,0.9,0.5\n", "line 2 is not the next step's"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_run_reader run;
        write_run(HEADER, cases[i].text);
        check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA, cases[i].sentence);
        assert_contains(cps_error_text(), "/steps.csv' is broken: ");
    }
}

static void broken_events_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"loss 0.5\n", "line 1 is no event"},
        {"{\"name\": \"step/loss\", \"value\": 1}\n", "line 1 is not the next step's"},
        {"{\"name\": \"step/loss\", \"step\": 0}\n", "line 1 is not the next step's"},
        {"{\"name\": \"step/loss\", \"step\": \"0\", \"value\": 1}\n", "line 1 is not the next step's"},
        {"{\"name\": \"step/loss\", \"step\": 0.0, \"value\": 1}\n", "line 1 is not the next step's"},
        {"{\"name\": \"step/loss\", \"step\": -1, \"value\": 1}\n", "line 1 is not the next step's"},
        {"{\"name\": \"step/loss\", \"step\": 0, \"value\": \"1\"}\n", "line 1 is not the next step's"},
        {"{\"name\": \"step/loss\", \"step\": 0, \"value\": 1e999}\n", "line 1 is no event"},
        {"{\"name\": \"step/loss\", \"step\": 9223372036854775808, \"value\": 1}\n", "line 1 is no event"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_run_reader run = {0};
        check_fails(cps_run_losses_metrics(&run, "m", cases[i].text, strlen(cases[i].text)), CPS_ERR_DATA,
                    cases[i].sentence);
        cps_run_reader_close(&run);
    }
}

static void lines_without_end_and_bytes_of_no_text_are_refused(void **state)
{
    (void)state;
    static char text[4096];
    struct cps_run_reader run = {0};
    memset(text, '7', sizeof text);
    text[sizeof text - 1] = '\n';
    check_fails(cps_run_losses_history(&run, "h", text, sizeof text), CPS_ERR_DATA, "line 1 is too long");
    check_fails(cps_run_losses_steps(&run, "s", "step\0loss\n", 10), CPS_ERR_DATA,
                "line 1 is too long, or no text");
    check_fails(cps_run_losses_metrics(&run, "m", "{}\n\0\n", 5), CPS_ERR_DATA,
                "line 2 is too long, or no text");
    cps_run_reader_close(&run);
}

static void broken_records_are_refused(void **state)
{
    (void)state;
#define STATE "\"state\": \"done\", "
#define VERSION "\"versions\": {\"collab-ps\": \"1\"}, "
#define START "{" STATE VERSION "\"options\": {}, "
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "is broken: line 1: "},
        {"\x7f"
         "ELF\xff\xfe",
         "is broken: line 1: "},
        {"{\n\"state\": 1e999}", "is broken: line 2: "},
        {"{\n\n\"state\": 99999999999999999999}", "is broken: line 3: "},
        {"{\"state\": \"a\", \"state\": \"b\"}", "is broken: line 1: duplicate"},
        {"{} {}", "is broken: line 1: "},
        {"[]", "is no record of collab-ps"},
        {"{}", "is no record of collab-ps: it lacks its state, options or version"},
        {"{" VERSION "\"options\": {}}", "it lacks its state"},
        {"{" STATE "\"options\": {}}", "it lacks its state, options or version"},
        {"{" STATE VERSION "\"options\": []}", "it lacks its state, options"},
        {"{" STATE "\"versions\": [], \"options\": {}}", "'versions' is no object"},
        {"{\"state\": 7, " VERSION "\"options\": {}}", "'state' is no text"},
        {START "\"format\": 2}", "was written by collab-ps 1, in a format that is not known here"},
        {"{\"format\": \"1\"}", "was written by collab-ps of another version, in a format"},
        {START "\"data\": {\"fingerprint\": 7}}", "'data.fingerprint' is no text"},
        {START "\"data\": \"ml-100k\"}", "'data' is no object"},
        {START "\"result\": {\"model_sha256\": []}}", "'result.model_sha256' is no text"},
        {START "\"result\": {\"curve_sha256\": true}}", "'result.curve_sha256' is no text"},
        {START "\"command\": {\"folder\": 0}}", "'command.folder' is no text"},
        {START "\"inputs\": {}}", "'inputs' is no list"},
        {START "\"inputs\": [7]}", "'inputs' holds something that is no file"},
        {START "\"inputs\": [{\"option\": \"init\", \"path\": \"a\", \"bytes\": -1, \"sha256\": \"" SHA "\"}]}",
         "'inputs' holds something"},
        {START "\"inputs\": [{\"option\": \"init\", \"path\": \"a\", \"bytes\": 1, \"sha256\": \"00\"}]}",
         "'inputs' holds something"},
        {START "\"inputs\": [{\"option\": \"init\", \"bytes\": 1, \"sha256\": \"" SHA "\"}]}",
         "'inputs' holds something"},
        {"{" STATE VERSION "\"options\": {\"wd\": 0.1}}", "option 'wd' lacks its value or source"},
        {"{" STATE VERSION "\"options\": {\"wd\": {\"value\": 0.1, \"source\": \"default\"}}}",
         "option 'wd' lacks"},
        {"{" STATE VERSION "\"options\": {\"wd\": {\"value\": \"0.1\"}}}", "option 'wd' lacks"},
        {"{" STATE VERSION "\"options\": {\"wd\": {\"value\": \"0.1\", \"source\": null}}}",
         "option 'wd' lacks"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct cps_run_reader run;
        write_text("run.json", cases[i].text);
        check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA, cases[i].sentence);
        assert_contains(cps_error_text(), "/run.json' ");
        assert_null(strchr(cps_error_text(), '\n'));
    }
}

/* A million brackets deep, a name of a megabyte: refused or read, never a crash. */
static void outsize_records_are_survived(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20 };
    char *text = malloc(BYTES);
    struct cps_run_reader run = {.path = "run.json"};
    memset(text, '[', BYTES);
    check_fails(cps_run_reader_parse(&run, text, BYTES), CPS_ERR_DATA, "'run.json' is broken: line 1");
    cps_run_reader_close(&run);
    memset(text, 'a', BYTES);
    memcpy(text, "{\"state\": \"", 11);
    static const char end[] = "\", \"options\": {\"x\": {}}, \"versions\": {\"collab-ps\": \"1\"}}";
    memcpy(text + BYTES - sizeof end, end, sizeof end);
    check_fails(cps_run_reader_parse(&run, text, BYTES - 1), CPS_ERR_DATA, "option 'x' lacks");
    cps_run_reader_close(&run);
    free(text);
}

/* ---- folders ---- */

static void what_is_no_run_folder_is_named(void **state)
{
    (void)state;
    char deep[5000];
    struct cps_run_reader run;
    check_fails(cps_run_reader_open(&run, in_folder("absent")), CPS_ERR_DATA, "/absent': No such file");
    check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA, "it holds no 'run.json'");
    write_text("file", "");
    check_fails(cps_run_reader_open(&run, in_folder("file")), CPS_ERR_DATA, "is not a run folder, but a file");
    assert_int_equal(symlink("absent", in_folder("link")), 0);
    check_fails(cps_run_reader_open(&run, in_folder("link")), CPS_ERR_DATA, "/link': No such file");
    memset(deep, 'd', sizeof deep);
    deep[4090] = '\0';
    check_fails(cps_run_reader_open(&run, deep), CPS_ERR_DATA, "its path is too long");
}

static void what_is_no_file_is_named(void **state)
{
    (void)state;
    struct cps_run_reader run;
    assert_int_equal(mkdir(in_folder("run.json"), 0777), 0);
    check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA, "/run.json': it is a folder");
    assert_int_equal(rmdir(in_folder("run.json")), 0);
    write_text("run.json", RECORD);
    assert_int_equal(mkfifo(in_folder("history.csv"), 0666), 0);
    check_fails(cps_run_reader_open(&run, test_folder), CPS_ERR_DATA, "/history.csv': not a regular file");
}

#define in_a_folder(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_folder(whole_run_is_read),
        in_a_folder(written_by_the_recorder_reads_back),
        in_a_folder(files_that_are_not_there_count_as_empty),
        in_a_folder(a_record_of_the_first_runs_is_read),
        in_a_folder(steps_come_from_events_where_there_is_no_log),
        cmocka_unit_test(cut_anywhere_keeps_whole_lines),
        cmocka_unit_test(cut_record_is_refused),
        in_a_folder(carriage_returns_are_let_pass),
        in_a_folder(broken_histories_are_refused),
        in_a_folder(broken_steps_are_refused),
        cmocka_unit_test(broken_events_are_refused),
        cmocka_unit_test(lines_without_end_and_bytes_of_no_text_are_refused),
        in_a_folder(broken_records_are_refused),
        cmocka_unit_test(outsize_records_are_survived),
        in_a_folder(what_is_no_run_folder_is_named),
        in_a_folder(what_is_no_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
