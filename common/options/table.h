/* The option table, from which parser, help, manual, completion and records are made: one row per option. */
#ifndef CPS_OPTIONS_TABLE_H
#define CPS_OPTIONS_TABLE_H

#include "common/options/options.h"

enum cps_option_type {
    CPS_OPTION_STRING, /* char * */
    CPS_OPTION_COUNT,  /* uint32_t */
    CPS_OPTION_BIG,    /* uint64_t */
    CPS_OPTION_REAL,   /* double */
    CPS_OPTION_CHOICE, /* an enum whose values number the choices */
    CPS_OPTION_FLAG,   /* bool */
    CPS_OPTION_RANGE,  /* struct cps_y_range */
    CPS_OPTION_FOLD,   /* struct cps_fold */
    CPS_OPTION_PERIOD, /* struct cps_period */
    CPS_OPTION_ACTION  /* a command written as a flag, such as --help; no field */
};

#define CPS_OPTION_GROUP_MAP(X)                                                                                \
    X(DATA, "Data")                                                                                            \
    X(MODEL, "Model")                                                                                          \
    X(TRAINING, "Training")                                                                                    \
    X(RANKS, "Ranks")                                                                                          \
    X(RUN, "Run")                                                                                              \
    X(USE, "Using a model")                                                                                    \
    X(SYNTH, "Synthetic data")                                                                                 \
    X(GENERAL, "General")

enum cps_option_group {
#define X(name, title) CPS_GROUP_##name,
    CPS_OPTION_GROUP_MAP(X)
#undef X
        CPS_GROUP_COUNT
};

/* The bits of the commands that an option belongs to. */
#define CPS_FOR(command) (1u << CPS_COMMAND_##command)
#define CPS_FOR_ALL ((1u << CPS_COMMAND_COUNT) - 1)

/* What an option decides; adopting, recording and comparing options all rely on this. */
enum cps_option_decides {
    CPS_DECIDES_NOTHING, /* does not affect the curve: ranks, transport, records */
    CPS_DECIDES_CURVE,
    CPS_DECIDES_DATA /* the data read or its split and numbering, and so the curve */
};

struct cps_option {
    const char *name;     /* without the dashes */
    const char *alias;    /* another name, or NULL */
    char letter;          /* short form, or 0 */
    const char *argument; /* "FILE"; NULL where it takes no value */
    enum cps_option_type type;
    enum cps_option_group group;
    enum cps_option_decides decides;
    bool kept;            /* a resumed run keeps it, though it does not decide the curve */
    unsigned commands;    /* CPS_FOR bits */
    size_t offset;        /* of the field in struct cps_options */
    const char *fallback; /* the default, as text; NULL for none */
    const char *word;     /* a word that stands for "not given": 0 of a count, NaN of a real */
    const char *other;    /* of a real: another word, which stands for INFINITY */
    double low, high;     /* bounds of a number, inclusive unless the next fields exclude them */
    bool above_low, below_high;
    const char *const *choices; /* names by enum value, ended by NULL */
    unsigned later;             /* choices not available yet, as bits */
    bool hidden;                /* omitted from help pages: its feature is not available yet */
    const char *help;           /* one or two sentences, no default, no full stop */
};

extern const struct cps_option cps_option_table[];
extern const size_t cps_option_count;

/* The option of one of the commands whose name or alias is the first length bytes of name; NULL if none. */
const struct cps_option *cps_option_find(const char *name, size_t length, unsigned commands);

/* The option name of the commands that is closest to the mistyped name; NULL if none is close. */
const char *cps_option_nearest(const char *name, unsigned commands);

/* The element of names (ended by NULL) closest to name; NULL if none is close. */
const char *cps_nearest_name(const char *name, const char *const *names);

const char *cps_option_group_title(enum cps_option_group group);

/* " (synth)": the only commands with options of the group, for the page about all commands; "" if general. */
const char *cps_option_group_owner(enum cps_option_group group);

static inline size_t cps_option_index(const struct cps_option *option)
{
    return (size_t)(option - cps_option_table);
}

#endif
