/*
 * Identifies hosts. Names do not suffice: two containers of one kernel may have the same name but different
 * networks, and two machines may both be called localhost.
 */
#include "common/cluster/host.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void cps_host_name(char *out, size_t bytes)
{
    if (gethostname(out, bytes) != 0)
        snprintf(out, bytes, "unknown");
    out[bytes - 1] = '\0';
}

void cps_host_identity(char *out, size_t bytes)
{
    char boot[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file) {
        if (fgets(boot, sizeof boot, file))
            boot[strcspn(boot, "\n")] = '\0';
        fclose(file);
    }
    struct stat network = {0};
    stat("/proc/self/ns/net", &network);
    char name[64];
    cps_host_name(name, sizeof name);
    /* The name is used if there is no boot id. */
    snprintf(out, bytes, "%s/%llu/%llu", boot[0] ? boot : name, (unsigned long long)network.st_dev,
             (unsigned long long)network.st_ino);
}

int cps_host_widen_affinity(void)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    /* The kernel reduces the mask to what the control group allows. */
    sched_setaffinity(0, sizeof all, &all);
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    return CPU_COUNT(&allowed);
}

static uint32_t open_files(void)
{
    uint32_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

enum cps_status cps_host_need_address_space(uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur >= bytes)
        return CPS_OK;
    cps_fail(CPS_ERR_MEMORY, "%llu MiB of memory are allowed, and a rank of this job needs %llu",
             (unsigned long long)limit.rlim_cur >> 20, (unsigned long long)bytes >> 20);
    return cps_hint(CPS_ERR_MEMORY, "raise 'ulimit -v'");
}

enum cps_status cps_host_need_file_size(uint64_t bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= bytes)
        return CPS_OK;
    cps_fail(CPS_ERR_STORAGE,
             "files of %llu KiB are allowed, and a rank of this job needs %llu to share memory",
             (unsigned long long)limit.rlim_cur >> 10, (unsigned long long)bytes >> 10);
    return cps_hint(CPS_ERR_STORAGE, "raise 'ulimit -f'");
}

enum cps_status cps_host_need_files(uint32_t count)
{
    struct rlimit limit;
    uint64_t needed = (uint64_t)open_files() + count;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
        return CPS_OK;
    limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
    if (limit.rlim_cur >= needed && setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "%llu open files are allowed, and this process needs %llu",
             (unsigned long long)limit.rlim_max, (unsigned long long)needed);
    return cps_hint(CPS_ERR_USAGE, "raise 'ulimit -n'");
}
