/* The command line, environment and option files: what is read, what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/options/options.h"
#include "common/options/value.h"

enum { WORDS = 32 };

/* Splits a copy of text at spaces into a list that ends with NULL. */
static char *split(const char *text, char **words)
{
    char *copy = strdup(text ? text : ""), *rest = copy;
    size_t count = 0;
    for (char *word; (word = strsep(&rest, " "));) {
        assert_true(count < WORDS - 1);
        if (*word)
            words[count++] = word;
    }
    words[count] = NULL;
    return copy;
}

static enum cps_status parse(const char *arguments, const char *environment, struct cps_options *out)
{
    char *argv[WORDS], *envp[WORDS], line[512];
    snprintf(line, sizeof line, "collab-ps %s", arguments);
    char *words = split(line, argv), *variables = split(environment, envp);
    int argc = 0;
    while (argv[argc])
        argc++;
    enum cps_status status = cps_options_parse(argc, argv, envp, out);
    free(words);
    free(variables);
    return status;
}

static void parse_well(const char *arguments, const char *environment, struct cps_options *out)
{
    if (parse(arguments, environment, out) != CPS_OK)
        fail_msg("'%s' with '%s': %s", arguments, environment ? environment : "", cps_error_text());
}

static void test_defaults(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well("", NULL, &o);
    assert_int_equal(o.command, CPS_COMMAND_TRAIN);
    assert_null(o.data);
    assert_null(o.out);
    assert_int_equal(o.item_key, CPS_ITEM_KEY_AUTO);
    assert_true(o.valid_pct == 0.2 && o.lr_max == 5e-3 && o.wd == 0.1 && isnan(o.wd_bias));
    assert_int_equal(o.model, CPS_MODEL_BIAS);
    assert_int_equal(o.y_range.kind, CPS_Y_RANGE_AUTO);
    assert_int_equal(o.factors, 50);
    assert_int_equal(o.epochs, 5);
    assert_int_equal(o.batch_size, 64);
    assert_int_equal(o.optimizer, CPS_OPTIMIZER_ADAM);
    assert_int_equal(o.schedule, CPS_SCHEDULE_ONE_CYCLE);
    assert_int_equal(o.seed, 42);
    assert_int_equal(o.servers, 0);
    assert_int_equal(o.workers, 0);
    assert_int_equal(o.port, 0);
    assert_true(o.peer_timeout == 60 && o.load_timeout == 3600);
    assert_int_equal(o.log_level, CPS_LOG_INFO);
    assert_false(o.log_steps);
    assert_null(o.warnings.data);
    cps_options_release(&o);
}

static void test_typed_values(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well("train --data=a=b --item-key title --valid-pct 0 --model=dot --y-range -1,1.5 --factors 8 "
               "--lr-max 1e-2 --wd-bias .05 --seed 18446744073709551615 --isa avx512 --servers auto",
               NULL, &o);
    assert_string_equal(o.data, "a=b");
    assert_int_equal(o.item_key, CPS_ITEM_KEY_TITLE);
    assert_true(o.valid_pct == 0 && o.lr_max == 0.01 && o.wd_bias == 0.05);
    assert_int_equal(o.model, CPS_MODEL_DOT);
    assert_int_equal(o.y_range.kind, CPS_Y_RANGE_GIVEN);
    assert_true(o.y_range.lo == -1.0f && o.y_range.hi == 1.5f);
    assert_int_equal(o.factors, 8);
    assert_true(o.seed == UINT64_MAX);
    assert_int_equal(o.isa, CPS_ISA_AVX512);
    assert_int_equal(cps_options_source(&o, "seed"), CPS_SOURCE_COMMAND_LINE);
    assert_int_equal(cps_options_source(&o, "epochs"), CPS_SOURCE_DEFAULT);
    cps_options_release(&o);
}

static void test_flags_and_repeats(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well("--log-steps --epochs 3 --epochs 4", NULL, &o);
    assert_true(o.log_steps);
    assert_int_equal(o.epochs, 4);
    cps_options_release(&o);
    parse_well("--log-steps --no-log-steps --data a --data b", NULL, &o);
    assert_false(o.log_steps);
    assert_string_equal(o.data, "b");
    cps_options_release(&o);
}

