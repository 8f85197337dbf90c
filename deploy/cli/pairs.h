/*
 * Small files that people write: lines of two fields, "196<TAB>Star Wars (1977)", "196,50", "50::4.5".
 *
 * The first of tab, '::', ';' and ',' that the first line has parts all of them. A title may hold commas: of a
 * line with several, the first parts it where the title is behind (users and movies), the last where it is in
 * front (movies and ratings). Quotes around a field are taken off.
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
    uint32_t line;    /* 1-based, of the pair taken last */
    const char *separator;
    bool last; /* the last separator of a line parts it */
};

/* Reads path, or standard input for "-", to its end. CPS_ERR_DATA. */
enum cps_status cps_pairs_open(const char *path, bool last, struct cps_pairs *out);
void cps_pairs_close(struct cps_pairs *self);

/* The next pair; false at the end. CPS_ERR_DATA with file:line for a line of one field. Empty lines are
 * passed over. The fields are valid until the pairs are closed. */
enum cps_status cps_pairs_next(struct cps_pairs *self, const char **first, const char **second, bool *found);

#endif
