/* Initial rows; see initial.h. */
#include "common/model/initial.h"

#include <math.h>

#include "common/base/random.h"

void cps_initial_row(const struct cps_plan *plan, uint32_t key, float *row)
{
    bool is_user = key < plan->user_rows;
    uint32_t purpose = is_user ? CPS_RANDOM_USER_INIT : CPS_RANDOM_MOVIE_INIT;
    uint64_t table_row = is_user ? key : key - plan->user_rows;
    uint32_t width = cps_plan_row_width(plan);
    for (uint32_t column = 0; column < width; column++) {
        double normal = cps_random_normal(plan->seed, purpose, table_row << 32 | column);
        row[column] = (float)(fmod(normal, 2.0) * 0.01); /* fmod is exact */
    }
}
