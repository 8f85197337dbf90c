/* Rows by external id: what a ratings file or a command line calls a user or a movie. */
#ifndef CPS_STORE_ID_INDEX_H
#define CPS_STORE_ID_INDEX_H

#include "common/data/dataset.h"
#include "common/data/ids.h"
#include "common/store/row_names.h"

#define CPS_ROW_NONE UINT32_MAX

/* All zeroes is a valid empty one. */
struct cps_id_index {
    struct cps_ids ids;
    uint32_t *row_of; /* [ids.count] */
    size_t capacity;
};

/* The ids of names, or their titles. Of ids that share a title ("246|268") each leads to the row. */
enum cps_status cps_id_index_build(const struct cps_row_names *names, bool by_title, struct cps_id_index *out);
void cps_id_index_release(struct cps_id_index *self);

/* The row of length bytes of text, or CPS_ROW_NONE. Row 0 is found by its name, '#na#'. */
uint32_t cps_id_index_find(const struct cps_id_index *self, const char *text, size_t length);

/* For each row of vocabulary the row of names that it is, CPS_ROW_NONE for none: by title first where by_title,
 * else by id first. *row_of [vocabulary->rows] is the caller's to free. */
enum cps_status cps_id_index_match(const struct cps_row_names *names, bool by_title,
                                   const struct cps_vocabulary *vocabulary, uint32_t **row_of);

#endif
