/* See rating_list.h; filled by intake.h, emptied by samples.c and deliver.c. */
#include "common/data/rating_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/spill.h"

enum { COLUMNS = 3 };

#define FIRST_RATINGS ((size_t)1024)
/* A list in files grows by so many ratings. */
#define FILE_RATINGS ((size_t)1 << 24)

static void release_files(struct cps_rating_list *self)
{
    for (int c = 0; c < COLUMNS; c++)
        cps_spill_release(&self->files[c]);
    free(self->files);
}

void cps_rating_list_release(struct cps_rating_list *self)
{
    if (self->files) {
        release_files(self);
    } else {
        free(self->user);
        free(self->item);
        free(self->rating);
    }
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

static enum cps_status grow_files(struct cps_rating_list *self)
{
    size_t wanted = self->capacity + FILE_RATINGS;
    void *columns[COLUMNS];
    for (int c = 0; c < COLUMNS; c++)
        CPS_TRY(cps_spill_enlarge(&self->files[c], wanted * sizeof(uint32_t), &columns[c]));
    self->user = columns[0];
    self->item = columns[1];
    self->rating = columns[2];
    self->capacity = wanted;
    return CPS_OK;
}

static enum cps_status open_files(struct cps_spill files[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++)
        files[c].fd = -1;
    for (int c = 0; c < COLUMNS; c++)
        CPS_TRY(cps_spill_create(&files[c], "the ratings, which exceed the memory,", 0));
    return CPS_OK;
}

/* Moves a list in memory to files. */
static enum cps_status move_to_files(struct cps_rating_list *self)
{
    struct cps_rating_list moved = {
        .count = self->count, .capacity = self->capacity, .memory_bytes = self->memory_bytes};
    CPS_TRY(cps_alloc("files", COLUMNS, sizeof *moved.files, &moved.files));
    enum cps_status status = open_files(moved.files);
    if (status == CPS_OK)
        status = grow_files(&moved);
    if (status != CPS_OK) {
        cps_rating_list_release(&moved);
        return status;
    }
    if (self->count > 0) {
        memcpy(moved.user, self->user, self->count * sizeof *self->user);
        memcpy(moved.item, self->item, self->count * sizeof *self->item);
        memcpy(moved.rating, self->rating, self->count * sizeof *self->rating);
    }
    cps_rating_list_release(self);
    *self = moved;
    return CPS_OK;
}

enum cps_status cps_rating_list_grow(struct cps_rating_list *self)
{
    size_t wanted = self->capacity ? 2 * self->capacity : FIRST_RATINGS;
    if (self->files)
        return grow_files(self);
    if (self->memory_bytes && wanted * COLUMNS * sizeof(uint32_t) > self->memory_bytes)
        return move_to_files(self);
    CPS_TRY(grow_column(&self->user, wanted));
    CPS_TRY(grow_column(&self->item, wanted));
    CPS_TRY(grow_column(&self->rating, wanted));
    self->capacity = wanted;
    return CPS_OK;
}
