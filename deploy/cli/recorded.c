/* run.json -> the options of its run, with paths valid from the current folder; see recorded.h. */
#include "deploy/cli/recorded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "deploy/training/settings.h"

/* The options that name files and folders to read. */
static const char *const path_options[] = {"data", "train", "valid", "init", "batch-order"};

static bool names_path(const char *option)
{
    for (size_t i = 0; i < sizeof path_options / sizeof path_options[0]; i++)
        if (strcmp(option, path_options[i]) == 0)
            return true;
    return false;
}

/* A path of the record is relative to the folder in which the run was started, if that still exists, and
 * otherwise to the current folder. */
static const char *find_path(const struct cps_run_reader *run, const char *path, char out[4096])
{
    char here[4096];
    struct stat info;
    if (path[0] == '/' || !run->folder || (getcwd(here, sizeof here) && strcmp(here, run->folder) == 0))
        return path;
    int length = snprintf(out, 4096, "%s/%s", run->folder, path);
    return length > 0 && length < 4096 && stat(out, &info) == 0 ? out : path;
}

static enum cps_status adopt_options(const struct cps_run_reader *run, struct cps_options *options,
                                     struct cps_text *differing, bool *other_data)
{
    struct cps_option_setting *settings;
    char where[sizeof run->path + 8], paths[sizeof path_options / sizeof path_options[0]][4096];
    size_t path_count = 0;
    CPS_TRY(cps_alloc("recorded options", run->option_count, sizeof *settings, &settings));
    for (size_t i = 0; i < run->option_count; i++) {
        const struct cps_run_option *option = &run->options[i];
        settings[i] = (struct cps_option_setting){option->name, option->value, option->given};
        if (option->value && names_path(option->name))
            settings[i].value = find_path(run, option->value, paths[path_count++]);
    }
    snprintf(where, sizeof where, "'%s': ", run->path);
    enum cps_status status =
        cps_options_adopt(options, where, settings, run->option_count, differing, other_data);
    free(settings);
    /* The first runs did not record whether they found ratings that no option named. */
    return status == CPS_OK && !run->names_inputs ? cps_settings_find_data(options) : status;
}

static enum cps_status check_path(const struct cps_run_reader *run, const struct cps_options *options,
                                  const char *name, const char *path)
{
    const char *folder = run->folder;
    struct stat info;
    if (!path || cps_options_source(options, name) == CPS_SOURCE_COMMAND_LINE || stat(path, &info) == 0)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "cannot read '%s', the recorded '--%s': %s", path, name, strerror(errno));
    if (path[0] == '/')
        return cps_hint(CPS_ERR_DATA, "if it was moved, give its new path with '--%s'", name);
    return cps_hint(CPS_ERR_DATA, "the run was started in '%.200s'; say where it is now with '--%s'",
                    folder ? folder : "another folder", name);
}

static enum cps_status check_paths(const struct cps_run_reader *run, const struct cps_options *options)
{
    const char *const paths[] = {options->data, options->train, options->valid, options->init,
                                 options->batch_order};
    _Static_assert(sizeof paths == sizeof path_options, "a path for each of the names");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        CPS_TRY(check_path(run, options, path_options[i], paths[i]));
    return CPS_OK;
}

enum cps_status cps_recorded_adopt(const struct cps_run_reader *run, struct cps_options *options,
                                   struct cps_text *differing, bool *other_data)
{
    CPS_TRY(adopt_options(run, options, differing, other_data));
    return check_paths(run, options);
}
