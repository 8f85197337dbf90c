/* Two run folders, read -> the first difference; see run_difference.h. */
#include "common/store/run_difference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool same_loss(double a, double b)
{
    char nine_of_a[32], nine_of_b[32];
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    snprintf(nine_of_a, sizeof nine_of_a, "%.9g", a);
    snprintf(nine_of_b, sizeof nine_of_b, "%.9g", b);
    return strcmp(nine_of_a, nine_of_b) == 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static double valid_loss(const struct cps_epoch_record *epoch)
{
    return epoch->has_valid ? epoch->valid_loss : (double)NAN;
}

/* The number of steps of an epoch, or of all recorded steps if no epoch ended. */
static uint64_t steps_per_epoch(const struct cps_run_reader *run)
{
    return run->history.count && run->history.epochs[0].steps ? run->history.epochs[0].steps : UINT64_MAX;
}

static bool find_step(const struct cps_run_reader *recorded, const struct cps_run_reader *now,
                      struct cps_run_difference *out)
{
    for (uint64_t step = 0; step < out->steps; step++) {
        if (same_loss(recorded->losses[step], now->losses[step]))
            continue;
        out->kind = CPS_RUN_DIFFERENCE_STEP;
        out->step = step;
        out->epoch = step / smaller(steps_per_epoch(recorded), steps_per_epoch(now));
        out->recorded = recorded->losses[step];
        out->now = now->losses[step];
        return true;
    }
    return false;
}

static bool find_in_epoch(const struct cps_epoch_record *recorded, const struct cps_epoch_record *now,
                          struct cps_run_difference *out)
{
    out->epoch = recorded->epoch;
    out->kind = CPS_RUN_DIFFERENCE_TRAIN_LOSS;
    out->recorded = recorded->train_loss;
    out->now = now->train_loss;
    if (!same_loss(out->recorded, out->now))
        return true;
    out->kind = CPS_RUN_DIFFERENCE_VALID_LOSS;
    out->recorded = valid_loss(recorded);
    out->now = valid_loss(now);
    if (recorded->has_valid != now->has_valid || !same_loss(out->recorded, out->now))
        return true;
    out->kind = CPS_RUN_DIFFERENCE_NONE;
    return false;
}

/* Compares the epochs that end before the step in out, if it has one. */
static bool find_epoch(const struct cps_run_reader *recorded, const struct cps_run_reader *now,
                       struct cps_run_difference *out)
{
    struct cps_run_difference found = *out;
    for (uint64_t i = 0; i < out->epochs; i++) {
        const struct cps_epoch_record *epoch = &recorded->history.epochs[i];
        if (out->kind == CPS_RUN_DIFFERENCE_STEP && epoch->steps > out->step)
            return false;
        if (find_in_epoch(epoch, &now->history.epochs[i], &found)) {
            *out = found;
            return true;
        }
    }
    return false;
}

static bool both_and_unlike(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

void cps_run_difference_find(const struct cps_run_reader *recorded, const struct cps_run_reader *now,
                             struct cps_run_difference *out)
{
    *out = (struct cps_run_difference){.steps = smaller(recorded->loss_count, now->loss_count),
                                       .epochs = smaller(recorded->history.count, now->history.count)};
    bool by_step = find_step(recorded, now, out);
    bool by_epoch = find_epoch(recorded, now, out);
    if (by_step || by_epoch || recorded->history.count != now->history.count)
        return;
    if (both_and_unlike(recorded->curve_sha256, now->curve_sha256))
        out->kind = CPS_RUN_DIFFERENCE_CURVE_HASH;
    else if (recorded->curve_sha256 && now->curve_sha256 &&
             both_and_unlike(recorded->model_sha256, now->model_sha256))
        out->kind = CPS_RUN_DIFFERENCE_MODEL_HASH;
}
