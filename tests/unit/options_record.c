/* The record of the effective options, and the texts made from the option table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/options/command.h"
#include "common/options/pages.h"
#include "common/options/table.h"

enum { WORDS = 24 };

static void parse(char **argv, struct cps_options *out)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    if (cps_options_parse(argc, argv, NULL, out) != CPS_OK)
        fail_msg("%s", cps_error_text());
}

static char *const lines[][WORDS] = {
    {"collab-ps", NULL},
    {"collab-ps", "--data", " a path # with \"signs\"\n", "--y-range", "0.1,5.5", "--lr-max",
     "0.30000000000000004", "--wd", "0", "--valid-pct", "0.1", "--seed", "18446744073709551615", "--log-steps",
     "--peer-timeout", "0.25", NULL},
    {"collab-ps", "--y-range=-1e-3,3e7", "--wd-bias=.05", "--servers", "3", "--workers", "4", "--port", "5000",
     "--isa", "scalar", "--transport", "ipc", "--log-level", "debug", "--schedule", "constant", NULL},
    {"collab-ps", "--train", "a", "--valid", "b", "--batch-order", "c", "--init", "d", "--optimizer", "adagrad",
     "--y-range", "none", NULL},
    {"collab-ps", "synth", "--out", "x", "--ratings", "10000000000", "--users", "200000", "--items", "100000",
     NULL},
};

/* Writing, reading and writing again gives the same bytes, sources included. */
static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct cps_options first, second;
        struct cps_text once = {0}, twice = {0};
        parse((char **)(uintptr_t)lines[i], &first);
        assert_int_equal(cps_options_write(&first, &once), CPS_OK);
        if (cps_options_read(once.data, once.length, &second) != CPS_OK)
            fail_msg("%s", cps_error_text());
        assert_int_equal(cps_options_write(&second, &twice), CPS_OK);
        assert_string_equal(once.data, twice.data);
        assert_memory_equal(first.sources, second.sources, sizeof first.sources);
        assert_int_equal(first.command, second.command);
        assert_true(first.lr_max == second.lr_max && first.seed == second.seed);
        assert_true(first.y_range.lo == second.y_range.lo && first.y_range.hi == second.y_range.hi);
        assert_string_equal(first.data ? first.data : "-", second.data ? second.data : "-");
        cps_text_release(&once);
        cps_text_release(&twice);
        cps_options_release(&first);
        cps_options_release(&second);
    }
}

/* A record written before an option existed leaves it at its default. */
static void test_missing_has_default(void **state)
{
    static const char record[] = "#: command train\n#: source environment\nfactors = 7\n";
    struct cps_options o;
    (void)state;
    assert_int_equal(cps_options_read(record, sizeof record - 1, &o), CPS_OK);
    assert_int_equal(o.factors, 7);
    assert_int_equal(o.epochs, 5);
    assert_int_equal(cps_options_source(&o, "factors"), CPS_SOURCE_ENVIRONMENT);
    assert_int_equal(cps_options_source(&o, "epochs"), CPS_SOURCE_DEFAULT);
    cps_options_release(&o);
}

static void test_record_refusals(void **state)
{
    static const char *const records[] = {
        "#: command fly\n", "#: source nowhere\n", "epochs = 0\n", "unheard = 3\n", "help = on\n", "epochs\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct cps_options o;
        assert_int_equal(cps_options_read(records[i], strlen(records[i]), &o), CPS_ERR_USAGE);
    }
}

