/*
 * Finding a movie by what a person types. The first of these that fits decides:
 *
 *   an id                                      "50"
 *   the title                                  "Star Wars (1977)"
 *   the title in any case, or without its year "star wars"
 *   the beginning of one title alone           "star w"
 *   beginnings of words of one title alone     "emp strikes"
 *   a part of one title alone                  "strikes back"
 */
#ifndef CPS_INFERENCE_TITLE_SEARCH_H
#define CPS_INFERENCE_TITLE_SEARCH_H

#include "common/store/id_index.h"

/* Lower-case copies of the titles of names, and its ids; names is borrowed. */
struct cps_title_search {
    const struct cps_row_names *names;
    struct cps_id_index ids;
    char **folded; /* [rows] */
};

enum cps_status cps_title_search_init(struct cps_title_search *self, const struct cps_row_names *names);
void cps_title_search_release(struct cps_title_search *self);

/* The row that text means. CPS_ERR_DATA where it means several or none; the hint lists them, or the nearest. */
enum cps_status cps_title_search_find(const struct cps_title_search *self, const char *text, uint32_t *row);

#endif
