/* The memory of a dataset and the names of its rows; see dataset.h. */
#include "common/data/dataset.h"

#include "common/data/samples.h"
#include "common/data/stored.h"
#include "common/data/vocabulary.h"

void cps_dataset_release(struct cps_dataset *self)
{
    cps_vocabulary_release(&self->users);
    cps_vocabulary_release(&self->movies);
    cps_vocabulary_release(&self->movie_ids);
    cps_text_release(&self->notes);
    cps_samples_release(&self->train);
    cps_samples_release(&self->valid);
    if (self->owns_stored)
        cps_stored_destroy(&self->stored);
    *self = (struct cps_dataset){0};
}

const char *cps_dataset_movie_ids(const struct cps_dataset *self, uint32_t row, uint64_t *length)
{
    return cps_vocabulary_name(self->titled ? &self->movie_ids : &self->movies, row, length);
}

const char *cps_dataset_movie_title(const struct cps_dataset *self, uint32_t row, uint64_t *length)
{
    if (self->titled)
        return cps_vocabulary_name(&self->movies, row, length);
    *length = 0;
    return "";
}
