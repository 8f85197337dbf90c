/* The texts of the help and the manual page other than the option table. */
#ifndef CPS_OPTIONS_PAGES_H
#define CPS_OPTIONS_PAGES_H

#include "common/options/command.h"
#include "common/options/table.h"

/* An example command line, or a file name, and its meaning. */
struct cps_page_line {
    const char *text;
    const char *meaning;
};

/* An option of a script. */
struct cps_page_option {
    const char *name;     /* without the dashes */
    const char *argument; /* "FILE"; NULL where it takes no value */
    const char *help;
    const char *words; /* the allowed values, separated by blanks; NULL if not restricted */
};

/* The operand and options of a command that is a script (cps_command_info.is_script). */
struct cps_page_script {
    enum cps_command command;
    const char *operand;                   /* "[NAME=]RUN..."; NULL ends a list of scripts */
    const char *help;                      /* of the operand */
    const char *words;                     /* values the operand may have besides a file's name */
    const struct cps_page_option *options; /* ended by a NULL name */
};

extern const char cps_page_summary[];
extern const char cps_page_promise[]; /* of command.c: the text of train */
extern const char cps_page_sources[];
extern const struct cps_page_line cps_page_examples[]; /* each ends with a NULL text */
extern const struct cps_page_line cps_page_files[];

/* Appends option's help with the choices in () and the default in []. */
enum cps_status cps_page_describe(const struct cps_option *option, struct cps_text *out);

/* Appends the manual page, in troff. */
enum cps_status cps_page_manual(const struct cps_page_script *scripts, struct cps_text *out);

/* Appends the completion script for bash. */
enum cps_status cps_page_completion(const struct cps_page_script *scripts, struct cps_text *out);

#endif
