/* An index of rows by the external ids, or titles, used in ratings files and on the command line. */
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

/* Indexes the ids of names, or their titles. Each of several ids that share a title ("246|268") maps to the
 * row. */
enum cps_status cps_id_index_build(const struct cps_row_names *names, bool by_title, struct cps_id_index *out);
void cps_id_index_release(struct cps_id_index *self);

/* The row of length bytes of text, or CPS_ROW_NONE. Row 0 is found by its name, '#na#'. */
uint32_t cps_id_index_find(const struct cps_id_index *self, const char *text, size_t length);

/* Maps each row of vocabulary to the row of names with the same title or id, CPS_ROW_NONE if there is none;
 * titles are tried first if by_title, else ids. The caller frees *row_of[vocabulary->rows]. */
enum cps_status cps_id_index_match(const struct cps_row_names *names, bool by_title,
                                   const struct cps_vocabulary *vocabulary, uint32_t **row_of);

#endif
