/* See naming.h; between reading and splitting in build.c. */
#include "common/data/naming.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/base/memory.h"
#include "common/data/vocabulary.h"

void cps_naming_release(struct cps_naming *self)
{
    free(self->user_row);
    free(self->movie_row);
    self->user_row = self->movie_row = NULL;
}

/* The title number of each item; the reader has checked that all have one. */
static enum cps_status find_titles(const struct cps_titles *titles, const struct cps_ids *items, uint32_t **out)
{
    CPS_TRY(cps_alloc("titles", items->count, sizeof **out, out));
    for (uint32_t n = 0; n < items->count; n++) {
        char digits[CPS_ID_INTEGER_BYTES];
        size_t length;
        const char *id = cps_ids_text(items, n, digits, &length);
        (*out)[n] = cps_titles_find(titles, id, length);
        if ((*out)[n] == CPS_IDS_NONE) {
            free(*out);
            *out = NULL;
            return cps_fail(CPS_ERR_DATA, "the ranks have different titles");
        }
    }
    return CPS_OK;
}

/* Makes rows for the titles of rated items; overwrites title_of with the rows of items. */
static enum cps_status name_titles(const struct cps_titles *titles, uint32_t *title_of, uint32_t items,
                                   struct cps_vocabulary *out)
{
    uint32_t *title_row = NULL;
    bool *used;
    CPS_TRY(cps_alloc("titles", titles->names.count, sizeof *used, &used));
    for (uint32_t n = 0; n < items; n++)
        used[title_of[n]] = true;
    enum cps_status status = cps_vocabulary_build(&titles->names, used, out, &title_row);
    free(used);
    for (uint32_t n = 0; n < items && status == CPS_OK; n++)
        title_of[n] = title_row[title_of[n]];
    free(title_row);
    return status;
}

static enum cps_status apply_titles(struct cps_naming *self, const struct cps_ids *items,
                                    struct cps_dataset *out)
{
    CPS_TRY(find_titles(self->titles, items, &self->movie_row));
    CPS_TRY(name_titles(self->titles, self->movie_row, items->count, &out->movies));
    return cps_vocabulary_of_groups(items, self->movie_row, out->movies.rows, &out->movie_ids);
}

/* Makes rows for ids, or takes ids as rows: see the given rows in dataset.h. */
static enum cps_status apply_ids(const struct cps_ids *ids, uint32_t *given_rows, struct cps_vocabulary *out,
                                 uint32_t **row_of)
{
    uint32_t given = *given_rows;
    *given_rows = 0;
    CPS_TRY(cps_vocabulary_build(ids, NULL, out, row_of));
    if (given == 0 || given == out->rows || !cps_vocabulary_ids_are_rows(ids, given))
        return CPS_OK;
    cps_vocabulary_release(out);
    free(*row_of);
    *row_of = NULL;
    *given_rows = given;
    return cps_vocabulary_of_rows(ids, given, out, row_of);
}

enum cps_status cps_naming_apply(struct cps_naming *self, const struct cps_ids *users,
                                 const struct cps_ids *items, struct cps_dataset *out)
{
    CPS_TRY(apply_ids(users, &self->user_rows, &out->users, &self->user_row));
    if (!self->titles)
        return apply_ids(items, &self->movie_rows, &out->movies, &self->movie_row);
    self->movie_rows = 0;
    return apply_titles(self, items, out);
}

/* The ids that name the rows of a vocabulary, row 0 apart, which no two rows may share. */
static enum cps_status ids_of(const struct cps_vocabulary *names, struct cps_ids *out)
{
    for (uint32_t row = 1; row < names->rows; row++) {
        uint64_t length;
        uint32_t number;
        const char *name = cps_vocabulary_name(names, row, &length);
        CPS_TRY(cps_ids_add(out, name, length, &number));
        if (number != row - 1)
            return cps_hint(cps_fail(CPS_ERR_DATA,
                                     "the prepared set is damaged: two of its rows have the id '%.*s'",
                                     (int)(length < 64 ? length : 64), name),
                            "prepare it again from its text");
    }
    return CPS_OK;
}

static enum cps_status rename_column(struct cps_vocabulary *names, uint32_t *given_rows, uint32_t **row_of)
{
    struct cps_ids ids = {0};
    struct cps_vocabulary renamed;
    uint32_t given = *given_rows, *rows = NULL;
    *given_rows = 0;
    if (given == 0 || given == names->rows)
        return CPS_OK;
    enum cps_status status = ids_of(names, &ids);
    if (status == CPS_OK && cps_vocabulary_ids_are_rows(&ids, given)) {
        status = cps_alloc("rows", names->rows, sizeof **row_of, row_of);
        if (status == CPS_OK)
            status = cps_vocabulary_of_rows(&ids, given, &renamed, &rows);
        if (status == CPS_OK) {
            for (uint32_t row = 1; row < names->rows; row++)
                (*row_of)[row] = rows[row - 1];
            cps_vocabulary_release(names);
            *names = renamed;
            *given_rows = given;
        }
    }
    free(rows);
    cps_ids_release(&ids);
    return status;
}

enum cps_status cps_naming_rename(struct cps_naming *self, struct cps_dataset *set)
{
    CPS_TRY(rename_column(&set->users, &self->user_rows, &self->user_row));
    if (!set->titled)
        return rename_column(&set->movies, &self->movie_rows, &self->movie_row);
    self->movie_rows = 0;
    return CPS_OK;
}
