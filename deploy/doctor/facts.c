/* Facts of the system, the libraries and the files on this rank; see facts.h. */
#include "deploy/doctor/facts.h"

#include <errno.h>
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zmq.h>

#include "common/model/kernels.h"
#include "common/net/interface.h"
#include "common/store/inputs.h"

static void find_libraries(struct cps_facts *out)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length, major, minor, patch;
    MPI_Get_library_version(text, &length);
    snprintf(out->mpi, sizeof out->mpi, "%.*s", (int)strcspn(text, ",\n"), text);
    zmq_version(&major, &minor, &patch);
    snprintf(out->zmq, sizeof out->zmq, "%d.%d.%d", major, minor, patch);
    out->curve = (uint32_t)zmq_has("curve");
    const char *bound = getenv("OMPI_MCA_btl_tcp_if_include");
    snprintf(out->mpi_networks, sizeof out->mpi_networks, "%s", bound ? bound : "");
}

/* Reads a number from a system file; fallback if it has none. */
static uint64_t number_in(const char *path, uint64_t fallback)
{
    unsigned long long value;
    FILE *file = fopen(path, "re");
    uint64_t found = file && fscanf(file, "%llu", &value) == 1 ? value : fallback;
    if (file)
        fclose(file);
    return found;
}

/* Cores that the control group allows, rounded up; 0 if it has no limit. */
static uint32_t quota(void)
{
    unsigned long long share, period;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    bool limited = file && fscanf(file, "%llu %llu", &share, &period) == 2 && period > 0;
    if (file)
        fclose(file);
    return limited ? (uint32_t)((share + period - 1) / period) : 0;
}

static void find_processor(struct cps_facts *out)
{
    static const char key[] = "model name";
    char line[512];
    cpu_set_t allowed;
    const struct cps_kernels *kernels;
    out->cores = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    out->bound_cores =
        sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? (uint32_t)CPU_COUNT(&allowed) : out->cores;
    out->quota_cores = quota();
    if (cps_kernels_select(CPS_ISA_AUTO, &kernels) == CPS_OK)
        snprintf(out->isa, sizeof out->isa, "%s", kernels->name);
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !out->processor[0] && fgets(line, sizeof line, file)) {
        const char *colon = strncmp(line, key, sizeof key - 1) == 0 ? strchr(line, ':') : NULL;
        if (colon && colon[1])
            snprintf(out->processor, sizeof out->processor, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    }
    if (file)
        fclose(file);
}

static uint64_t available_memory(void)
{
    char line[128];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu", &kilobytes) == 1)
            break;
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The host's memory, limited by the control group and the limits of the process. */
static void find_memory(struct cps_facts *out)
{
    struct rlimit limit;
    uint64_t group = number_in("/sys/fs/cgroup/memory.max", UINT64_MAX);
    uint64_t used = number_in("/sys/fs/cgroup/memory.current", 0);
    out->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    out->memory_free_bytes = available_memory();
    if (group != UINT64_MAX)
        out->memory_free_bytes = least(out->memory_free_bytes, group > used ? group - used : 0);
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        out->memory_free_bytes = least(out->memory_free_bytes, limit.rlim_cur);
    out->memory_bytes = least(out->memory_bytes, group);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out->files = limit.rlim_max;
}

/* Tries to write a file in folder; returns 0 or the errno. */
static int try_folder(const char *folder, uint64_t *free_bytes)
{
    char path[4096];
    struct statvfs info;
    snprintf(path, sizeof path, "%s/collab-ps-doctor-XXXXXX", folder);
    int file = mkstemp(path);
    if (file < 0)
        return errno;
    static const char page[4096];
    int code = write(file, page, sizeof page) == sizeof page ? 0 : errno;
    close(file);
    unlink(path);
    *free_bytes = statvfs(folder, &info) == 0 ? (uint64_t)info.f_bavail * info.f_frsize : 0;
    return code;
}

static void find_folders(struct cps_facts *out)
{
    const char *scratch = getenv("TMPDIR");
    scratch = scratch && *scratch ? scratch : "/tmp";
    snprintf(out->scratch, sizeof out->scratch, "%s", scratch);
    out->shared_error = try_folder("/dev/shm", &out->shared_free_bytes);
    out->scratch_error = try_folder(scratch, &out->scratch_free_bytes);
}

/* Shortens path, in place, to the nearest existing folder at or above it. */
static void climb(char *path)
{
    while (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
        char *slash = strrchr(path, '/');
        if (slash == path)
            path[1] = '\0';
        else if (slash)
            *slash = '\0';
        else
            strcpy(path, ".");
    }
}

/* Finds out whether the run's folder can be created. */
static void find_out(const struct cps_options *options, struct cps_facts *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%.3900s/run.json", options->out ? options->out : "runs");
    if (options->out && !options->overwrite && access(path, F_OK) == 0)
        snprintf(out->out_error, sizeof out->out_error, "'%.100s' holds a run already", options->out);
    climb(path);
    strcat(path, "/."); /* fails if it is not a folder */
    if (access(path, W_OK | X_OK) != 0)
        snprintf(out->out_error, sizeof out->out_error, "'%.100s': %s", path, strerror(errno));
}

/* One digest of the contents of all files; their names may differ between hosts. */
static enum cps_status digest(const struct cps_inputs *inputs, struct cps_facts *out)
{
    struct cps_sha256 *hash;
    CPS_TRY(cps_sha256_create(&hash));
    for (size_t i = 0; i < inputs->count; i++) {
        out->data_bytes += inputs->files[i].bytes;
        cps_sha256_add(hash, inputs->files[i].sha256, strlen(inputs->files[i].sha256));
    }
    cps_sha256_finish(hash, out->data_digest);
    cps_sha256_destroy(&hash);
    return CPS_OK;
}

static void find_data(const struct cps_options *options, struct cps_facts *out)
{
    struct cps_inputs inputs = {0};
    enum cps_status status = cps_inputs_read(options, true, &inputs);
    if (status == CPS_OK)
        status = digest(&inputs, out);
    if (status != CPS_OK)
        snprintf(out->data_error, sizeof out->data_error, "%s", cps_error_text());
    cps_inputs_release(&inputs);
}

static void find_networks(const struct cps_options *options, struct cps_facts *out)
{
    char address[CPS_ADDRESS_BYTES];
    enum cps_status status = cps_networks_find(&out->networks);
    if (status == CPS_OK && options->interface)
        status = cps_interface_address(options->interface, false, address);
    if (status != CPS_OK)
        snprintf(out->address_error, sizeof out->address_error, "%s", cps_error_text());
}

void cps_facts_find(const struct cps_options *options, struct cps_facts *out)
{
    memset(out, 0, sizeof *out);
    find_libraries(out);
    find_processor(out);
    find_memory(out);
    find_folders(out);
    find_out(options, out);
    find_data(options, out);
    find_networks(options, out);
}
