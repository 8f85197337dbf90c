/*
 * Reads small files written by hand: lines of two fields, "196<TAB>Star Wars (1977)", "196,50", "50::4.5".
 *
 * The separator of all lines is the first of tab, '::', ';' and ',' that occurs in the first line. A title may
 * contain the separator: a line is split at the first one when the title is the second field (users and
 * movies), and at the last one when it is the first field (movies and ratings). Quotes around a field are
 * removed.
 */
#ifndef CPS_DEPLOY_CLI_PAIRS_H
#define CPS_DEPLOY_CLI_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/text.h"

struct cps_pairs {
    const char *path; /* borrowed; "standard input" for "-" */
    struct cps_text text;
    const char *next; /* in text */
    uint32_t line;    /* 1-based, of the pair read last */
    const char *separator;
    bool last; /* split at the last separator of a line, not at the first */
};

/* Reads all of path, or of standard input for "-", into memory. CPS_ERR_DATA when it cannot be read. */
enum cps_status cps_pairs_open(const char *path, bool last, struct cps_pairs *out);
void cps_pairs_close(struct cps_pairs *self);

/* Reads the next pair, skipping empty lines; *found is false at the end. The fields are valid until
 * cps_pairs_close. CPS_ERR_DATA with file:line for a line of one field. */
enum cps_status cps_pairs_next(struct cps_pairs *self, const char **first, const char **second, bool *found);

#endif
