/*
 * Finds a movie by the text a user types. The first rule that matches decides:
 *
 *   an id                                      "50"
 *   the title                                  "Star Wars (1977)"
 *   the title in any case, or without its year "star wars"
 *   a prefix of exactly one title              "star w"
 *   prefixes of words of exactly one title     "emp strikes"
 *   a part of exactly one title                "strikes back"
 */
#ifndef CPS_INFERENCE_TITLE_SEARCH_H
#define CPS_INFERENCE_TITLE_SEARCH_H

#include "common/store/id_index.h"

/* Lower-case copies of the titles in names, and an index of its ids; names is borrowed. */
struct cps_title_search {
    const struct cps_row_names *names;
    struct cps_id_index ids;
    char **folded; /* [rows] */
};

enum cps_status cps_title_search_init(struct cps_title_search *self, const struct cps_row_names *names);
void cps_title_search_release(struct cps_title_search *self);

/* Finds the row that text denotes. CPS_ERR_DATA if several movies match, which the hint lists, or none does;
 * the hint then lists the most similar titles. */
enum cps_status cps_title_search_find(const struct cps_title_search *self, const char *text, uint32_t *row);

#endif
