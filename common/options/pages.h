/* What the help and the manual page say besides the options. */
#ifndef CPS_OPTIONS_PAGES_H
#define CPS_OPTIONS_PAGES_H

#include "common/options/command.h"
#include "common/options/table.h"

/* A line to show as typed and what it does. */
struct cps_page_line {
    const char *text;
    const char *meaning;
};

extern const char cps_page_summary[];
extern const char cps_page_promise[]; /* of command.c: the text of train */
extern const char cps_page_sources[];
extern const struct cps_page_line cps_page_examples[]; /* each ends with a NULL text */
extern const struct cps_page_line cps_page_files[];

/* Adds option's help with the choices in (), the default in []. */
enum cps_status cps_page_describe(const struct cps_option *option, struct cps_text *out);

/* Adds the manual page, in troff. */
enum cps_status cps_page_manual(struct cps_text *out);

/* Adds the completion script for bash. */
enum cps_status cps_page_completion(struct cps_text *out);

#endif
