/* The sorting of a block's ratings, private to order.c and dealer.c. */
#ifndef CPS_WORKER_SORT_BY_H
#define CPS_WORKER_SORT_BY_H

#include <stdbool.h>
#include <string.h>

#include "common/model/block_kernels.h"

/* Sorts in[count] into out[count] by user or movie, all below rows, by counting; keeps the order of equal ones.
 * starts[rows + 1] is scratch memory. */
static inline void cps_sort_by(bool user, const struct cps_block_rating *in, uint64_t count, uint32_t *starts,
                               uint32_t rows, struct cps_block_rating *out)
{
    memset(starts, 0, (rows + 1) * sizeof *starts);
    for (uint64_t i = 0; i < count; i++)
        starts[(user ? in[i].user : in[i].movie) + 1]++;
    for (uint32_t row = 0; row < rows; row++)
        starts[row + 1] += starts[row];
    for (uint64_t i = 0; i < count; i++)
        out[starts[user ? in[i].user : in[i].movie]++] = in[i];
}

#endif
