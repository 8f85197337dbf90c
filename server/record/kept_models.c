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
    free(self->models[0].rows);
    free(self->models[1].rows);
    *self = (struct cps_kept_models){0};
}

enum cps_status cps_kept_models_begin(struct cps_kept_models *self, uint32_t epoch, bool is_best)
{
    struct cps_kept_model *model = &self->models[self->best == &self->models[0]];
    if (!model->rows)
        CPS_TRY(cps_alloc("the model of an epoch", (size_t)self->keys * self->width, sizeof *model->rows,
                          &model->rows));
    model->epoch = epoch;
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
    self->last = model;
    if (self->is_best)
        self->best = model;
}
