/*
 * The options of a command: typed, checked and effective.
 *
 *   defaults < recipe < option files (--config) < COLLAB_PS_<NAME> < command line
 *                        -> struct cps_options, each value with its source
 *                        -> canonical text, sent to the other hosts and read back there
 *
 * The parser, the help, the man page, the completion and the record of a run are all generated from one table
 * (table.c). Nothing here prints or exits.
 */
#ifndef CPS_OPTIONS_OPTIONS_H
#define CPS_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/choices.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/text.h"

/* The commands and the names a user types; command.c describes each. */
#define CPS_COMMAND_MAP(X)                                                                                     \
    X(TRAIN, "train")                                                                                          \
    X(SYNTH, "synth")                                                                                          \
    X(PREPARE, "prepare")                                                                                      \
    X(REPLAY, "replay")                                                                                        \
    X(LR_FIND, "lr-find")                                                                                      \
    X(COMPARE, "compare")                                                                                      \
    X(EXPERIMENT, "experiment")                                                                                \
    X(PREDICT, "predict")                                                                                      \
    X(EVALUATE, "evaluate")                                                                                    \
    X(RECOMMEND, "recommend")                                                                                  \
    X(FOLD_IN, "fold-in")                                                                                      \
    X(SIMILAR, "similar")                                                                                      \
    X(BIASES, "biases")                                                                                        \
    X(MAP, "map")                                                                                              \
    X(EXPORT, "export")                                                                                        \
    X(DATA, "data")                                                                                            \
    X(DOCTOR, "doctor")                                                                                        \
    X(HELP, "help")                                                                                            \
    X(VERSION, "version")

enum cps_command {
#define X(name, text) CPS_COMMAND_##name,
    CPS_COMMAND_MAP(X)
#undef X
        CPS_COMMAND_COUNT
};

/* The source of a value, weakest first. */
enum cps_option_source {
    CPS_SOURCE_DEFAULT,
    CPS_SOURCE_RECIPE,
    CPS_SOURCE_CONFIG,
    CPS_SOURCE_ENVIRONMENT,
    CPS_SOURCE_RECORD, /* the run that is replayed */
    CPS_SOURCE_COMMAND_LINE
};

enum cps_help_page {
    CPS_HELP_ALL,
    CPS_HELP_COMMAND,   /* one command */
    CPS_HELP_MAN,       /* the manual page, troff */
    CPS_HELP_COMPLETION /* a script for bash */
};

enum cps_option_transport {
    CPS_OPTION_TRANSPORT_AUTO,
    CPS_OPTION_TRANSPORT_MPI,
    CPS_OPTION_TRANSPORT_IPC,
    CPS_OPTION_TRANSPORT_TCP
};
enum cps_option_encrypt { CPS_OPTION_ENCRYPT_AUTO, CPS_OPTION_ENCRYPT_ON, CPS_OPTION_ENCRYPT_OFF };

enum cps_option_part { CPS_OPTION_PART_VALID, CPS_OPTION_PART_TRAIN };

/* The interval of predictions. AUTO is resolved once the data is read: from 0 to the largest
 * rating plus a tenth of it, which is 0,5.5 for one to five stars; if any rating is negative,
 * from the smallest to the largest rating, widened at both ends by a tenth of their difference. */
enum cps_y_range_kind { CPS_Y_RANGE_NONE, CPS_Y_RANGE_GIVEN, CPS_Y_RANGE_AUTO };
struct cps_y_range {
    enum cps_y_range_kind kind;
    float lo, hi; /* lo < hi where kind is GIVEN, else 0 */
};

/* An interval: every count epochs, or every count steps. count 0: never. */
struct cps_period {
    uint32_t count;
    bool steps;
};

#define CPS_MOST_FOLDS 1000
/* The part of the ratings to validate on: number `number`, from 1, of `folds` equal parts. */
struct cps_fold {
    uint32_t number, folds;
};

#define CPS_OPTIONS_MAX 128 /* rows of the option table, at most */

/* Strings belong to the struct and are NULL if not given. Only the fields of the command's options
 * are set; the others are zero. */
struct cps_options {
    enum cps_command command;
    enum cps_help_page help_page;  /* of CPS_COMMAND_HELP */
    enum cps_command help_command; /* of CPS_HELP_COMMAND */

    /* data */
    char *data;
    enum cps_item_key item_key;
    struct cps_fold fold; /* folds 0: none */
    double valid_pct;     /* 0 <= valid_pct < 1; a share, not percent */
    char *train, *valid;  /* both or neither */
    char *user_column, *item_column, *rating_column;
    enum cps_layout layout;
    char *missing;
    enum cps_encoding encoding;
    char *skip_bad; /* a number or "all" */

    /* model */
    enum cps_model_kind model;
    struct cps_y_range y_range;
    enum cps_offset_kind offset;
    uint32_t factors;
    char *init;

