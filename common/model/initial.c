/* Initial rows; see initial.h. */
#include "common/model/initial.h"

#include <math.h>

#include "common/base/random.h"

enum { COLUMNS = 64 }; /* at a time */

void cps_initial_row(const struct cps_plan *plan, uint32_t key, float *row)
{
    bool is_user = key < plan->user_rows;
    uint32_t purpose = is_user ? CPS_RANDOM_USER_INIT : CPS_RANDOM_MOVIE_INIT;
    uint64_t table_row = is_user ? key : key - plan->user_rows;
    uint32_t width = cps_plan_row_width(plan);
    for (uint32_t first = 0; first < width; first += COLUMNS) {
        double normal[COLUMNS];
        uint32_t count = width - first < COLUMNS ? width - first : COLUMNS;
        cps_random_normals(plan->seed, purpose, table_row << 32 | first, count, normal);
        for (uint32_t c = 0; c < count; c++) {
            double cut = fabs(normal[c]) < 2.0 ? normal[c] : fmod(normal[c], 2.0); /* fmod is exact */
            row[first + c] = (float)(cut * 0.01);
        }
    }
}
