/* Numbers new ids; see intake.h. Stands between the readers (ratings.c and wide.c, or
 * synth.c without a file) and build.c. */
#include "common/data/intake.h"

#include <math.h>

void cps_intake_init(struct cps_intake *self, const struct cps_titles *titles, uint64_t skip_limit)
{
    *self = (struct cps_intake){
        .titles = titles, .rating_min = INFINITY, .rating_max = -INFINITY, .skip.limit = skip_limit};
}

void cps_intake_release(struct cps_intake *self)
{
    cps_ids_release(&self->users);
    cps_ids_release(&self->items);
    cps_skip_release(&self->skip);
}

enum cps_status cps_intake_new_item_text(struct cps_intake *self, const char *id, size_t length,
                                         uint32_t *number)
{
    *number = CPS_IDS_NONE;
    if (self->titles && cps_titles_find(self->titles, id, length) == CPS_IDS_NONE)
        return CPS_OK;
    return cps_ids_add(&self->items, id, length, number);
}

enum cps_status cps_intake_new_item(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    char digits[CPS_ID_INTEGER_BYTES];
    if (!self->titles)
        return cps_ids_add_integer(&self->items, id, number);
    return cps_intake_new_item_text(self, digits, cps_id_from_integer(id, digits), number);
}
