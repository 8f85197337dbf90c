/* Names of rows -> a hash table of ids; see id_index.h. */
#include "common/store/id_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

void cps_id_index_release(struct cps_id_index *self)
{
    cps_ids_release(&self->ids);
    free(self->row_of);
    *self = (struct cps_id_index){0};
}

static enum cps_status add(struct cps_id_index *self, const char *text, size_t length, uint32_t row)
{
    uint32_t number, before = self->ids.count;
    if (length == 0 || length > CPS_ID_MAX_BYTES)
        return CPS_OK;
    CPS_TRY(cps_ids_add(&self->ids, text, length, &number));
    if (number < before)
        return CPS_OK;
    CPS_TRY(cps_grow("rows by id", &self->row_of, &self->capacity, (size_t)number + 1, sizeof *self->row_of));
    self->row_of[number] = row;
    return CPS_OK;
}

/* Several ids may share one title; they are then separated by '|'. */
static enum cps_status add_group(struct cps_id_index *self, const char *ids, uint32_t row)
{
    while (*ids) {
        size_t length = strcspn(ids, "|");
        CPS_TRY(add(self, ids, length, row));
        ids += length + (ids[length] == '|');
    }
    return CPS_OK;
}

static enum cps_status add_row(struct cps_id_index *self, const struct cps_row_names *names, bool by_title,
                               uint32_t row)
{
    const char *id = names->id[row], *title = names->title ? names->title[row] : id;
    if (by_title)
        return add(self, title, strlen(title), row);
    if (strcmp(id, title) == 0)
        return add(self, id, strlen(id), row);
    return add_group(self, id, row);
}

enum cps_status cps_id_index_build(const struct cps_row_names *names, bool by_title, struct cps_id_index *out)
{
    struct cps_id_index self = {0};
    for (uint32_t row = 0; row < names->rows; row++) {
        enum cps_status status = add_row(&self, names, by_title, row);
        if (status != CPS_OK) {
            cps_id_index_release(&self);
            return status;
        }
    }
    *out = self;
    return CPS_OK;
}

uint32_t cps_id_index_find(const struct cps_id_index *self, const char *text, size_t length)
{
    uint32_t number = length ? cps_ids_find(&self->ids, text, length) : CPS_IDS_NONE;
    return number == CPS_IDS_NONE ? CPS_ROW_NONE : self->row_of[number];
}

/* The order in which names are looked up: titles first if the vocabulary has titles, else ids first. */
struct indexes {
    struct cps_id_index first, second;
};

static void indexes_release(struct indexes *self)
{
    cps_id_index_release(&self->first);
    cps_id_index_release(&self->second);
}

static enum cps_status indexes_build(const struct cps_row_names *names, bool by_title, struct indexes *out)
{
    *out = (struct indexes){0};
    CPS_TRY(cps_id_index_build(names, by_title, &out->first));
    enum cps_status status = names->title ? cps_id_index_build(names, !by_title, &out->second) : CPS_OK;
    if (status != CPS_OK)
        indexes_release(out);
    return status;
}

static uint32_t find_in(const struct indexes *self, const char *name, size_t length)
{
    uint32_t row = cps_id_index_find(&self->first, name, length);
    return row != CPS_ROW_NONE ? row : cps_id_index_find(&self->second, name, length);
}

enum cps_status cps_id_index_match(const struct cps_row_names *names, bool by_title,
                                   const struct cps_vocabulary *vocabulary, uint32_t **row_of)
{
    struct indexes indexes;
    CPS_TRY(indexes_build(names, by_title, &indexes));
    enum cps_status status = cps_alloc("rows by name", vocabulary->rows, sizeof **row_of, row_of);
    for (uint32_t row = 0; status == CPS_OK && row < vocabulary->rows; row++) {
        uint64_t length;
        const char *name = cps_vocabulary_name(vocabulary, row, &length);
        (*row_of)[row] = find_in(&indexes, name, (size_t)length);
    }
    indexes_release(&indexes);
    return status;
}
