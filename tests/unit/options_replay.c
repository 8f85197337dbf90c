/* The options of a replay: what is taken from the record, what stays, what is said to differ. */
#include <math.h>

#include "common/options/options.h"
#include "tests/unit/check.h"

enum { WORDS = 16 };

/* One replay: a command line and an environment against a record. */
struct replay {
    struct cps_options options;
    struct cps_text differing;
    bool other_data;
};

static void parse(struct replay *self, char *const *argv, char *const *envp)
{
    char *words[WORDS] = {(char *)"collab-ps", (char *)"replay", (char *)"run"};
    int argc = 3;
    while (argv && *argv)
        words[argc++] = *argv++;
    *self = (struct replay){.other_data = true};
    check_ok(cps_options_parse(argc, words, (char **)(uintptr_t)envp, &self->options));
}

static enum cps_status adopt(struct replay *self, const struct cps_option_setting *settings, size_t count)
{
    return cps_options_adopt(&self->options, "'run.json': ", settings, count, &self->differing,
                             &self->other_data);
}

static void release(struct replay *self)
{
    cps_options_release(&self->options);
    cps_text_release(&self->differing);
}

static const char *differing(const struct replay *self)
{
    return self->differing.data ? self->differing.data : "";
}

static void what_decides_the_curve_is_adopted(void **state)
{
    (void)state;
    static const struct cps_option_setting settings[] = {
        {"train", "a.csv", true},      {"valid", "b.csv", true},     {"item-key", "id", true},
        {"model", "dot", true},        {"y-range", "0.5,5", true},   {"factors", "7", true},
        {"init", "i", true},           {"epochs", "3", true},        {"lr-max", "0.25", true},
        {"wd", "0.5", true},           {"wd-bias", "0", true},       {"batch-size", "9", true},
        {"optimizer", "sgd", true},    {"schedule", "cosine", true}, {"seed", "18446744073709551615", true},
        {"batch-order", "o.npy", true}};
    struct replay replay;
    parse(&replay, NULL, NULL);
    check_ok(adopt(&replay, settings, COUNT_OF(settings)));
    const struct cps_options *o = &replay.options;
    check_int(o->command, CPS_COMMAND_TRAIN, "command");
    assert_string_equal(o->train, "a.csv");
    assert_string_equal(o->valid, "b.csv");
    assert_string_equal(o->init, "i");
    assert_string_equal(o->batch_order, "o.npy");
    check_int(o->item_key, CPS_ITEM_KEY_ID, "item key");
    check_int(o->model, CPS_MODEL_DOT, "model");
    check_int(o->factors, 7, "factors");
    check_int(o->epochs, 3, "epochs");
    check_int(o->batch_size, 9, "batch size");
    check_int(o->optimizer, CPS_OPTIMIZER_SGD, "optimizer");
    check_int(o->schedule, CPS_SCHEDULE_COSINE, "schedule");
    assert_true(o->y_range.lo == 0.5f && o->y_range.hi == 5.0f);
    assert_true(o->lr_max == 0.25 && o->wd == 0.5 && o->wd_bias == 0.0 && o->seed == UINT64_MAX);
    check_int(cps_options_source(o, "wd"), CPS_SOURCE_RECORD, "source of wd");
    assert_string_equal(differing(&replay), "");
    assert_false(replay.other_data);
    release(&replay);
}

/* Ranks, transports, folders and logs are this machine's business. */
static void what_decides_nothing_is_not_adopted(void **state)
{
    (void)state;
    static const struct cps_option_setting settings[] = {
        {"servers", "9", true},       {"workers", "9", true},
        {"transport", "tcp", true},   {"interface", "10.0.0.0/8", true},
        {"encrypt", "off", true},     {"port", "5000", true},
        {"isa", "avx512", true},      {"peer-timeout", "1", true},
        {"load-timeout", "1", true},  {"out", "/home/a/run", true},
        {"progress", "plain", true},  {"log-level", "debug", true},
        {"log-steps", "on", true},    {"config", "/home/a/c", true},
        {"save-every", "5", true},    {"transport", "no such", true},
        {"resume", "/home/a/r", true}};
    struct replay replay;
    parse(&replay, NULL, NULL);
    check_ok(adopt(&replay, settings, COUNT_OF(settings)));
    const struct cps_options *o = &replay.options;
    assert_true(!o->servers && !o->workers && !o->port && !o->log_steps);
    assert_true(!o->interface && !o->out && !o->config);
    check_int(o->transport, CPS_OPTION_TRANSPORT_AUTO, "transport");
    check_int(o->isa, CPS_ISA_AUTO, "isa");
    check_int(o->progress, CPS_PROGRESS_AUTO, "progress");
    assert_true(o->peer_timeout == 60 && o->load_timeout == 3600);
    release(&replay);
}

