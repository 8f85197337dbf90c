/*
 * The loss curve as text and as a hash. Both come from one function that writes the
 * three columns of the curve, so that the file and the hash always agree.
 *
 * coordinator, end of an epoch -> add -> write -> history.csv
 *                                  end of the run -> hash -> run.json, summary
 */
#include "common/store/history.h"

#include <math.h>
#include <stdlib.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/store/run_folder.h"

#define CURVE_COLUMNS "epoch,train_loss,valid_loss"
#define TIME_COLUMNS "compute_s,wait_s,optimizer_s,validation_s,save_s"
#define METRIC_COLUMNS "valid_rmse,valid_mae"

void cps_history_release(struct cps_history *self)
{
    free(self->epochs);
    *self = (struct cps_history){0};
}

enum cps_status cps_history_add(struct cps_history *self, const struct cps_epoch_record *epoch)
{
    CPS_TRY(cps_grow("the history", &self->epochs, &self->capacity, self->count + 1, sizeof *epoch));
    self->epochs[self->count++] = *epoch;
    return CPS_OK;
}

const struct cps_epoch_record *cps_history_best(const struct cps_history *self)
{
    const struct cps_epoch_record *best = NULL;
    for (size_t i = 0; i < self->count; i++) {
        const struct cps_epoch_record *epoch = &self->epochs[i];
        bool better = !best || (epoch->has_valid ? !best->has_valid || epoch->valid_loss < best->valid_loss
                                                 : !best->has_valid && epoch->train_loss < best->train_loss);
        if (better)
            best = epoch;
    }
    return best;
}

uint32_t cps_history_idle_epochs(const struct cps_history *self)
{
    const struct cps_epoch_record *best = cps_history_best(self);
    if (!best || !best->has_valid)
        return 0;
    return self->epochs[self->count - 1].epoch - best->epoch;
}

/* The C library may print a NaN with or without a sign. */
static enum cps_status add_loss(struct cps_text *text, double loss)
{
    return isnan(loss) ? cps_text_add(text, "nan") : cps_text_add(text, "%.9g", loss);
}

static enum cps_status add_curve_columns(struct cps_text *text, const struct cps_epoch_record *epoch)
{
    CPS_TRY(cps_text_add(text, "%u,", (unsigned)epoch->epoch));
    CPS_TRY(add_loss(text, epoch->train_loss));
    CPS_TRY(cps_text_add(text, ","));
    return epoch->has_valid ? add_loss(text, epoch->valid_loss) : CPS_OK;
}

static enum cps_status add_metric_columns(struct cps_text *text, const struct cps_epoch_record *epoch)
{
    if (!epoch->has_valid)
        return cps_text_add(text, ",\n");
    CPS_TRY(add_loss(text, sqrt(epoch->valid_loss)));
    CPS_TRY(cps_text_add(text, ","));
    CPS_TRY(add_loss(text, epoch->valid_mae));
    return cps_text_add(text, "\n");
}

enum cps_status cps_history_text(const struct cps_history *self, struct cps_text *text)
{
    CPS_TRY(
        cps_text_add(text, CURVE_COLUMNS ",time_s,steps,ratings_per_s," TIME_COLUMNS "," METRIC_COLUMNS "\n"));
    for (size_t i = 0; i < self->count; i++) {
        const struct cps_epoch_record *epoch = &self->epochs[i];
        CPS_TRY(add_curve_columns(text, epoch));
        CPS_TRY(cps_text_add(text, ",%.6f,%llu,%.0f,", epoch->time_s, (unsigned long long)epoch->steps,
                             epoch->ratings_per_s));
        CPS_TRY(cps_text_add(text, "%.6f,%.6f,%.6f,%.6f,%.6f,", epoch->spent.compute, epoch->spent.wait,
                             epoch->spent.optimizer, epoch->spent.validation, epoch->spent.save));
        CPS_TRY(add_metric_columns(text, epoch));
    }
    return CPS_OK;
}

enum cps_status cps_history_write(const struct cps_history *self, const struct cps_run_folder *folder)
{
    char path[CPS_RUN_FILE_BYTES];
    struct cps_text text = {0};
    cps_run_folder_file(folder, "history.csv", path);
    enum cps_status status = cps_history_text(self, &text);
    if (status == CPS_OK)
        status = cps_file_replace(path, text.data, text.length);
    cps_text_release(&text);
    return status;
}

static enum cps_status add_curve(struct cps_text *text, const struct cps_history *self)
{
    CPS_TRY(cps_text_add(text, CURVE_COLUMNS "\n"));
    for (size_t i = 0; i < self->count; i++) {
        CPS_TRY(add_curve_columns(text, &self->epochs[i]));
        CPS_TRY(cps_text_add(text, "\n"));
    }
    return CPS_OK;
}

enum cps_status cps_history_hash(const struct cps_history *self, char hex[CPS_SHA256_HEX_BYTES])
{
    struct cps_text text = {0};
    struct cps_sha256 *sha = NULL;
    enum cps_status status = add_curve(&text, self);
    if (status == CPS_OK)
        status = cps_sha256_create(&sha);
    if (status == CPS_OK) {
        uint8_t digest[CPS_SHA256_BYTES];
        cps_sha256_add(sha, text.data, text.length);
        cps_sha256_finish(sha, digest);
        cps_sha256_to_hex(digest, hex);
        cps_sha256_destroy(&sha);
    }
    cps_text_release(&text);
    return status;
}
