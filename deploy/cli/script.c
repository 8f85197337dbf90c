/*
 * Starts the Python programs that compare curves and draw pages.
 *
 *   collab-ps compare ARGUMENTS -> python3 TOOLS compare ARGUMENTS, in the same process
 *
 * TOOLS is the folder of the Python package and its __main__.py. Its path is relative to this executable, so
 * that an installed tree may be moved; for a program that was not installed it is deploy/tools in the sources.
 */
#include "deploy/cli/script.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/memory.h"
#include "common/cluster/launcher.h"

/* The path of this executable, or "collab-ps" if it cannot be found out. */
static void find_self(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    if (length > 0)
        path[length] = '\0';
    else
        snprintf(path, PATH_MAX, "collab-ps");
}

static bool has_main(const char *tools)
{
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/__main__.py", tools) < PATH_MAX && access(path, R_OK) == 0;
}

static enum cps_status find_tools(const char *self, char tools[PATH_MAX])
{
    const char *slash = strrchr(self, '/');
    int folder = slash ? (int)(slash - self) : 0;
    int length = snprintf(tools, PATH_MAX, "%.*s/%s", folder, self, CPS_TOOLS_INSTALLED);
    if (length < PATH_MAX && has_main(tools))
        return CPS_OK;
    length = snprintf(tools, PATH_MAX, "%s", CPS_TOOLS_SOURCE);
    if (length < PATH_MAX && has_main(tools))
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "the Python part is neither in '%s' seen from this program nor in '%s'",
             CPS_TOOLS_INSTALLED, CPS_TOOLS_SOURCE);
    return cps_hint(CPS_ERR_USAGE, "install the whole of collab-ps: cmake --install build/release");
}

/* Debian's Python comes first, because set-up installs packages for it. */
static const char *find_python(void)
{
    static const char debian[] = "/usr/bin/python3";
    const char *given = getenv("COLLAB_PS_PYTHON");
    if (given && given[0])
        return given;
    return access(debian, X_OK) == 0 ? debian : "python3";
}

static size_t count(const char *const *arguments)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    return count;
}

static enum cps_status become(const char *python, const char *tools, const char *name,
                              const char *const *arguments)
{
    const char **argv;
    size_t given = count(arguments);
    CPS_TRY(cps_alloc("arguments of a program", given + 4, sizeof *argv, &argv));
    argv[0] = python;
    argv[1] = tools;
    argv[2] = name;
    memcpy(argv + 3, arguments, (given + 1) * sizeof *argv);
    execvp(python, (char *const *)argv);
    cps_fail(CPS_ERR_USAGE, "cannot run '%s': %s", python, strerror(errno));
    free(argv);
    return cps_hint(CPS_ERR_USAGE, "apt-get install python3, or set COLLAB_PS_PYTHON to another one");
}

enum cps_status cps_script(const char *name, const char *const *arguments)
{
    char self[PATH_MAX], tools[PATH_MAX];
    if (strcmp(name, "experiment") == 0 && cps_launcher_find().ranks != 1) {
        cps_fail(CPS_ERR_USAGE, "'collab-ps experiment' starts the ranks of its runs itself");
        return cps_hint(CPS_ERR_USAGE, "call it without mpirun; a run's file has 'ranks'");
    }
    find_self(self);
    CPS_TRY(find_tools(self, tools));
    setenv("COLLAB_PS_PROGRAM", self, 0); /* the program with which an experiment trains */
    return become(find_python(), tools, name, arguments);
}
