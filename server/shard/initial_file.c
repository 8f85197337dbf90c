/* Initial rows from a safetensors file; see initial_file.h. */
#include "server/shard/initial_file.h"

#include <string.h>

static enum cps_status find_tensors(struct cps_initial_file *self)
{
    CPS_TRY(cps_safetensors_find(self->file, "user_factors.weight", &self->user_factors));
    CPS_TRY(cps_safetensors_find(self->file, "movie_factors.weight", &self->movie_factors));
    self->has_bias = cps_safetensors_find(self->file, "user_bias.weight", &self->user_bias) == CPS_OK &&
                     cps_safetensors_find(self->file, "movie_bias.weight", &self->movie_bias) == CPS_OK;
    cps_error_clear();
    if (self->user_factors.rows > UINT32_MAX || self->movie_factors.rows > UINT32_MAX)
        return cps_fail(CPS_ERR_DATA, "'%s': more rows than 2^32", self->path);
    self->user_rows = (uint32_t)self->user_factors.rows;
    self->movie_rows = (uint32_t)self->movie_factors.rows;
    return CPS_OK;
}

enum cps_status cps_initial_file_open(struct cps_initial_file *self, const char *path)
{
    *self = (struct cps_initial_file){.path = path};
    CPS_TRY(cps_safetensors_open(path, &self->file));
    enum cps_status status = find_tensors(self);
    if (status != CPS_OK)
        cps_initial_file_close(self);
    return status;
}

void cps_initial_file_close(struct cps_initial_file *self)
{
    cps_safetensors_close(&self->file);
}

static enum cps_status check_shape(const struct cps_initial_file *self, const char *name,
                                   const struct cps_safetensors_view *view, uint32_t rows, uint32_t columns)
{
    if (view->rows == rows && view->columns == columns)
        return CPS_OK;
    return cps_fail(CPS_ERR_DATA, "'%s': tensor '%s' is %llu by %llu, but data and options make it %u by %u",
                    self->path, name, (unsigned long long)view->rows, (unsigned long long)view->columns, rows,
                    columns);
}

enum cps_status cps_initial_file_check(const struct cps_initial_file *self, const struct cps_plan *plan)
{
    CPS_TRY(check_shape(self, "user_factors.weight", &self->user_factors, plan->user_rows, plan->factors));
    CPS_TRY(check_shape(self, "movie_factors.weight", &self->movie_factors, plan->movie_rows, plan->factors));
    if (plan->model != CPS_MODEL_BIAS)
        return CPS_OK;
    if (!self->has_bias) {
        cps_fail(CPS_ERR_DATA, "'%s': no tensors 'user_bias.weight' and 'movie_bias.weight'", self->path);
        return cps_hint(CPS_ERR_DATA, "the file may be of the dot model: --model dot");
    }
    CPS_TRY(check_shape(self, "user_bias.weight", &self->user_bias, plan->user_rows, 1));
    return check_shape(self, "movie_bias.weight", &self->movie_bias, plan->movie_rows, 1);
}

static enum cps_status check_plan(const void *context, const struct cps_plan *plan)
{
    return cps_initial_file_check(context, plan);
}

static void copy_row(const void *context, const struct cps_plan *plan, uint32_t key, float *row)
{
    const struct cps_initial_file *self = context;
    bool is_user = key < plan->user_rows;
    size_t place = is_user ? key : key - plan->user_rows, factors = plan->factors;
    const char *values = is_user ? self->user_factors.data : self->movie_factors.data;
    memcpy(row, values + place * factors * sizeof(float), factors * sizeof(float));
    if (plan->model != CPS_MODEL_BIAS)
        return;
    const char *biases = is_user ? self->user_bias.data : self->movie_bias.data;
    memcpy(row + factors, biases + place * sizeof(float), sizeof(float));
}

struct cps_initial_rows cps_initial_file_rows(const struct cps_initial_file *self)
{
    return (struct cps_initial_rows){.context = self, .check = check_plan, .row = copy_row};
}