static void test_commands(void **state)
{
    static const struct {
        const char *arguments;
        enum cps_command command;
        enum cps_help_page page;
        enum cps_command about; /* of CPS_HELP_COMMAND */
    } cases[] = {
        {"help", CPS_COMMAND_HELP, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"--help", CPS_COMMAND_HELP, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"--epochs 3 -h", CPS_COMMAND_HELP, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"--epochs many --help", CPS_COMMAND_HELP, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"train --help", CPS_COMMAND_HELP, CPS_HELP_COMMAND, CPS_COMMAND_TRAIN},
        {"synth --help", CPS_COMMAND_HELP, CPS_HELP_COMMAND, CPS_COMMAND_SYNTH},
        {"help synth", CPS_COMMAND_HELP, CPS_HELP_COMMAND, CPS_COMMAND_SYNTH},
        {"replay runs/a -h", CPS_COMMAND_HELP, CPS_HELP_COMMAND, CPS_COMMAND_REPLAY},
        {"help help", CPS_COMMAND_HELP, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"help --man", CPS_COMMAND_HELP, CPS_HELP_MAN, CPS_COMMAND_TRAIN},
        {"help --completion", CPS_COMMAND_HELP, CPS_HELP_COMPLETION, CPS_COMMAND_TRAIN},
        {"version", CPS_COMMAND_VERSION, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"--version", CPS_COMMAND_VERSION, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
        {"-V", CPS_COMMAND_VERSION, CPS_HELP_ALL, CPS_COMMAND_TRAIN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cps_options o;
        parse_well(cases[i].arguments, "COLLAB_PS_EPOCHS=many", &o);
        assert_int_equal(o.command, cases[i].command);
        assert_int_equal(o.help_page, cases[i].page);
        assert_int_equal(o.help_command, cases[i].about);
        cps_options_release(&o);
    }
}

/* What goes to a script is passed on as it stands, even what is an option here. */
static void test_scripts(void **state)
{
    static const struct {
        const char *arguments;
        enum cps_command command;
        const char *passed[4];
    } cases[] = {
        {"compare", CPS_COMMAND_COMPARE, {NULL}},
        {"compare runs/a --out x", CPS_COMMAND_COMPARE, {"runs/a", "--out", "x", NULL}},
        {"compare --help", CPS_COMMAND_COMPARE, {"--help", NULL}},
        {"experiment notebook --version", CPS_COMMAND_EXPERIMENT, {"notebook", "--version", NULL}},
        {"help compare", CPS_COMMAND_COMPARE, {"--help", NULL}},
        {"help experiment", CPS_COMMAND_EXPERIMENT, {"--help", NULL}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *argv[WORDS], line[200];
        struct cps_options o;
        snprintf(line, sizeof line, "collab-ps %s", cases[i].arguments);
        char *words = split(line, argv);
        assert_int_equal(cps_options_parse(3, argv, NULL, &o), CPS_OK);
        assert_int_equal(o.command, cases[i].command);
        size_t told = 0;
        for (; cases[i].passed[told]; told++)
            assert_string_equal(o.arguments[told], cases[i].passed[told]);
        assert_null(o.arguments[told]);
        cps_options_release(&o);
        free(words);
    }
}

static void test_synth(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well("synth --users 138000 --items 27000 --ratings 20000000 --out big", "COLLAB_PS_FACTORS=x", &o);
    assert_int_equal(o.command, CPS_COMMAND_SYNTH);
    assert_int_equal(o.users, 138000);
    assert_int_equal(o.movies, 27000);
    assert_int_equal(o.ratings, 20000000);
    assert_int_equal(o.seed, 42);
    assert_string_equal(o.out, "big");
    cps_options_release(&o);
}

struct refusal {
    const char *arguments, *environment;
    const char *text, *hint; /* parts of the sentence and of its hint; NULL: no hint */
};

static const struct refusal refusals[] = {
    /* names */
    {"--epoch 3", NULL, "unknown option '--epoch'", "did you mean '--epochs'?"},
    {"--batch_size=3", NULL, "unknown option '--batch_size'", "'--batch-size'"},
    {"--batch 3", NULL, "unknown option '--batch'", "'--batch-"},
    {"--lrmax 3", NULL, "unknown option '--lrmax'", "'--lr-max'"},
    {"--no-epochs", NULL, "unknown option '--no-epochs'", ""},
    {"--zzzzzzzz", NULL, "unknown option '--zzzzzzzz'", "help train"},
    {"synth --user 3 --out a", NULL, "'--user' is not an option of 'synth'", "did you mean '--users'?"},
    {"similar runs/a --users 3", NULL, "'--users' is not an option of 'similar'", "collab-ps synth"},
    {"similar runs/a", NULL, "'collab-ps similar' needs '--movie TITLE'", "help similar"},
    {"similar --movie x", NULL, "'collab-ps similar' needs the folder of a run", "it goes first"},
    {"predict runs/a --user 3", NULL, "needs '--user ID --movie TITLE' or '--pairs FILE'", ""},
    {"predict runs/a --user 3 --pairs x", NULL, "'--pairs' excludes", NULL},
    {"recommend runs/a --all --user 3", NULL, "exclude each other", NULL},
    {"recommend runs/a -k", NULL, "'-k' needs a value", NULL},
    {"recommend runs/a --all -k 0", NULL, "from 1 to 1000000", NULL},
    {"biases runs/a --json --tsv", NULL, "exclude each other", NULL},
    {"fold-in runs/a", NULL, "needs '--ratings FILE'", ""},
    {"export runs/a --out x", NULL, "needs '--npy', '--tsv' or '--word2vec'", ""},
    {"export runs/a --npy", NULL, "needs '--out DIR'", ""},
    {"--users 3", NULL, "'--users' is not an option of 'train'", "collab-ps synth"},
    {"synth --factors 3", NULL, "'--factors' is not an option of 'synth'", "collab-ps train"},
    {"trian", NULL, "unknown command 'trian'", "did you mean 'train'?"},
    {"data/u.data", NULL, "unknown command 'data/u.data'", "--data data/u.data"},
    {"frobnicate", NULL, "unknown command 'frobnicate'", "the commands are"},
    {"help epochs", NULL, "no help for 'epochs'", ""},
    {"help compare runs", NULL, "unexpected argument 'runs'", NULL},
    {"version 3", NULL, "unexpected argument '3'", NULL},
    {"--seed 3 synth", NULL, "unexpected argument 'synth'", "the command goes first"},
    {"--seed 3 4", NULL, "unexpected argument '4'", "--name VALUE"},
    {"--epochs 3 -seed 4", NULL, "unexpected argument '-seed'", "two dashes: '--seed'"},
    {"--", NULL, "unexpected argument '--'", ""},
    {"-", NULL, "unexpected argument '-'", ""},
    /* form */
    {"--data", NULL, "'--data' needs a value", NULL},
    {"--out --seed 3", NULL, "'--out' needs a value", "'--out=--seed'"},
    {"--data=", NULL, "bad value '' for '--data'", NULL},
    {"--log-steps=on", NULL, "'--log-steps' takes no value", "--no-log-steps"},
    {"--help=x", NULL, "'--help' takes no value", NULL},
    /* values */
    {"--factors 0", NULL, "bad value '0' for '--factors': expected a whole number from 1 to 4096", NULL},
    {"--factors 4097", NULL, "'4097'", NULL},
    {"--factors 5.5", NULL, "'5.5'", NULL},
    {"--factors -3", NULL, "'-3'", NULL},
    {"--batch-size 0", NULL, "'--batch-size'", NULL},
    {"--epochs 0", NULL, "'--epochs'", NULL},
    {"--seed -1", NULL, "from 0 to 18446744073709551615", NULL},
    {"--seed 18446744073709551616", NULL, "'--seed'", NULL},
    {"--seed x", NULL, "'x'", NULL},
    {"--valid-pct 1", NULL, "a number from 0 to below 1", NULL},
    {"--valid-pct -0.1", NULL, "'-0.1'", NULL},
    {"--valid-pct nan", NULL, "'nan'", NULL},
    {"--lr-max 0", NULL, "a number above 0 to", NULL},
    {"--lr-max inf", NULL, "'inf'", NULL},
    {"--lr-max 1e999", NULL, "'1e999'", NULL},
    {"--wd -1", NULL, "'--wd'", NULL},
    {"--wd-bias no", NULL, "or 'same'", NULL},
    {"--peer-timeout 0", NULL, "'--peer-timeout'", NULL},
    {"--port 65536", NULL, "or 'any'", NULL},
    {"--model bais", NULL, "bad value 'bais' for '--model': expected dot or bias", "did you mean 'bias'?"},
    {"--optimizer lbfgs", NULL, "adam, sgd, adagrad or auto", NULL},
    {"--y-range 5,1", NULL, "LO below HI", NULL},
    {"--y-range 1,1", NULL, "LO below HI", NULL},
    {"--y-range 1", NULL, "LO,HI", NULL},
    {"--y-range 1,2,3", NULL, "LO,HI", NULL},
    {"--y-range 0,1e99", NULL, "LO,HI", NULL},
    {"--y-range ,", NULL, "LO,HI", NULL},
    /* promised for later */
    {"--consistency ssp", NULL, "'ssp' for '--consistency' is not available yet", "'bsp'"},
    {"--consistency asp", NULL, "not available yet", "'bsp'"},
    {"--encrypt perhaps", NULL, "bad value 'perhaps' for '--encrypt'", NULL},
    {"--save-every 3times", NULL,
     "bad value '3times' for '--save-every': expected a number of epochs, a number of steps as in '500steps', "
     "or 'off'",
     NULL},
    {"--save-every 0", NULL, "bad value '0' for '--save-every': expected a number of epochs", NULL},
    {"--resume a --out b", NULL, "'--out' and '--resume' exclude each other", NULL},
    {"--resume a --overwrite", NULL, "'--overwrite' and '--resume' exclude each other", NULL},
    /* together */
    {"--train a", NULL, "'--train' needs '--valid'", NULL},
    {"--valid a", NULL, "'--valid' needs '--train'", NULL},
    {"", "COLLAB_PS_TRAIN=a", "'--train' needs '--valid'", "comes from the environment"},
    {"--data a --train b --valid c", NULL, "'--data' and '--train' exclude each other", NULL},
    {"--valid-pct .1 --train b --valid c", NULL, "'--valid-pct' and '--train' exclude each other", NULL},
    {"--batch-order a.npy", NULL, "'--batch-order' needs '--train'", NULL},
    {"--lr-max 20", NULL, "'--lr-max' 20 times '--wd' 0.1 is not below 1", NULL},
    {"--lr-max 10 --wd 0 --wd-bias .1", NULL, "'--wd-bias' 0.1 is not below 1", NULL},
    {"--staleness 3", NULL, "'--staleness' needs '--consistency ssp'", NULL},
    {"synth", NULL, "needs '--out DIR'", NULL},
    {"synth --out a --users 0", NULL, "'--users'", NULL},
    {"synth --out a --ratings 0", NULL, "'--ratings'", NULL},
    {"synth --out a --users 3 --movies 3 --ratings 10", NULL, "more than the 9 pairs", NULL},
    /* environment */
    {"", "COLLAB_PS_FACTORS=x", "bad value 'x' for 'COLLAB_PS_FACTORS'", NULL},
    {"", "COLLAB_PS_MODEL=bais", "'COLLAB_PS_MODEL'", "'bias'"},
    {"", "COLLAB_PS_CONFIG=/nonexistent", "cannot open '/nonexistent'", NULL},
    {"--config /nonexistent", NULL, "cannot open '/nonexistent'", NULL},
    {"--config /", NULL, "it is a folder", NULL},
};

static void check_refusal(const struct refusal *expected)
{
    struct cps_options untouched = {.epochs = 77};
    enum cps_status status = parse(expected->arguments, expected->environment, &untouched);
    if (status != CPS_ERR_USAGE)
        fail_msg("'%s' was not refused", expected->arguments);
    assert_int_equal(untouched.epochs, 77);
    if (!strstr(cps_error_text(), expected->text))
        fail_msg("'%s': got \"%s\", want \"%s\"", expected->arguments, cps_error_text(), expected->text);
    bool hint_fits = expected->hint ? strstr(cps_error_hint(), expected->hint) != NULL : !*cps_error_hint();
    if (!hint_fits)
        fail_msg("'%s': got hint \"%s\", want \"%s\"", expected->arguments, cps_error_hint(),
                 expected->hint ? expected->hint : "");
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check_refusal(&refusals[i]);
}

static void test_environment(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well(
        "--epochs 2",
        "COLLAB_PS_DATA=d COLLAB_PS_EPOCHS=9 COLLAB_PS_LOG_STEPS=yes COLLAB_PS_LR_MAX= COLLAB_PS_USERS=3 "
        "HOME=x",
        &o);
    assert_string_equal(o.data, "d");
    assert_int_equal(o.epochs, 2);
    assert_true(o.log_steps);
    assert_true(o.lr_max == 5e-3);
    assert_int_equal(cps_options_source(&o, "data"), CPS_SOURCE_ENVIRONMENT);
    assert_int_equal(cps_options_source(&o, "epochs"), CPS_SOURCE_COMMAND_LINE);
    assert_int_equal(cps_options_source(&o, "lr-max"), CPS_SOURCE_DEFAULT);
    assert_null(o.warnings.data);
    cps_options_release(&o);
}

static void test_unknown_variables_warn(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well("", "COLLAB_PS_SEDE=3 COLLAB_PS_QQQQQQQQ=4", &o);
    assert_string_equal(o.warnings.data,
                        "environment variable 'COLLAB_PS_SEDE' is not an option and is ignored; did you mean "
                        "'COLLAB_PS_SEED'?\n"
                        "environment variable 'COLLAB_PS_QQQQQQQQ' is not an option and is ignored\n");
    cps_options_release(&o);
}

/* A stronger source wins over the weaker one's contrary choice. */
static void test_stronger_source_settles(void **state)
{
    (void)state;
    struct cps_options o;
    parse_well("--train a --valid b", "COLLAB_PS_DATA=d COLLAB_PS_VALID_PCT=.5", &o);
    assert_null(o.data);
    assert_true(o.valid_pct == 0.2);
    assert_string_equal(o.train, "a");
    cps_options_release(&o);
    parse_well("--data d", "COLLAB_PS_TRAIN=a COLLAB_PS_VALID=b", &o);
    assert_string_equal(o.data, "d");
    assert_null(o.train);
    assert_null(o.valid);
    cps_options_release(&o);
}

static char folder[] = "options-XXXXXX";

static const char *write_config(const char *name, const char *text)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(cps_file_replace(path, text, strlen(text)), CPS_OK);
    return path;
}

static void test_precedence(void **state)
{
    (void)state;
    struct cps_options o;
    char arguments[256];
    write_config("a.conf", "epochs = 6\nfactors = 7\nwd = 0.01\nseed = 8\nlog-steps = on\n");
    write_config("b.conf", "factors = 17\n");
    snprintf(arguments, sizeof arguments, "--seed 5 --config %s/a.conf --config=%s/b.conf --no-log-steps",
             folder, folder);
    parse_well(arguments, "COLLAB_PS_WD=0.02 COLLAB_PS_SEED=6", &o);
    assert_int_equal(o.epochs, 6);
    assert_int_equal(o.factors, 17);
    assert_true(o.wd == 0.02);
    assert_int_equal(o.seed, 5);
    assert_false(o.log_steps);
    assert_int_equal(cps_options_source(&o, "factors"), CPS_SOURCE_CONFIG);
    assert_int_equal(cps_options_source(&o, "wd"), CPS_SOURCE_ENVIRONMENT);
    assert_non_null(strstr(o.config, "a.conf, "));
    cps_options_release(&o);
}

/* A recipe lies below everything else that is said, wherever it is named. */
static void test_recipe(void **state)
{
    (void)state;
    struct cps_options o;
    char arguments[128];
    write_config("a.conf", "recipe = best\nepochs = 6\nwd = 0.01\n");
    snprintf(arguments, sizeof arguments, "--config %s/a.conf --seed 5", folder);
    parse_well(arguments, "COLLAB_PS_WD=0.02", &o);
    assert_int_equal(o.epochs, 6);
    assert_int_equal(o.factors, 100);
    assert_int_equal(o.batch_size, 0);
    assert_true(o.wd == 0.02 && isinf(o.wd_bias) && isnan(o.lr_max));
    assert_int_equal(cps_options_source(&o, "factors"), CPS_SOURCE_RECIPE);
    assert_int_equal(cps_options_source(&o, "epochs"), CPS_SOURCE_CONFIG);
    assert_int_equal(cps_options_source(&o, "recipe"), CPS_SOURCE_CONFIG);
    cps_options_release(&o);
    parse_well("--recipe best --factors 7 --batch-size 32", "COLLAB_PS_RECIPE=notebook", &o);
    assert_int_equal(o.factors, 7);
    assert_int_equal(o.batch_size, 32);
    assert_true(isnan(o.wd));
    cps_options_release(&o);
}

/* 'notebook' is what the program does anyway. */
static void test_recipe_notebook(void **state)
{
    (void)state;
    struct cps_options said, bare;
    struct cps_text a = {0}, b = {0};
    parse_well("--recipe notebook", "", &said);
    parse_well("", "", &bare);
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (!(option->commands & CPS_FOR(TRAIN)) || option->decides == CPS_DECIDES_NOTHING)
            continue;
        cps_text_clear(&a);
        cps_text_clear(&b);
        assert_int_equal(cps_option_format(&said, option, &a), CPS_OK);
        assert_int_equal(cps_option_format(&bare, option, &b), CPS_OK);
        assert_int_equal(a.length, b.length);
        if (a.length)
            assert_string_equal(a.data, b.data);
    }
    cps_text_release(&a);
    cps_text_release(&b);
    cps_options_release(&said);
    cps_options_release(&bare);
}

static void test_fold(void **state)
{
    (void)state;
    static const char *const refused[] = {"0/5", "6/5", "1/1", "1", "/5", "1/", "1/1001", "-1/5", "1/5/5"};
    struct cps_options o;
    struct cps_text text = {0};
    parse_well("--fold 2/5", "", &o);
    assert_true(o.fold.number == 2 && o.fold.folds == 5);
    assert_int_equal(cps_option_format(&o, cps_option_find("fold", 4, CPS_FOR(TRAIN)), &text), CPS_OK);
    assert_string_equal(text.data, "2/5");
    cps_text_release(&text);
    cps_options_release(&o);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *argv[] = {"collab-ps", "--fold", (char *)(uintptr_t)refused[i], NULL};
        assert_int_equal(cps_options_parse(3, argv, NULL, &o), CPS_ERR_USAGE);
        assert_non_null(strstr(cps_error_text(), "I/K"));
    }
    char *both[] = {"collab-ps", "--fold", "1/5", "--valid-pct", "0.1", NULL};
    assert_int_equal(cps_options_parse(5, both, NULL, &o), CPS_ERR_USAGE);
    assert_non_null(strstr(cps_error_text(), "exclude each other"));
}

