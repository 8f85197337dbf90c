/* A run's folder -> a model in memory; see trained.h. */
#include "common/inference/trained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/memory.h"
#include "common/base/numeric.h"
#include "common/base/sha256.h"
#include "common/base/text.h"
#include "common/store/model_files.h"
#include "common/store/run_reader.h"
#include "common/store/safetensors.h"

static bool exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* ---- which files ---- */

/* Reports a run without a model: an interrupted run has none, or one of an earlier epoch. */
static enum cps_status check_sha256(const struct cps_run_reader *run, const char *folder, const char *model)
{
    char hex[CPS_SHA256_HEX_BYTES];
    uint64_t bytes;
    if (!exists(model)) {
        cps_fail(CPS_ERR_DATA, "'%s' has no model; its state is '%.200s'", folder, run->state);
        return cps_hint(CPS_ERR_DATA, "a run writes model.safetensors when it ends");
    }
    CPS_TRY(cps_sha256_file(model, CPS_ERR_DATA, &bytes, hex));
    if (!run->model_sha256 || strcmp(run->model_sha256, hex) == 0)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "'%s' is not the model recorded by its run: its sha256 is %.16s…, not %.16s…", model,
             hex, run->model_sha256);
    return cps_hint(CPS_ERR_DATA, "it was damaged or replaced; 'collab-ps replay %s --out DIR' trains it again",
                    folder);
}

static enum cps_status check_run(const char *folder, const char *model, bool best)
{
    struct cps_run_reader run;
    CPS_TRY(cps_run_reader_open(&run, folder));
    enum cps_status status = best ? CPS_OK : check_sha256(&run, folder, model);
    cps_run_reader_close(&run);
    return status;
}

static enum cps_status find_files(const char *path, bool best, struct cps_model_files *out)
{
    CPS_TRY(cps_model_files_find(path, out));
    if (!out->is_run)
        return CPS_OK;
    char name[sizeof out->model];
    int length = snprintf(name, sizeof name, "%.*s/model-best.safetensors", (int)sizeof name - 32, path);
    bool other = best && length > 0 && exists(name);
    if (other)
        memcpy(out->model, name, sizeof name);
    return check_run(path, out->model, other);
}

/* ---- contents ---- */

/* "0,5.5" or "none". */
static bool read_range(const char *text, struct cps_plan *plan)
{
    char low[64];
    double lo, hi;
    size_t length = text ? strcspn(text, ",") : 0;
    plan->has_range = text && strcmp(text, "none") != 0;
    if (!plan->has_range)
        return text != NULL;
    if (!text[length] || length >= sizeof low)
        return false;
    snprintf(low, sizeof low, "%.*s", (int)length, text);
    if (!cps_text_to_double(low, &lo) || !cps_text_to_double(text + length + 1, &hi))
        return false;
    plan->range_low = (float)lo;
    plan->range_high = (float)hi;
    return plan->range_low < plan->range_high;
}

/* Written only if there is one. */
static bool read_offset(const char *text, struct cps_plan *plan)
{
    double offset = 0;
    bool good = !text || cps_text_to_double(text, &offset);
    plan->offset = (float)offset;
    return good;
}

static enum cps_status read_metadata(const struct cps_safetensors *file, const char *path,
                                     struct cps_plan *plan)
{
    const char *kind = cps_safetensors_metadata(file, "model");
    plan->model = kind && strcmp(kind, "bias") == 0 ? CPS_MODEL_BIAS : CPS_MODEL_DOT;
    if (kind && (strcmp(kind, "bias") == 0 || strcmp(kind, "dot") == 0) &&
        read_range(cps_safetensors_metadata(file, "y_range"), plan) &&
        read_offset(cps_safetensors_metadata(file, "offset"), plan))
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "the metadata of '%s' lacks the kind of model or its range", path);
    return cps_hint(CPS_ERR_DATA, "its metadata needs 'model' (dot or bias) and 'y_range' (LO,HI or none)");
}

static enum cps_status find_tensor(const struct cps_safetensors *file, const char *path, const char *name,
                                   uint64_t rows, uint64_t columns, struct cps_safetensors_view *out)
{
    CPS_TRY(cps_safetensors_find(file, name, out));
    if (out->rows == rows && out->columns == columns)
        return CPS_OK;
    return cps_fail(CPS_ERR_DATA, "'%s': tensor '%s' is %llu by %llu and not %llu by %llu", path, name,
                    (unsigned long long)out->rows, (unsigned long long)out->columns, (unsigned long long)rows,
                    (unsigned long long)columns);
}

static void copy_rows(struct cps_trained *self, uint32_t first, const struct cps_safetensors_view *view)
{
    size_t bytes = view->columns * sizeof(float);
    for (uint64_t row = 0; row < view->rows; row++)
        memcpy(self->rows + (first + row) * self->stride, (const char *)view->data + row * bytes, bytes);
}

