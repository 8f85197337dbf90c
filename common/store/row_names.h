/*
 * users.tsv or movies.tsv, read back: the names of a model's rows.
 *
 *     text      "1300\0'Til There Was You (1997)\0…"      unescaped, each name ended by a NUL
 *     id[row], title[row]                                 pointers into it
 *
 * The files are those of names.h.
 */
#ifndef CPS_STORE_ROW_NAMES_H
#define CPS_STORE_ROW_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

struct cps_row_names {
    uint32_t rows;
    char *text;
    const char **id;    /* [rows] */
    const char **title; /* [rows]; NULL where the file has no titles */
};

/* Reads path, which must name the rows 0, 1, … without a gap. titled: the file has a third column.
 * CPS_ERR_DATA with file:line otherwise. *out is set only on success. Not collective. */
enum cps_status cps_row_names_read(const char *path, bool titled, struct cps_row_names *out);
void cps_row_names_release(struct cps_row_names *self);

#endif