static void test_config_from_environment(void **state)
{
    (void)state;
    struct cps_options o;
    char variables[128], arguments[128];
    write_config("a.conf", "epochs = 6\nfactors = 7\n");
    write_config("b.conf", "factors = 17\n");
    snprintf(variables, sizeof variables, "COLLAB_PS_CONFIG=%s/a.conf", folder);
    snprintf(arguments, sizeof arguments, "--config %s/b.conf", folder);
    parse_well(arguments, variables, &o);
    assert_int_equal(o.epochs, 6);
    assert_int_equal(o.factors, 17);
    cps_options_release(&o);
}

static void test_config_refusals(void **state)
{
    static const struct {
        const char *config, *text, *hint;
    } cases[] = {
        {"# fine\n\nepochs = 3\nepocs = 4\n", "c.conf:4: unknown option 'epocs'", "'epochs'"},
        {"epochs = x\n", "c.conf:1: bad value 'x' for 'epochs'", ""},
        {"users = 3", "c.conf:1: 'users' is not an option of 'train'", "synth"},
        {"config = other.conf", "c.conf:1: 'config' cannot be set in an option file", ""},
        {"help = yes", "c.conf:1: 'help' cannot be set", ""},
        {"save-every = often", "c.conf:1: bad value 'often' for 'save-every': expected a number of epochs", ""},
        {"log-steps = maybe", "c.conf:1: bad value 'maybe' for 'log-steps': expected on or off", ""},
        {"train = a", "'--train' needs '--valid'", "comes from an option file"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cps_options o;
        char arguments[128];
        snprintf(arguments, sizeof arguments, "--config %s", write_config("c.conf", cases[i].config));
        assert_int_equal(parse(arguments, NULL, &o), CPS_ERR_USAGE);
        if (!strstr(cps_error_text(), cases[i].text) || !strstr(cps_error_hint(), cases[i].hint))
            fail_msg("%s: got \"%s\" (%s), want \"%s\" (%s)", cases[i].config, cps_error_text(),
                     cps_error_hint(), cases[i].text, cases[i].hint);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a.conf", "b.conf", "c.conf"};
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_typed_values),
        cmocka_unit_test(test_flags_and_repeats),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_synth),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_unknown_variables_warn),
        cmocka_unit_test(test_stronger_source_settles),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_recipe),
        cmocka_unit_test(test_recipe_notebook),
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_config_from_environment),
        cmocka_unit_test(test_config_refusals),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