static const char *expected_value(const char *name)
{
    static const char *const values[][2] = {
        {"seed", "7"}, {"wd-bias", "same"}, {"peer-timeout", "60"}, {"lr-max", "0.005"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(name, values[i][0]) == 0)
            return values[i][1];
    return NULL;
}

static enum cps_status count_visit(void *context, const struct cps_option_view *option)
{
    size_t *counts = context;
    counts[0]++;
    if (expected_value(option->name))
        assert_string_equal(option->value, expected_value(option->name));
    if (strcmp(option->name, "seed") == 0) {
        assert_string_equal(option->group, "Training");
        assert_string_equal(option->source, "command line");
    }
    if (strcmp(option->name, "data") == 0)
        assert_null(option->value);
    counts[1] += strcmp(option->source, "default") == 0;
    return CPS_OK;
}

/* One flag in the table: all of data, model and training, and what a worker may see of others' steps. */
static enum cps_status check_decides(void *context, const struct cps_option_view *option)
{
    size_t *deciding = context;
    bool by_group = strcmp(option->group, "Data") == 0 || strcmp(option->group, "Model") == 0 ||
                    strcmp(option->group, "Training") == 0;
    by_group = by_group && strcmp(option->name, "recipe") != 0; /* its values decide, each for itself */
    bool wanted =
        by_group || strcmp(option->name, "consistency") == 0 || strcmp(option->name, "staleness") == 0;
    if (option->decides_curve != wanted)
        fail_msg("'%s' %s the curve", option->name, option->decides_curve ? "decides" : "does not decide");
    *deciding += option->decides_curve;
    return CPS_OK;
}

static void test_what_decides_the_curve(void **state)
{
    char *argv[] = {"collab-ps", NULL};
    struct cps_options o;
    size_t deciding = 0;
    (void)state;
    parse(argv, &o);
    assert_int_equal(cps_options_each(&o, check_decides, &deciding), CPS_OK);
    assert_true(deciding > 20);
    cps_options_release(&o);
}

static void test_each(void **state)
{
    char *argv[] = {"collab-ps", "--seed", "7", NULL};
    struct cps_options o;
    size_t counts[2] = {0};
    (void)state;
    parse(argv, &o);
    assert_int_equal(cps_options_each(&o, count_visit, counts), CPS_OK);
    assert_true(counts[0] > 30);
    assert_int_equal(counts[0] - counts[1], 1);
    cps_options_release(&o);
}

/* Every default is a value that its own option accepts, every name is found again and
 * is the nearest to itself with a letter lost. */
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        char typo[64];
        assert_ptr_equal(cps_option_find(option->name, strlen(option->name), option->commands), option);
        snprintf(typo, sizeof typo, "%s%s", option->name, "x");
        assert_non_null(cps_option_nearest(typo, option->commands));
        assert_non_null(option->help);
        assert_true(option->help[strlen(option->help) - 1] != '.');
    }
}

static void assert_page_names_options(const char *page, unsigned commands)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "--%s", cps_option_table[i].name);
        bool hidden = cps_option_table[i].hidden;
        if ((cps_option_table[i].commands & commands) && !hidden == !strstr(page, name))
            fail_msg("'%s' is %s", name, hidden ? "named, though it is not available" : "missing");
    }
}

static const struct cps_page_option compare_options[] = {{"by", "NAME", "split by it", "ranks isa"},
                                                         {"quiet", NULL, "print no table", NULL},
                                                         {NULL, NULL, NULL, NULL}};
static const struct cps_page_script scripts[] = {
    {CPS_COMMAND_COMPARE, "[NAME=]RUN...", "what to compare", NULL, compare_options}, {.operand = NULL}};

static void check_page(enum cps_help_page page, enum cps_command command, unsigned commands)
{
    struct cps_text text = {0};
    assert_int_equal(cps_options_help(page, command, scripts, &text), CPS_OK);
    assert_page_names_options(text.data, commands);
    assert_non_null(strstr(text.data, "Exit codes:"));
    for (const char *line = text.data; *line;) {
        size_t length = strcspn(line, "\n");
        if (length > 96)
            fail_msg("too long: %.*s", (int)length, line);
        assert_true(length == 0 || line[length - 1] != ' ');
        line += length + (line[length] == '\n');
    }
    cps_text_release(&text);
}

static void test_help(void **state)
{
    (void)state;
    check_page(CPS_HELP_ALL, CPS_COMMAND_TRAIN, CPS_FOR_ALL);
    for (int command = 0; command < CPS_COMMAND_COUNT; command++) {
        assert_non_null(cps_command_table[command].summary);
        check_page(CPS_HELP_COMMAND, (enum cps_command)command, 1u << command);
    }
}

static void test_manual_and_completion(void **state)
{
    struct cps_text manual = {0}, completion = {0};
    (void)state;
    assert_int_equal(cps_options_help(CPS_HELP_MAN, CPS_COMMAND_TRAIN, scripts, &manual), CPS_OK);
    assert_non_null(strstr(manual.data, ".SH OPTIONS"));
    assert_non_null(strstr(manual.data, "\\-\\-lr\\-max RATE"));
    assert_non_null(strstr(manual.data, ".SS Of compare\n.TP\n.B [NAME=]RUN...\nwhat to compare\n"
                                        ".TP\n.B \\-\\-by NAME\nsplit by it\n.TP\n.B \\-\\-quiet\n"));
    assert_int_equal(cps_options_help(CPS_HELP_COMPLETION, CPS_COMMAND_TRAIN, scripts, &completion), CPS_OK);
    assert_non_null(strstr(completion.data, "--no-log-steps"));
    assert_non_null(
        strstr(completion.data, "--by) COMPREPLY=($(compgen -W 'ranks isa' -- \"$word\")); return ;;"));
    assert_non_null(
        strstr(completion.data, "${COMP_WORDS[1]} == compare ]] && { _collab_ps_compare; return; }"));
    assert_non_null(strstr(completion.data, "--save-every"));
    cps_text_release(&manual);
    cps_text_release(&completion);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_record_refusals),
        cmocka_unit_test(test_missing_has_default),
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_what_decides_the_curve),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_manual_and_completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
