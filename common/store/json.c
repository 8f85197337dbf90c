/* Detects failed allocations in jansson; see json.h. */
#include "common/store/json.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>

static _Thread_local bool is_short;

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    is_short |= !memory;
    return memory;
}

static void watch(void)
{
    json_set_alloc_funcs(allocate, free);
}

void cps_json_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch);
    is_short = false;
}

bool cps_json_is_short(void)
{
    return is_short;
}