/* The environment says how this place trains as a rule; a replay wants what was. */
static void the_environment_gives_way_to_the_record(void **state)
{
    (void)state;
    static char *const envp[] = {(char *)"COLLAB_PS_WD=0.5",    (char *)"COLLAB_PS_DATA=here",
                                 (char *)"COLLAB_PS_FACTORS=9", (char *)"COLLAB_PS_SERVERS=2",
                                 (char *)"COLLAB_PS_EPOCHS=99", NULL};
    static const struct cps_option_setting settings[] = {
        {"wd", "0.25", true}, {"data", NULL, false}, {"factors", "50", false}};
    struct replay replay;
    parse(&replay, NULL, envp);
    check_ok(adopt(&replay, settings, COUNT_OF(settings)));
    const struct cps_options *o = &replay.options;
    assert_true(o->wd == 0.25);
    assert_null(o->data);
    check_int(o->factors, 50, "factors, a default then");
    check_int(cps_options_source(o, "factors"), CPS_SOURCE_DEFAULT, "source of factors");
    check_int(o->epochs, 5, "epochs, of which the record says nothing");
    check_int(o->servers, 2, "servers");
    assert_string_equal(differing(&replay), "");
    release(&replay);
}

/* A default of another version is that version's, not this one's. */
static void a_default_of_its_day_is_adopted(void **state)
{
    (void)state;
    static const struct cps_option_setting settings[] = {{"epochs", "3", false},
                                                         {"data", "data/ml-100k", false}};
    struct replay replay;
    parse(&replay, NULL, NULL);
    check_ok(adopt(&replay, settings, COUNT_OF(settings)));
    check_int(replay.options.epochs, 3, "epochs");
    assert_string_equal(replay.options.data, "data/ml-100k");
    check_int(cps_options_source(&replay.options, "epochs"), CPS_SOURCE_DEFAULT, "source of epochs");
    release(&replay);
}