static enum cps_status read_biases(struct cps_trained *self, const struct cps_safetensors *file,
                                   const char *path)
{
    struct cps_safetensors_view users, movies;
    const struct cps_plan *plan = &self->plan;
    if (plan->model != CPS_MODEL_BIAS)
        return CPS_OK;
    CPS_TRY(find_tensor(file, path, "user_bias.weight", plan->user_rows, 1, &users));
    CPS_TRY(find_tensor(file, path, "movie_bias.weight", plan->movie_rows, 1, &movies));
    memcpy(self->bias, users.data, users.rows * sizeof(float));
    memcpy(self->bias + plan->user_rows, movies.data, movies.rows * sizeof(float));
    return CPS_OK;
}

static enum cps_status read_tensors(struct cps_trained *self, const struct cps_safetensors *file,
                                    const char *path)
{
    struct cps_safetensors_view users, movies;
    struct cps_plan *plan = &self->plan;
    CPS_TRY(cps_safetensors_find(file, "user_factors.weight", &users));
    CPS_TRY(find_tensor(file, path, "movie_factors.weight", self->movies.rows, users.columns, &movies));
    if (users.rows != self->users.rows || users.columns == 0 || users.columns > 65536)
        return cps_fail(CPS_ERR_DATA, "'%s' has %llu rows of users, 'users.tsv' beside it has %u", path,
                        (unsigned long long)users.rows, self->users.rows);
    plan->factors = (uint32_t)users.columns;
    plan->user_rows = self->users.rows;
    plan->movie_rows = self->movies.rows;
    self->stride = (uint32_t)cps_round_up(plan->factors, CPS_LANES);
    size_t keys = (size_t)plan->user_rows + plan->movie_rows;
    CPS_TRY(cps_alloc("the rows of a model", keys * self->stride, sizeof(float), &self->rows));
    CPS_TRY(cps_alloc("the biases of a model", keys, sizeof(float), &self->bias));
    copy_rows(self, 0, &users);
    copy_rows(self, plan->user_rows, &movies);
    return read_biases(self, file, path);
}

static enum cps_status read_all(struct cps_trained *self, const struct cps_model_files *paths)
{
    struct cps_safetensors *file;
    CPS_TRY(cps_kernels_select(CPS_ISA_AUTO, &self->kernels));
    CPS_TRY(cps_row_names_read(paths->users, false, &self->users));
    CPS_TRY(cps_row_names_read(paths->movies, true, &self->movies));
    CPS_TRY(cps_safetensors_open(paths->model, &file));
    enum cps_status status = read_metadata(file, paths->model, &self->plan);
    if (status == CPS_OK)
        status = read_tensors(self, file, paths->model);
    cps_safetensors_close(&file);
    return status;
}

enum cps_status cps_trained_open(const char *path, bool best, struct cps_trained *out)
{
    struct cps_model_files paths;
    struct cps_trained self = {0};
    CPS_TRY(find_files(path, best, &paths));
    enum cps_status status = read_all(&self, &paths);
    if (status != CPS_OK) {
        cps_trained_close(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_trained_close(struct cps_trained *self)
{
    free(self->rows);
    free(self->bias);
    cps_row_names_release(&self->users);
    cps_row_names_release(&self->movies);
    *self = (struct cps_trained){0};
}

/* ---- predicting ---- */

void cps_trained_scores(const struct cps_trained *self, const uint32_t *user_keys, const uint32_t *movie_keys,
                        size_t count, float *score)
{
    self->kernels->dot(self->rows, self->stride, user_keys, movie_keys, count, score);
    if (self->plan.model == CPS_MODEL_BIAS)
        for (size_t i = 0; i < count; i++)
            score[i] += self->bias[user_keys[i]] + self->bias[movie_keys[i]];
}

double cps_trained_exact_score(const struct cps_trained *self, const float *row, float bias, uint32_t movie_row)
{
    uint32_t key = cps_plan_movie_key(&self->plan, movie_row);
    const float *movie = cps_trained_row(self, key);
    double sum = (double)bias + (double)self->bias[key];
    for (uint32_t j = 0; j < self->plan.factors; j++)
        sum += (double)row[j] * (double)movie[j];
    return sum;
}

double cps_trained_prediction(const struct cps_trained *self, double score)
{
    const struct cps_plan *plan = &self->plan;
    score += (double)plan->offset;
    if (!plan->has_range)
        return score;
    double low = (double)plan->range_low, high = (double)plan->range_high;
    return low + (high - low) / (1 + cps_exp(-score));
}

double cps_trained_predict(const struct cps_trained *self, uint32_t user_row, uint32_t movie_row)
{
    const float *row = cps_trained_row(self, user_row);
    return cps_trained_prediction(self, cps_trained_exact_score(self, row, self->bias[user_row], movie_row));
}
