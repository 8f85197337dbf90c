/* The run folder: made, refused, locked, cleared, and left as it was found. */
#include "common/store/run_folder.h"

#include <sys/stat.h>

#include "tests/unit/store_files.h"

#define NOW ((time_t)1700000000)

static void touch(const char *name)
{
    write_bytes(in_folder(name), "x", 1);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void default_name_has_time_and_run(void **state)
{
    (void)state;
    char here[512];
    struct cps_run_folder folder;
    struct tm local;
    char expected[64];
    time_t now = NOW;
    localtime_r(&now, &local);
    strftime(expected, sizeof expected, "runs/%Y%m%d-%H%M%S-0bcdef", &local);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(test_folder), 0);
    assert_int_equal(cps_run_folder_open(&folder, NULL, false, NOW, 0x123456780bcdef), CPS_OK);
    assert_string_equal(folder.path, expected);
    assert_true(exists(expected));
    cps_run_folder_close(&folder);
    assert_int_equal(chdir(here), 0);
}

static void unstarted_folder_leaves_nothing(void **state)
{
    (void)state;
    struct cps_run_folder folder;
    assert_int_equal(cps_run_folder_open(&folder, in_folder("new"), false, NOW, 1), CPS_OK);
    assert_int_equal(count_entries(in_folder("new")), 0);
    cps_run_folder_close(&folder);
    assert_false(exists(in_folder("new")));
    assert_int_equal(cps_run_folder_open(&folder, in_folder("new"), false, NOW, 1), CPS_OK);
    assert_int_equal(cps_run_folder_start(&folder), CPS_OK);
    cps_run_folder_close(&folder);
    assert_true(exists(in_folder("new")));
}

static void former_run_is_replaced_at_the_start(void **state)
{
    (void)state;
    static const char *const files[] = {"run.json",   "history.csv",     "model.safetensors",
                                        "movies.tsv", "run.json.12.tmp", "steps.csv"};
    struct cps_run_folder folder;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        touch(files[i]);
    mkdir(in_folder("checkpoints"), 0777);
    touch("checkpoints/kept");
    assert_int_equal(cps_run_folder_open(&folder, test_folder, true, NOW, 1), CPS_OK);
    assert_int_equal(count_entries(test_folder), 7);
    assert_int_equal(cps_run_folder_start(&folder), CPS_OK);
    assert_int_equal(count_entries(test_folder), 1);
    assert_true(exists(in_folder("checkpoints/kept")));
    cps_run_folder_close(&folder);
}

static void former_run_is_kept_unless_told(void **state)
{
    (void)state;
    struct cps_run_folder folder;
    touch("run.json");
    touch("model.safetensors");
    assert_int_equal(cps_run_folder_open(&folder, test_folder, false, NOW, 1), CPS_ERR_USAGE);
    assert_contains(cps_error_text(), "already holds a run");
    assert_contains(cps_error_hint(), "--overwrite");
    assert_int_equal(count_entries(test_folder), 2);
    touch("thesis.tex"); /* --overwrite deletes runs, not foreign files */
    assert_int_equal(cps_run_folder_open(&folder, test_folder, true, NOW, 1), CPS_ERR_STORAGE);
    assert_int_equal(count_entries(test_folder), 3);
}

static void leftovers_of_a_killed_start_are_no_obstacle(void **state)
{
    (void)state;
    struct cps_run_folder folder;
    touch("run.json.4711.tmp");
    mkdir(in_folder("checkpoints"), 0777);
    assert_int_equal(cps_run_folder_open(&folder, test_folder, false, NOW, 1), CPS_OK);
    cps_run_folder_close(&folder);
}

static void folders_of_others_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *cause;
    } cases[] = {
        {"thesis.tex", "it holds 'thesis.tex'"},
        {"run.json.bak", "it holds 'run.json.bak'"},
        {"run.json..tmp", "it holds 'run.json..tmp'"},
        {"model.safetensors", "it holds files but no 'run.json'"},
        {".hidden", "it holds '.hidden'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_run_folder folder;
        touch(cases[i].name);
        assert_int_equal(cps_run_folder_open(&folder, test_folder, false, NOW, 1), CPS_ERR_STORAGE);
        assert_contains(cps_error_text(), test_folder);
        assert_contains(cps_error_text(), cases[i].cause);
        assert_contains(cps_error_hint(), "--out");
        assert_int_equal(count_entries(test_folder), 1);
        unlink(in_folder(cases[i].name));
    }
}

static void two_runs_do_not_share_a_folder(void **state)
{
    (void)state;
    struct cps_run_folder first, second;
    assert_int_equal(cps_run_folder_open(&first, test_folder, false, NOW, 1), CPS_OK);
    assert_int_equal(cps_run_folder_open(&second, test_folder, false, NOW, 2), CPS_ERR_STORAGE);
    assert_contains(cps_error_text(), "another run is writing to");
    cps_run_folder_close(&first);
    assert_int_equal(cps_run_folder_open(&second, test_folder, false, NOW, 2), CPS_OK);
    cps_run_folder_close(&second);
}

static void unusable_places_are_refused(void **state)
{
    (void)state;
    char long_name[5000];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    touch("file");
    const char *const cases[] = {in_folder("file"), in_folder("file/below"), "/proc/collab-ps", "", long_name};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cps_run_folder folder;
        assert_int_equal(cps_run_folder_open(&folder, cases[i], false, NOW, 1), CPS_ERR_STORAGE);
        assert_int_equal(folder.lock, -1);
        assert_null(strchr(cps_error_text(), '\n'));
    }
}

#define each(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        each(default_name_has_time_and_run),
        each(unstarted_folder_leaves_nothing),
        each(former_run_is_replaced_at_the_start),
        each(former_run_is_kept_unless_told),
        each(leftovers_of_a_killed_start_are_no_obstacle),
        each(folders_of_others_are_refused),
        each(two_runs_do_not_share_a_folder),
        each(unusable_places_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