static void the_command_line_stands_above_the_record(void **state)
{
    (void)state;
    static const struct {
        char *argv[6];
        struct cps_option_setting setting;
        const char *said;
        bool other_data;
    } cases[] = {
        {{(char *)"--wd", (char *)"0.2"}, {"wd", "0.1", true}, "--wd: recorded 0.1, now 0.2\n", false},
        {{(char *)"--wd", (char *)"1e-1"}, {"wd", "0.1", false}, "", false},
        {{(char *)"--seed", (char *)"8"}, {"seed", "42", false}, "--seed: recorded 42, now 8\n", true},
        {{(char *)"--init", (char *)"b"}, {"init", "a", true}, "--init: recorded a, now b\n", true},
        {{(char *)"--init", (char *)"b"}, {"init", NULL, false}, "--init: recorded none, now b\n", true},
        {{(char *)"--init", (char *)"a"}, {"init", "a", true}, "", false},
        {{(char *)"--data", (char *)"b"}, {"data", "a", true}, "--data: recorded a, now b\n", true},
        {{(char *)"--valid-pct", (char *)".5"},
         {"valid-pct", "0.2", false},
         "--valid-pct: recorded 0.2, now 0.5\n",
         true},
        {{(char *)"--wd-bias", (char *)"0"},
         {"wd-bias", "same", false},
         "--wd-bias: recorded same, now 0\n",
         false},
        {{(char *)"--y-range", (char *)"none"},
         {"y-range", "0,5.5", true},
         "--y-range: recorded 0,5.5, now none\n",
         false},
        {{(char *)"--servers", (char *)"3"}, {"servers", "2", true}, "", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct replay replay;
        parse(&replay, cases[i].argv, NULL);
        check_ok(adopt(&replay, &cases[i].setting, 1));
        assert_string_equal(differing(&replay), cases[i].said);
        check_int(replay.other_data, cases[i].other_data, "other data, '%s'", cases[i].argv[0]);
        release(&replay);
    }
}

/* '--data' of the command line takes the place of a recorded split, and the other way round. */
static void options_that_exclude_each_other_give_way(void **state)
{
    (void)state;
    static const struct cps_option_setting split[] = {{"train", "a", true}, {"valid", "b", true}};
    static const struct cps_option_setting found[] = {{"data", "data/ml-100k", false}};
    static char *const data[] = {(char *)"--data", (char *)"d", NULL};
    static char *const files[] = {(char *)"--train", (char *)"a", (char *)"--valid", (char *)"b", NULL};
    struct replay replay;
    parse(&replay, data, NULL);
    check_ok(adopt(&replay, split, COUNT_OF(split)));
    assert_string_equal(replay.options.data, "d");
    assert_null(replay.options.train);
    assert_null(replay.options.valid);
    release(&replay);
    parse(&replay, files, NULL);
    check_ok(adopt(&replay, found, COUNT_OF(found)));
    assert_string_equal(replay.options.train, "a");
    assert_null(replay.options.data);
    release(&replay);
}

/* Of an option that is not known here: its default asks for nothing, a value cannot be followed. */
static void options_of_another_version(void **state)
{
    (void)state;
    static const struct cps_option_setting settings[] = {
        {"dropout", "0", false}, {"noise", NULL, false}, {"wd", "0.25", true}};
    static const struct cps_option_setting given = {"dropout", "0.5", true};
    struct replay replay;
    parse(&replay, NULL, NULL);
    check_ok(adopt(&replay, settings, COUNT_OF(settings)));
    assert_string_equal(differing(&replay), "--dropout: recorded 0, its default, now unknown\n"
                                            "--noise: recorded none, its default, now unknown\n");
    assert_true(replay.options.wd == 0.25);
    release(&replay);
    parse(&replay, NULL, NULL);
    check_fails(adopt(&replay, &given, 1), CPS_ERR_DATA,
                "'run.json': the recorded option 'dropout' is unknown to");
    assert_non_null(strstr(cps_error_hint(), "with the version of collab-ps that recorded it"));
    release(&replay);
}

/* What is wrong with the record is the record's fault; what does not go together with the command line is its.
 */
static void settings_that_cannot_be_followed(void **state)
{
    (void)state;
    static const struct {
        char *argv[6];
        struct cps_option_setting setting;
        enum cps_status status;
        const char *sentence;
    } cases[] = {
        {{NULL}, {"epochs", "0", true}, CPS_ERR_DATA, "'run.json': "},
        {{NULL}, {"epochs", "many", true}, CPS_ERR_DATA, "'many'"},
        {{NULL}, {"lr-max", "1e999", true}, CPS_ERR_DATA, "'1e999'"},
        {{NULL}, {"model", "tree", true}, CPS_ERR_DATA, "'tree'"},
        {{NULL}, {"data", "", true}, CPS_ERR_DATA, "'run.json': "},
        {{NULL}, {"consistency", "asp", true}, CPS_ERR_DATA, "'asp' for 'consistency' is not available yet"},
        {{NULL}, {"", "1", true}, CPS_ERR_DATA, "option '' is unknown"},
        {{(char *)"--lr-max", (char *)"10"},
         {"wd", "0.5", true},
         CPS_ERR_USAGE,
         "'--lr-max' 10 times '--wd' 0.5"},
        {{(char *)"--train", (char *)"a", (char *)"--valid", (char *)"b"},
         {"valid-pct", "0.5", true},
         CPS_OK,
         ""},
        {{NULL}, {"batch-order", "o", true}, CPS_ERR_USAGE, "'--batch-order' needs '--train'"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct replay replay;
        parse(&replay, cases[i].argv, NULL);
        check_fails(adopt(&replay, &cases[i].setting, 1), cases[i].status, cases[i].sentence);
        assert_null(strchr(cps_error_text(), '\n'));
        release(&replay);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_decides_the_curve_is_adopted),
        cmocka_unit_test(what_decides_nothing_is_not_adopted),
        cmocka_unit_test(the_environment_gives_way_to_the_record),
        cmocka_unit_test(a_default_of_its_day_is_adopted),
        cmocka_unit_test(the_command_line_stands_above_the_record),
        cmocka_unit_test(options_that_exclude_each_other_give_way),
        cmocka_unit_test(options_of_another_version),
        cmocka_unit_test(settings_that_cannot_be_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
