/* Listing, keeping and removing checkpoints; see checkpoint.h. */
#include "common/store/checkpoint_folders.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/base/text.h"
#include "common/store/checkpoint_manifest.h"

static const char STEP[] = "step-";

void cps_checkpoint_folder(const char *run_folder, uint64_t step, char out[CPS_CHECKPOINT_PATH_BYTES])
{
    snprintf(out, CPS_CHECKPOINT_PATH_BYTES, "%.3840s/checkpoints/%s%010" PRIu64, run_folder, STEP, step);
}

void cps_checkpoint_steps_release(struct cps_checkpoint_steps *self)
{
    free(self->step);
    free(self->has_manifest);
    *self = (struct cps_checkpoint_steps){0};
}

/* The number in "step-0000001250". */
static bool step_of(const char *name, uint64_t *out)
{
    const char *digits = name + strlen(STEP);
    return strncmp(name, STEP, strlen(STEP)) == 0 && strlen(digits) >= 10 &&
           strspn(digits, "0123456789") == strlen(digits) && cps_text_to_u64(digits, out);
}

static enum cps_status add_step(struct cps_checkpoint_steps *self, uint64_t step)
{
    size_t place = self->count;
    CPS_TRY(cps_grow("checkpoints", &self->step, &self->step_capacity, self->count + 1, sizeof *self->step));
    CPS_TRY(cps_grow("checkpoints", &self->has_manifest, &self->flag_capacity, self->count + 1,
                     sizeof *self->has_manifest));
    for (; place > 0 && self->step[place - 1] > step; place--)
        self->step[place] = self->step[place - 1];
    self->step[place] = step;
    self->count++;
    return CPS_OK;
}

static void look_for_manifests(struct cps_checkpoint_steps *self, const char *run_folder)
{
    char path[CPS_CHECKPOINT_PATH_BYTES], manifest[CPS_CHECKPOINT_PATH_BYTES + 16];
    for (size_t i = 0; i < self->count; i++) {
        cps_checkpoint_folder(run_folder, self->step[i], path);
        snprintf(manifest, sizeof manifest, "%s/manifest", path);
        self->has_manifest[i] = access(manifest, F_OK) == 0;
    }
}

enum cps_status cps_checkpoint_steps_list(const char *run_folder, struct cps_checkpoint_steps *out)
{
    char path[CPS_CHECKPOINT_PATH_BYTES];
    snprintf(path, sizeof path, "%.3840s/checkpoints", run_folder);
    *out = (struct cps_checkpoint_steps){0};
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT ? CPS_OK
                               : cps_fail(CPS_ERR_STORAGE, "cannot read '%s': %s", path, strerror(errno));
    enum cps_status status = CPS_OK;
    uint64_t step;
    for (struct dirent *entry; status == CPS_OK && (entry = readdir(folder));)
        if (step_of(entry->d_name, &step))
            status = add_step(out, step);
    closedir(folder);
    if (status == CPS_OK)
        look_for_manifests(out, run_folder);
    else
        cps_checkpoint_steps_release(out);
    return status;
}

static enum cps_status remove_error(const char *folder, const char *name)
{
    return cps_fail(CPS_ERR_STORAGE, "cannot remove '%s/%s': %s", folder, name, strerror(errno));
}

enum cps_status cps_checkpoint_remove(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT ? CPS_OK
                               : cps_fail(CPS_ERR_STORAGE, "cannot read '%s': %s", path, strerror(errno));
    enum cps_status status = CPS_OK;
    if (unlinkat(dirfd(folder), "manifest", 0) != 0 && errno != ENOENT)
        status = remove_error(path, "manifest");
    for (struct dirent *entry; status == CPS_OK && (entry = readdir(folder));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            status = remove_error(path, entry->d_name);
    closedir(folder);
    if (status == CPS_OK && rmdir(path) != 0)
        status = remove_error(path, "");
    return status;
}

enum cps_status cps_checkpoints_prune(const char *run_folder, uint32_t keep, uint64_t best_step)
{
    struct cps_checkpoint_steps steps;
    char folder[CPS_CHECKPOINT_PATH_BYTES];
    uint32_t kept = 0;
    CPS_TRY(cps_checkpoint_steps_list(run_folder, &steps));
    enum cps_status status = CPS_OK;
    for (size_t i = steps.count; status == CPS_OK && i-- > 0;) {
        bool last = steps.has_manifest[i] && kept < keep;
        kept += last;
        if (last || (steps.has_manifest[i] && best_step && steps.step[i] == best_step))
            continue;
        cps_checkpoint_folder(run_folder, steps.step[i], folder);
        status = cps_checkpoint_remove(folder);
    }
    cps_checkpoint_steps_release(&steps);
    return status;
}

enum cps_status cps_checkpoints_rewind(const char *run_folder, uint64_t step)
{
    struct cps_checkpoint_steps steps;
    char folder[CPS_CHECKPOINT_PATH_BYTES];
    CPS_TRY(cps_checkpoint_steps_list(run_folder, &steps));
    enum cps_status status = CPS_OK;
    for (size_t i = 0; status == CPS_OK && i < steps.count; i++) {
        cps_checkpoint_folder(run_folder, steps.step[i], folder);
        if (steps.step[i] > step)
            status = cps_checkpoint_remove(folder);
    }
    cps_checkpoint_steps_release(&steps);
    return status;
}

enum cps_status cps_checkpoints_remove(const char *run_folder)
{
    return cps_checkpoints_prune(run_folder, 0, 0);
}
