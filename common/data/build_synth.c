/* Datasets of synthetic sets; see builder.h. */
#include "common/data/builder.h"

static enum cps_status add_synth_titles(struct cps_builder *self)
{
    for (uint32_t movie = 1; movie <= self->synth->movies; movie++) {
        char id[CPS_ID_INTEGER_BYTES], title[CPS_SYNTH_TITLE_BYTES];
        size_t title_length = cps_synth_title(self->synth, movie, title);
        bool agrees;
        CPS_TRY(
            cps_titles_add(&self->titles, id, cps_id_from_integer(movie, id), title, title_length, &agrees));
    }
    return CPS_OK;
}

static enum cps_status take_synth_user(struct cps_part *part, struct cps_synth *synth, uint32_t user)
{
    uint32_t count, user_number, item_number;
    const struct cps_synth_rating *ratings = cps_synth_user(synth, user, &count);
    for (uint32_t i = 0; i < count; i++) {
        CPS_TRY(cps_intake_user(&part->intake, user, &user_number));
        CPS_TRY(cps_intake_item(&part->intake, ratings[i].movie, &item_number));
        CPS_TRY(
            cps_intake_rating(&part->intake, &part->list, user_number, item_number, (float)ratings[i].rating));
    }
    return CPS_OK;
}

enum cps_status cps_builder_read_synth(struct cps_builder *self)
{
    struct cps_synth *synth;
    bool again;
    if (self->reading.titled)
        CPS_TRY(add_synth_titles(self));
    cps_builder_start_part(self);
    CPS_TRY(cps_synth_create(self->synth, &synth));
    enum cps_status status = CPS_OK;
    for (uint32_t user = 1; user <= self->synth->users && status == CPS_OK; user++)
        status = take_synth_user(&self->part, synth, user);
    cps_synth_destroy(&synth);
    self->part.first_count = self->part.list.count;
    return cps_part_join(&self->part, NULL, status, false, &self->reading, &again);
}