    /* training */
    enum cps_solver_kind solver;
    uint32_t blocks;     /* 0: chosen from the number of ratings */
    uint32_t recipe;     /* index into cps_recipe_names */
    uint32_t epochs;     /* 0: by the optimizer */
    uint32_t early_stop; /* epochs; 0: never */
    double lr_max;       /* NaN: by the optimizer and the ratings */
    double wd, wd_bias;  /* NaN: by the ratings; of wd_bias the same as wd, and INFINITY by the ratings */
    uint32_t batch_size; /* 0: by the number of training ratings */
    enum cps_optimizer_kind optimizer; /* or CPS_OPTIMIZER_AUTO: by the density of the ratings */
    enum cps_schedule_kind schedule;
    uint64_t seed; /* of synth as well */
    char *batch_order;

    /* ranks */
    uint32_t servers, workers; /* 0: chosen from the number of ranks */
    uint32_t threads;          /* per rank; 0: one for each processor it may use */
    uint32_t memory;           /* MB per rank; 0: by the memory available */
    enum cps_consistency consistency;
    uint32_t staleness; /* steps */
    enum cps_option_transport transport;
    char *interface;
    enum cps_option_encrypt encrypt;
    uint32_t port; /* rank i listens on port + i; 0: any free port */
    enum cps_isa isa;
    double peer_timeout, load_timeout; /* seconds */

    /* run */
    enum cps_metrics_shown metrics;
    char *out; /* of synth as well */
    bool overwrite;
    char *resume; /* the folder of the run to resume */
    struct cps_period save_every;
    uint32_t keep; /* checkpoints */
    bool log_steps;
    enum cps_progress progress;
    enum cps_log_level log_level;
    char *config; /* the option files read, joined with ", " */

    /* synth */
    uint32_t users, movies;
    uint64_t ratings;

    /* commands on a run */
    char *run; /* its folder */

    /* commands that use a model */
    bool best; /* the model of the best epoch */
    char *user, *movie;
    char *pairs;        /* of predict; "-" is standard input */
    char *ratings_file; /* of evaluate and fold-in */
    enum cps_option_part part;
    uint32_t count; /* lines to show, or labels */
    bool all, with_rated;
    bool json, tsv, npy, word2vec;

    /* compare, experiment: the part of argv that the script parses; ends with NULL */
    const char *const *arguments;

    uint8_t sources[CPS_OPTIONS_MAX]; /* enum cps_option_source, by row of the table */
    struct cps_text warnings;         /* one a line; for the caller to show */
};

/* Parses the command line and all weaker sources. *out is set only on success; the caller then
 * releases it. argv and envp end with NULL; envp may be NULL. Opens no files but option files.
 * Errors are CPS_ERR_USAGE. Not collective. */
enum cps_status cps_options_parse(int argc, char **argv, char **envp, struct cps_options *out);

void cps_options_release(struct cps_options *self);

/* The source of the option called name ("lr-max"), an option of self's command. */
enum cps_option_source cps_options_source(const struct cps_options *self, const char *name);

/* "default", "recipe", "config file", "environment", "recorded run" or "command line". */
const char *cps_option_source_text(enum cps_option_source source);

/* One effective option as text; value is NULL if it has none. */
struct cps_option_view {
    const char *group, *name, *value, *source;
    bool decides_curve; /* another value may give another curve */
};

/* Called with one option; *option is valid only during the call. */
typedef enum cps_status (*cps_options_visit)(void *context, const struct cps_option_view *option);

/* Calls visit for every option of self's command, in the order of the help; stops at the first
 * error and returns it. */
enum cps_status cps_options_each(const struct cps_options *self, cps_options_visit visit, void *context);

/* Appends the effective options to out as a valid option file that also holds their sources.
 * Equal options give equal bytes. */
enum cps_status cps_options_write(const struct cps_options *self, struct cps_text *out);

/* Reads the options and their sources from length bytes of text written by cps_options_write; an option
 * missing there gets its default. *out is set only on success. */
enum cps_status cps_options_read(const char *text, size_t length, struct cps_options *out);

/* An option as recorded in run.json. */
struct cps_option_setting {
    const char *name, *value; /* value NULL: it had none */
    bool given;               /* set by a source other than the defaults at that time */
};

/* Turns the options of 'replay' into those of 'train': options that decide the loss curve (data, model and
 * training) are taken from settings unless the command line gave them; the others stay. The options of a
 * 'train' that resumes a run are treated alike, together with those for saving and recording. Appends to
 * differing one line for each option whose value differs from the record, and sets *other_data if such an
 * option may change the data read. where names the record in errors: CPS_ERR_DATA for a setting that is not
 * understood, CPS_ERR_USAGE for one that contradicts the command line. */
enum cps_status cps_options_adopt(struct cps_options *self, const char *where,
                                  const struct cps_option_setting *settings, size_t count,
                                  struct cps_text *differing, bool *other_data);

struct cps_page_script;

/* Appends the text of a help page, ready to print; command matters only for CPS_HELP_COMMAND. scripts describes
 * the options of the commands that are scripts (pages.h), for the manual and the completion. */
enum cps_status cps_options_help(enum cps_help_page page, enum cps_command command,
                                 const struct cps_page_script *scripts, struct cps_text *out);

/* "0.1.0" */
const char *cps_version(void);

#endif
