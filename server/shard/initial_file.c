/* Initial rows from a safetensors file; see initial_file.h. */
#include "server/shard/initial_file.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/initial.h"
#include "common/store/id_index.h"

static enum cps_status find_tensors(struct cps_initial_file *self)
{
    CPS_TRY(cps_safetensors_find(self->file, "user_factors.weight", &self->user_factors));
    CPS_TRY(cps_safetensors_find(self->file, "movie_factors.weight", &self->movie_factors));
    self->has_bias = cps_safetensors_find(self->file, "user_bias.weight", &self->user_bias) == CPS_OK &&
                     cps_safetensors_find(self->file, "movie_bias.weight", &self->movie_bias) == CPS_OK;
    cps_error_clear();
    if (self->user_factors.rows > UINT32_MAX || self->movie_factors.rows > UINT32_MAX)
        return cps_fail(CPS_ERR_DATA, "'%s': more rows than 2^32", self->files.model);
    self->user_rows = (uint32_t)self->user_factors.rows;
    self->movie_rows = (uint32_t)self->movie_factors.rows;
    return CPS_OK;
}

enum cps_status cps_initial_file_open(struct cps_initial_file *self, const char *path)
{
    *self = (struct cps_initial_file){.file = NULL};
    CPS_TRY(cps_model_files_find(path, &self->files));
    CPS_TRY(cps_safetensors_open(self->files.model, &self->file));
    enum cps_status status = find_tensors(self);
    if (status != CPS_OK)
        cps_initial_file_close(self);
    return status;
}

void cps_initial_file_close(struct cps_initial_file *self)
{
    cps_safetensors_close(&self->file);
    cps_text_release(&self->row_of);
}

/* ---- rows by name ---- */

static enum cps_status match(struct cps_initial_file *self, const struct cps_row_names *names,
                             uint32_t tensor_rows, const struct cps_vocabulary *rows, bool by_title,
                             uint32_t *fresh)
{
    uint32_t *row_of;
    if (names->rows != tensor_rows)
        return cps_fail(CPS_ERR_DATA, "'%s' has %u rows, but the file of names beside it has %u",
                        self->files.model, tensor_rows, names->rows);
    CPS_TRY(cps_id_index_match(names, by_title, rows, &row_of));
    row_of[0] = 0; /* '#na#' */
    *fresh = 0;
    for (uint32_t row = 1; row < rows->rows; row++)
        *fresh += row_of[row] == CPS_ROW_NONE;
    enum cps_status status = cps_text_add_bytes(&self->row_of, row_of, rows->rows * sizeof *row_of);
    free(row_of);
    return status;
}

enum cps_status cps_initial_file_match(struct cps_initial_file *self, const struct cps_dataset *data)
{
    struct cps_row_names users = {0}, movies = {0};
    cps_text_clear(&self->row_of);
    enum cps_status status = cps_row_names_read(self->files.users, false, &users);
    if (status == CPS_OK)
        status = cps_row_names_read(self->files.movies, true, &movies);
    if (status == CPS_OK)
        status = match(self, &users, self->user_rows, &data->users, false, &self->new_users);
    if (status == CPS_OK)
        status = match(self, &movies, self->movie_rows, &data->movies, data->titled, &self->new_movies);
    cps_row_names_release(&users);
    cps_row_names_release(&movies);
    return status;
}

/* ---- rows of a plan ---- */

static enum cps_status check_shape(const struct cps_initial_file *self, const char *name,
                                   const struct cps_safetensors_view *view, uint32_t rows, uint32_t columns)
{
    if (view->rows == rows && view->columns == columns)
        return CPS_OK;
    return cps_fail(CPS_ERR_DATA, "'%s': tensor '%s' is %llu by %llu, but data and options make it %u by %u",
                    self->files.model, name, (unsigned long long)view->rows, (unsigned long long)view->columns,
                    rows, columns);
}

/* If rows are found by name, their number need not match. */
static uint32_t wanted_rows(const struct cps_initial_file *self, uint32_t of_plan, uint32_t of_tensors)
{
    return self->row_of.length ? of_tensors : of_plan;
}

enum cps_status cps_initial_file_check(const struct cps_initial_file *self, const struct cps_plan *plan)
{
    uint32_t users = wanted_rows(self, plan->user_rows, self->user_rows);
    uint32_t movies = wanted_rows(self, plan->movie_rows, self->movie_rows);
    if (self->row_of.length && self->row_of.length != cps_plan_keys(plan) * sizeof(uint32_t))
        return cps_fail(CPS_ERR_INTERNAL, "the rows of '%s' were matched with other ratings",
                        self->files.model);
    CPS_TRY(check_shape(self, "user_factors.weight", &self->user_factors, users, plan->factors));
    CPS_TRY(check_shape(self, "movie_factors.weight", &self->movie_factors, movies, plan->factors));
    if (plan->model != CPS_MODEL_BIAS)
        return CPS_OK;
    if (!self->has_bias) {
        cps_fail(CPS_ERR_DATA, "'%s': no tensors 'user_bias.weight' and 'movie_bias.weight'",
                 self->files.model);
        return cps_hint(CPS_ERR_DATA, "the file may be of the dot model: --model dot");
    }
    CPS_TRY(check_shape(self, "user_bias.weight", &self->user_bias, users, 1));
    return check_shape(self, "movie_bias.weight", &self->movie_bias, movies, 1);
}

static enum cps_status check_plan(const void *context, const struct cps_plan *plan)
{
    return cps_initial_file_check(context, plan);
}

/* Returns the tensors' row of key, or CPS_ROW_NONE. */
static uint32_t row_of_key(const struct cps_initial_file *self, const struct cps_plan *plan, uint32_t key)
{
    uint32_t row = key < plan->user_rows ? key : key - plan->user_rows;
    if (self->row_of.length)
        memcpy(&row, self->row_of.data + key * sizeof row, sizeof row);
    return row;
}

static void copy_row(const void *context, const struct cps_plan *plan, uint32_t key, float *row)
{
    const struct cps_initial_file *self = context;
    bool is_user = key < plan->user_rows;
    size_t place = row_of_key(self, plan, key), factors = plan->factors;
    if (place == CPS_ROW_NONE) {
        cps_initial_row(plan, key, row);
        return;
    }
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
