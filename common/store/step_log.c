/* The step log: each step -> a line in memory -> steps.csv; see step_log.h. */
#include "common/store/step_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/store/run_folder.h"

#define COLUMNS "step,lr,mom,loss\n"

enum cps_status cps_step_log_open(struct cps_step_log *self, const struct cps_run_folder *folder)
{
    char path[CPS_RUN_FILE_BYTES];
    cps_run_folder_file(folder, "steps.csv", path);
    return cps_append_file_open(&self->file, path, COLUMNS, strlen(COLUMNS));
}

enum cps_status cps_step_log_continue(struct cps_step_log *self, const struct cps_run_folder *folder,
                                      uint64_t bytes, bool *is_short)
{
    char path[CPS_RUN_FILE_BYTES];
    cps_run_folder_file(folder, "steps.csv", path);
    CPS_TRY(cps_append_file_continue(&self->file, path, bytes, is_short));
    if (self->file.kept_bytes > 0)
        return CPS_OK;
    CPS_TRY(cps_text_add(&self->file.tail, COLUMNS));
    return cps_append_file_flush(&self->file);
}

enum cps_status cps_step_log_add(struct cps_step_log *self, uint64_t step, double lr, double mom, double loss)
{
    char text[32] = "nan";
    if (!isnan(loss))
        snprintf(text, sizeof text, "%.9g", loss);
    return cps_text_add(&self->file.tail, "%llu,%.9g,%.9g,%s\n", (unsigned long long)step, lr, mom, text);
}

enum cps_status cps_step_log_flush(struct cps_step_log *self)
{
    return cps_append_file_flush(&self->file);
}

enum cps_status cps_step_log_close(struct cps_step_log *self)
{
    return cps_append_file_close(&self->file);
}
