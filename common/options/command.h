/* The command table: one row a command, what the parser, the help, the manual and the completion know of it. */
#ifndef CPS_OPTIONS_COMMAND_H
#define CPS_OPTIONS_COMMAND_H

#include "common/options/options.h"

struct cps_command_info {
    const char *operand; /* what goes before its options, "RUN"; NULL where it takes none */
    bool is_script;      /* a Python program, which reads its arguments itself */
    const char *summary; /* a line in the list of commands */
    const char *text;    /* the paragraph of its help page; NULL: the summary */
};

extern const struct cps_command_info cps_command_table[CPS_COMMAND_COUNT];

/* Their names by enum value, ended by NULL. */
extern const char *const cps_command_names[];

/* The command called name; false where there is none. */
bool cps_command_find(const char *name, enum cps_command *out);

/* A command that takes the folder of a run. */
bool cps_command_takes_run(enum cps_command command);

#endif
