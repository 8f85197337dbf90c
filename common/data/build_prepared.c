/* Builds datasets from prepared sets; see builder.h and build.h. */
#include <stdio.h>
#include <string.h>

#include "common/data/build.h"
#include "common/data/builder.h"
#include "common/data/vocabulary.h"

/* Refuses options for reading text: a prepared set fixes them, and only the split can still be chosen. */
static enum cps_status check_options(const struct cps_dataset_request *request, const struct cps_prepared *set)
{
    const char *odd = request->user_column     ? "--user-column"
                      : request->item_column   ? "--item-column"
                      : request->rating_column ? "--rating-column"
                      : request->wide          ? "--layout"
                      : request->latin1        ? "--encoding"
                      : request->skip_bad      ? "--skip-bad"
                                               : NULL;
    bool by_id = request->item_key == CPS_ITEM_KEY_ID, by_title = request->item_key == CPS_ITEM_KEY_TITLE;
    if (set->facts.reading.titled ? by_id : by_title)
        odd = "--item-key";
    if (!odd)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "%s is for reading text, and '%s' is a prepared set", odd, set->path);
    return cps_hint(CPS_ERR_USAGE, "give it to 'collab-ps prepare'");
}

static enum cps_status copy_names(struct cps_builder *self, const struct cps_prepared *set)
{
    CPS_TRY(cps_vocabulary_copy(&set->users, &self->data.users));
    CPS_TRY(cps_vocabulary_copy(&set->movies, &self->data.movies));
    return set->movie_ids.rows ? cps_vocabulary_copy(&set->movie_ids, &self->data.movie_ids) : CPS_OK;
}

/* Copies the options that the text was read with into the request, for the fingerprint. */
static void say_as_prepared(struct cps_builder *self, const struct cps_prepared *set)
{
    self->said = *self->request;
    self->said.user_column = set->facts.user_column;
    self->said.item_column = set->facts.item_column;
    self->said.rating_column = set->facts.rating_column;
    self->said.wide = set->facts.wide;
    self->said.missing = set->facts.missing;
    self->said.latin1 = set->facts.latin1;
    self->said.skip_bad = set->facts.skip_bad;
    self->request = &self->said;
}

/* Reads this rank's part, a contiguous range of the file. */
static enum cps_status read_part(struct cps_builder *self, const struct cps_prepared *set)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    const struct cps_prepared_facts *facts = &set->facts;
    uint64_t count = facts->rating_count, first = 0, end = count;
    if (peers) {
        first = count * peers->rank / peers->ranks;
        end = count * (peers->rank + 1) / peers->ranks;
    }
    CPS_TRY(check_options(self->request, set));
    CPS_TRY(cps_prepared_check_sources(set));
    say_as_prepared(self, set);
    self->reading = facts->reading;
    self->data.titled = facts->reading.titled;
    cps_builder_start_part(self);
    struct cps_part *part = &self->part;
    part->intake.rating_min = facts->rating_min;
    part->intake.rating_max = facts->rating_max;
    part->intake.skip.count = facts->skipped;
    part->first_total = facts->first_count;
    part->second_total = count - facts->first_count;
    if (facts->told)
        CPS_TRY(cps_text_add(&part->intake.skip.told, "%s", facts->told));
    snprintf(self->data.columns, sizeof self->data.columns, "%s", facts->columns ? facts->columns : "");
    CPS_TRY(copy_names(self, set));
    return cps_prepared_read(set, first, end - first, &part->list, &part->places);
}

enum cps_status cps_builder_read_prepared(struct cps_builder *self, const struct cps_prepared *set)
{
    const struct cps_peers *peers = cps_builder_peers_of(self);
    enum cps_status status = read_part(self, set);
    return peers ? peers->agree(peers->context, status) : status;
}
