/* See ram.h; for the defaults of --memory. */
#include "common/base/ram.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t available(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char line[256];
    uint64_t kilobytes, found = UINT64_MAX;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
            found = kilobytes * 1024;
    if (file)
        fclose(file);
    return found;
}

/* The number in a file; UINT64_MAX if there is none. */
static uint64_t number_in(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t number = UINT64_MAX;
    if (file && fscanf(file, "%" SCNu64, &number) != 1)
        number = UINT64_MAX;
    if (file)
        fclose(file);
    return number;
}

/* The least limit of a group and of those above it. In a container the path may be that of another view: the
 * root of the hierarchy is the container's group then. */
static uint64_t limit_of_group(const char *root, const char *name, char *path)
{
    uint64_t limit = UINT64_MAX;
    for (;;) {
        char file[1024];
        int length = snprintf(file, sizeof file, "%s%s/%s", root, path, name);
        if (length > 0 && (size_t)length < sizeof file)
            limit = least(limit, number_in(file));
        char *slash = strrchr(path, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

/* /proc/self/cgroup has a line for each hierarchy: number:controllers:path. */
static uint64_t group_limit(void)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[768], path[768];
    uint64_t limit = UINT64_MAX;
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "0::%767s", path) == 1)
            limit = least(limit, limit_of_group("/sys/fs/cgroup", "memory.max", path));
        else if (sscanf(line, "%*u:memory:%767s", path) == 1)
            limit = least(limit, limit_of_group("/sys/fs/cgroup/memory", "memory.limit_in_bytes", path));
    }
    if (file)
        fclose(file);
    return limit;
}

static uint64_t resource_limit(int resource)
{
    struct rlimit limit;
    return getrlimit((__rlimit_resource_t)resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY
               ? limit.rlim_cur
               : UINT64_MAX;
}

uint64_t cps_ram_bytes(void)
{
    uint64_t bytes = least(available(), group_limit());
    bytes = least(bytes, least(resource_limit(RLIMIT_AS), resource_limit(RLIMIT_DATA)));
    return bytes == UINT64_MAX ? 0 : bytes;
}
