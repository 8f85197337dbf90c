/* The command table, used by the parser, the help, the manual and the completion: one row per command. */
#ifndef CPS_OPTIONS_COMMAND_H
#define CPS_OPTIONS_COMMAND_H

#include "common/options/options.h"

struct cps_command_info {
    const char *operand; /* the argument before its options, "RUN"; NULL for none */
    bool is_script;      /* a Python program that parses its own arguments */
    const char *summary; /* its line in the list of commands */
    const char *text;    /* the paragraph of its help page; NULL: the summary */
};

extern const struct cps_command_info cps_command_table[CPS_COMMAND_COUNT];

/* The names of the commands by enum value, ended by NULL. */
extern const char *const cps_command_names[];

/* Finds the command called name; false if there is none. */
bool cps_command_find(const char *name, enum cps_command *out);

/* Whether command takes the folder of a run as its operand. */
bool cps_command_takes_run(enum cps_command command);

#endif
