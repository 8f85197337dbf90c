/* Temporary folders; see scratch.h. */
#include "deploy/cli/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum cps_status cps_scratch_make(const char *command, char path[CPS_SCRATCH_BYTES])
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(path, CPS_SCRATCH_BYTES, "%s/collab-ps-%s-XXXXXX",
                          parent && parent[0] ? parent : "/tmp", command);
    if (length > 0 && length < CPS_SCRATCH_BYTES && mkdtemp(path))
        return CPS_OK;
    cps_fail(CPS_ERR_STORAGE, "cannot make a temporary folder '%.200s': %s", path, strerror(errno));
    path[0] = '\0';
    return CPS_ERR_STORAGE;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

void cps_scratch_remove(const char *path)
{
    if (path[0])
        nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
