/* What happens once an id; see intake.h. Between the readers (ratings.c, or synth.c
 * without a file) and the vocabularies. */
#include "common/data/intake.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/memory.h"

void cps_intake_init(struct cps_intake *self, uint32_t shard, uint32_t shards, bool keep,
                     const struct cps_titles *titles)
{
    *self = (struct cps_intake){
        .titles = titles,
        .shard = shard,
        .shards = shards,
        .keep = keep,
        .rating_min = INFINITY,
        .rating_max = -INFINITY,
    };
}

void cps_intake_release(struct cps_intake *self)
{
    cps_ids_release(&self->users);
    cps_ids_release(&self->items);
    free(self->mine);
    free(self->title_of);
    self->mine = NULL;
    self->title_of = NULL;
}

enum cps_status cps_intake_new_user(struct cps_intake *self, uint32_t number)
{
    char digits[CPS_ID_INTEGER_BYTES];
    size_t length;
    CPS_TRY(cps_grow("users", &self->mine, &self->mine_capacity, (size_t)number + 1, 1));
    const char *id = cps_ids_text(&self->users, number, digits, &length);
    self->mine[number] = self->keep && cps_id_hash(id, length) % self->shards == self->shard;
    return CPS_OK;
}

enum cps_status cps_intake_new_item(struct cps_intake *self, uint32_t number, bool *titled)
{
    *titled = true;
    if (!self->titles)
        return CPS_OK;
    char digits[CPS_ID_INTEGER_BYTES];
    size_t length;
    const char *id = cps_ids_text(&self->items, number, digits, &length);
    uint32_t title = cps_titles_find(self->titles, id, length);
    CPS_TRY(
        cps_grow("items", &self->title_of, &self->title_capacity, (size_t)number + 1, sizeof *self->title_of));
    self->title_of[number] = title;
    *titled = title != CPS_IDS_NONE;
    return CPS_OK;
}
