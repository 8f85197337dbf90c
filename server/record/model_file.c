/* Rows by key -> tensors by name; see model_file.h. */
#include "server/record/model_file.h"

#include <stdio.h>

enum { USER_FACTORS, MOVIE_FACTORS, USER_BIAS, MOVIE_BIAS, TENSORS };

enum cps_status cps_model_file_create(const char *path, const struct cps_plan *plan,
                                      struct cps_safetensors_writer **out)
{
    static const char *const kinds[] = {CPS_MODEL_MAP(CPS_CHOICE_WORD)};
    const struct cps_safetensors_tensor tensors[TENSORS] = {
        [USER_FACTORS] = {"user_factors.weight", plan->user_rows, plan->factors},
        [MOVIE_FACTORS] = {"movie_factors.weight", plan->movie_rows, plan->factors},
        [USER_BIAS] = {"user_bias.weight", plan->user_rows, 1},
        [MOVIE_BIAS] = {"movie_bias.weight", plan->movie_rows, 1},
    };
    char range[64] = "none";
    if (plan->has_range)
        snprintf(range, sizeof range, "%.9g,%.9g", (double)plan->range_low, (double)plan->range_high);
    char offset[32];
    snprintf(offset, sizeof offset, "%.9g", (double)plan->offset);
    const struct cps_safetensors_string strings[] = {
        {"model", kinds[plan->model]}, {"y_range", range}, {"offset", offset}};
    return cps_safetensors_writer_create(path, tensors, plan->model == CPS_MODEL_BIAS ? TENSORS : USER_BIAS,
                                         strings, plan->offset != 0.0f ? 3 : 2, out);
}

/* Writes the part of rows that belongs to the table whose keys begin at table_key. */
static enum cps_status add_table_rows(struct cps_safetensors_writer *file, const struct cps_plan *plan,
                                      const struct cps_model_rows *rows, size_t factors, size_t bias,
                                      uint32_t table_key, uint32_t table_rows)
{
    uint32_t width = cps_plan_row_width(plan), end_key = rows->first_key + rows->count;
    uint32_t from = rows->first_key > table_key ? rows->first_key : table_key;
    uint32_t end = end_key < table_key + table_rows ? end_key : table_key + table_rows;
    if (from >= end)
        return CPS_OK;
    const float *values = rows->values + (size_t)(from - rows->first_key) * width;
    CPS_TRY(cps_safetensors_writer_rows(file, factors, from - table_key, end - from, values, width));
    if (plan->model != CPS_MODEL_BIAS)
        return CPS_OK;
    return cps_safetensors_writer_rows(file, bias, from - table_key, end - from, values + plan->factors, width);
}

enum cps_status cps_model_file_add(struct cps_safetensors_writer *file, const struct cps_plan *plan,
                                   const struct cps_model_rows *rows)
{
    CPS_TRY(add_table_rows(file, plan, rows, USER_FACTORS, USER_BIAS, 0, plan->user_rows));
    return add_table_rows(file, plan, rows, MOVIE_FACTORS, MOVIE_BIAS, plan->user_rows, plan->movie_rows);
}
