/*
 * Detects allocation failures in jansson. Most of its functions report one by a NULL that the next function
 * propagates, or silently drop a value, so that an incomplete tree may be written. Counting failures in the
 * allocator detects them all:
 *
 *     cps_json_begin();
 *     json_t *value = ...;  char *text = json_dumps(value, 0);
 *     if (cps_json_is_short())
 *         return cps_fail_memory("run.json", 0);
 */
#ifndef CPS_STORE_JSON_H
#define CPS_STORE_JSON_H

#include <stdbool.h>

/* Resets this thread's count of failed allocations. */
void cps_json_begin(void);

/* Whether an allocation by jansson has failed on this thread since begin. */
bool cps_json_is_short(void);

#endif
