/* What is done once per id; see intake.h. Stands between the readers (ratings.c and wide.c, or
 * synth.c without a file) and the vocabularies. */
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
    cps_skip_release(&self->skip);
    self->mine = NULL;
    self->title_of = NULL;
}

/* Settles what depends on the user added last, if it was new: known is how many there were. */
static enum cps_status settle_user(struct cps_intake *self, uint32_t known, uint32_t number)
{
    char digits[CPS_ID_INTEGER_BYTES];
    size_t length;
    if (number != known)
        return CPS_OK;
    CPS_TRY(cps_grow("users", &self->mine, &self->mine_capacity, (size_t)number + 1, 1));
    const char *id = cps_ids_text(&self->users, number, digits, &length);
    self->mine[number] = self->keep && cps_id_hash(id, length) % self->shards == self->shard;
    return CPS_OK;
}

enum cps_status cps_intake_new_user(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    uint32_t known = self->users.count;
    CPS_TRY(cps_ids_add_integer(&self->users, id, number));
    return settle_user(self, known, *number);
}

enum cps_status cps_intake_new_user_text(struct cps_intake *self, const char *id, size_t length,
                                         uint32_t *number)
{
    uint32_t known = self->users.count;
    CPS_TRY(cps_ids_add(&self->users, id, length, number));
    return settle_user(self, known, *number);
}

enum cps_status cps_intake_new_item_text(struct cps_intake *self, const char *id, size_t length,
                                         uint32_t *number)
{
    uint32_t known = self->items.count, title = CPS_IDS_NONE;
    *number = CPS_IDS_NONE;
    if (self->titles) {
        title = cps_titles_find(self->titles, id, length);
        if (title == CPS_IDS_NONE)
            return CPS_OK;
    }
    CPS_TRY(cps_ids_add(&self->items, id, length, number));
    if (!self->titles || *number != known)
        return CPS_OK;
    CPS_TRY(
        cps_grow("items", &self->title_of, &self->title_capacity, (size_t)known + 1, sizeof *self->title_of));
    self->title_of[known] = title;
    return CPS_OK;
}

enum cps_status cps_intake_new_item(struct cps_intake *self, uint64_t id, uint32_t *number)
{
    char digits[CPS_ID_INTEGER_BYTES];
    if (!self->titles)
        return cps_ids_add_integer(&self->items, id, number);
    return cps_intake_new_item_text(self, digits, cps_id_from_integer(id, digits), number);
}
