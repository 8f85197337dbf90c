/* See rating_list.h; filled by intake.h, emptied by samples.c and deliver.c. */
#include "common/data/rating_list.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_RATINGS ((size_t)1024)

void cps_rating_list_release(struct cps_rating_list *self)
{
    free(self->user);
    free(self->item);
    free(self->rating);
    *self = (struct cps_rating_list){0};
}

/* realloc() rather than cps_grow(): it moves a long column by remapping its pages, without a copy. */
static enum cps_status grow_column(void *column, size_t count)
{
    void *old, *grown;
    memcpy(&old, column, sizeof old);
    grown = realloc(old, count * sizeof(uint32_t));
    if (!grown)
        return cps_fail_memory("ratings", count * sizeof(uint32_t));
    memcpy(column, &grown, sizeof grown);
    return CPS_OK;
}

enum cps_status cps_rating_list_grow(struct cps_rating_list *self)
{
    size_t wanted = self->capacity ? 2 * self->capacity : FIRST_RATINGS;
    CPS_TRY(grow_column(&self->user, wanted));
    CPS_TRY(grow_column(&self->item, wanted));
    CPS_TRY(grow_column(&self->rating, wanted));
    self->capacity = wanted;
    return CPS_OK;
}
