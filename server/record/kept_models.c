/* Models of past epochs in memory; see kept_models.h. */
#include "server/record/kept_models.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

void cps_kept_models_init(struct cps_kept_models *self, const struct cps_plan *plan)
{
    *self = (struct cps_kept_models){.keys = cps_plan_keys(plan), .width = cps_plan_row_width(plan)};
}

void cps_kept_models_release(struct cps_kept_models *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->models[i]->rows);
        free(self->models[i]);
    }
    free(self->models);
    *self = (struct cps_kept_models){0};
}

/* Allocates one more model. */
static enum cps_status add_model(struct cps_kept_models *self, struct cps_kept_model **out)
{
    CPS_TRY(
        cps_grow("models of epochs", &self->models, &self->capacity, self->count + 1, sizeof *self->models));
    CPS_TRY(cps_alloc("the model of an epoch", 1, sizeof **out, out));
    enum cps_status status = cps_alloc("the model of an epoch", (size_t)self->keys * self->width,
                                       sizeof *(*out)->rows, &(*out)->rows);
    if (status == CPS_OK)
        self->models[self->count++] = *out;
    else
        free(*out);
    return status;
}

/* Returns a model that may be overwritten. */
static enum cps_status take_model(struct cps_kept_models *self, struct cps_kept_model **out)
{
    for (size_t i = 0; i < self->count; i++) {
        *out = self->models[i];
        if (*out != self->best && (*out)->pins == 0)
            return CPS_OK;
    }
    return add_model(self, out);
}

enum cps_status cps_kept_models_begin(struct cps_kept_models *self, uint32_t epoch, bool is_best)
{
    struct cps_kept_model *model;
    CPS_TRY(take_model(self, &model));
    model->epoch = epoch;
    model->whole = false;
    if (self->last == model)
        self->last = self->best;
    self->under_way = model;
    self->is_best = is_best;
    return CPS_OK;
}

void cps_kept_models_add(struct cps_kept_models *self, uint32_t first_key, uint32_t count, const float *rows)
{
    struct cps_kept_model *model = self->under_way;
    memcpy(model->rows + (size_t)first_key * self->width, rows, (size_t)count * self->width * sizeof *rows);
    if (first_key + count < self->keys)
        return;
    model->whole = true;
    self->last = model;
    if (self->is_best)
        self->best = model;
}

enum cps_status cps_kept_models_restore(struct cps_kept_models *self, uint32_t epoch, const float *rows)
{
    CPS_TRY(add_model(self, &self->best));
    memcpy(self->best->rows, rows, (size_t)self->keys * self->width * sizeof *rows);
    self->best->epoch = epoch;
    self->best->whole = true;
    return CPS_OK;
}

struct cps_kept_model *cps_kept_models_pin(struct cps_kept_models *self, uint32_t epoch)
{
    for (size_t i = 0; i < self->count; i++) {
        struct cps_kept_model *model = self->models[i];
        if (model->epoch != epoch || !(model->whole || model == self->under_way))
            continue;
        model->pins++;
        return model;
    }
    return NULL;
}

void cps_kept_model_unpin(struct cps_kept_model *model)
{
    if (model)
        model->pins--;
}
