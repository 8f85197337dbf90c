/*
 * Whether jansson ran out of memory. Most of its functions say so by a NULL that the next one
 * passes on, or leave out what they could not hold, so that a tree may be short of a branch and
 * still be written. Asked of the allocator nothing is missed:
 *
 *     cps_json_begin();
 *     json_t *value = ...;  char *text = json_dumps(value, 0);
 *     if (cps_json_is_short())
 *         return cps_fail_memory("run.json", 0);
 */
#ifndef CPS_STORE_JSON_H
#define CPS_STORE_JSON_H

#include <stdbool.h>

/* From here on this thread's failures are counted. */
void cps_json_begin(void);

/* Whether jansson was refused memory on this thread since begin. */
bool cps_json_is_short(void);

#endif
