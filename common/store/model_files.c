/* A path -> the files of a model; see model_files.h. */
#include "common/store/model_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum cps_status join(const char *folder, const char *name, char out[CPS_MODEL_PATH_BYTES])
{
    int length = snprintf(out, CPS_MODEL_PATH_BYTES, "%s/%s", folder, name);
    if (length > 0 && length < CPS_MODEL_PATH_BYTES)
        return CPS_OK;
    return cps_fail(CPS_ERR_USAGE, "the path '%.100s…' is too long", folder);
}

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

enum cps_status cps_model_files_find(const char *path, struct cps_model_files *out)
{
    struct stat info;
    char folder[CPS_MODEL_PATH_BYTES] = ".";
    *out = (struct cps_model_files){.is_run = false};
    if (stat(path, &info) != 0) {
        cps_fail(CPS_ERR_DATA, "there is no run or model '%s'", path);
        return cps_hint(CPS_ERR_DATA,
                        "a run is a folder that 'collab-ps' has written, runs/… when no --out was given");
    }
    out->is_run = S_ISDIR(info.st_mode);
    const char *slash = strrchr(path, '/');
    if (out->is_run)
        snprintf(folder, sizeof folder, "%s", path);
    else if (slash)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (out->is_run)
        CPS_TRY(join(folder, "model.safetensors", out->model));
    else
        snprintf(out->model, sizeof out->model, "%s", path);
    CPS_TRY(join(folder, "users.tsv", out->users));
    CPS_TRY(join(folder, "movies.tsv", out->movies));
    out->has_names = is_file(out->users) && is_file(out->movies);
    return CPS_OK;
}
