/*
 * Start and end of a run by MPI: ranks, hosts, run id, agreement on errors. All messages in between go
 * through the transports of common/net.
 *
 * Only non-blocking collectives are used, tested with short sleeps in between: a rank that waits for a slow
 * one (which still reads its ratings, say) leaves the core to it.
 */
#include "common/cluster/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/cluster/collective.h"
#include "common/cluster/host.h"
#include "common/cluster/launcher.h"

#define SPIN_NS 200000u
#define LONGEST_SLEEP_NS 1000000u
#define BEREAVED_NS 2000000000u
enum { LONGEST_START_S = 120 };
/* The file of each rank by which Open MPI's vader shares memory: 4 MiB and a few bytes. */
static const uint64_t MPI_FILE = ((uint64_t)4 << 20) + 4096;
/* Bytes of address space that MPI and the program need for a small set of ratings. */
static const uint64_t MPI_SPACE = (uint64_t)320 << 20, MPI_SPACE_A_RANK = (uint64_t)4 << 20;
/* How long an interrupted rank waits for the others. The first rank speaks for all of them: mpirun kills the others
 * before they do, unless the signal reached one of them alone. */
#define INTERRUPTED_NS 300000000u
#define INTERRUPTED_ALONE_NS 2000000000u

static enum cps_status fail_mpi(const char *what, int code)
{
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    return cps_fail(CPS_ERR_PEER, "mpi cannot %s: %.*s", what, length, text);
}

static enum cps_status leave(struct cps_cluster_mpi *self)
{
    self->left = true;
    return cps_fail(CPS_ERR_INTERRUPTED, "interrupted");
}

/* Waits for a started collective; code is the return value of its start. An interrupted rank only waits as long
 * as the interrupt may take to reach the other ranks. */
static enum cps_status finish_within(struct cps_cluster_mpi *self, uint64_t timeout_ns, bool bulk,
                                     const char *what, int code, MPI_Request *request)
{
    uint64_t patience_ns = self->is_first ? INTERRUPTED_NS : INTERRUPTED_ALONE_NS;
    uint64_t start = cps_clock_ns(), sleep_ns = 20000, interrupted_ns = 0;
    while (code == MPI_SUCCESS) {
        if (self->left)
            return leave(self);
        int done = 0;
        code = MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (code == MPI_SUCCESS && done)
            return CPS_OK;
        uint64_t waited = cps_clock_ns() - start;
        if (waited > timeout_ns)
            return cps_fail(CPS_ERR_PEER, "not every rank came to %s within %" PRIu64 " s", what,
                            timeout_ns / 1000000000u);
        if (self->interrupted && *self->interrupted)
            interrupted_ns += interrupted_ns ? 0 : waited;
        if (interrupted_ns && waited - interrupted_ns > patience_ns)
            return leave(self);
        if (bulk || waited < SPIN_NS) {
            sched_yield();
            continue;
        }
        cps_sleep_ns(sleep_ns);
        if (sleep_ns < LONGEST_SLEEP_NS)
            sleep_ns *= 2;
    }
    return fail_mpi(what, code);
}

static enum cps_status finish(struct cps_cluster *self, const char *what, int code, MPI_Request *request)
{
    return finish_within(self->mpi, self->mpi->timeout_ns, false, what, code, request);
}

enum cps_status cps_collective_finish(struct cps_cluster *self, const char *what, int code,
                                      MPI_Request *request)
{
    return finish(self, what, code, request);
}

enum cps_status cps_collective_finish_bulk(struct cps_cluster *self, const char *what, int code,
                                           MPI_Request *request)
{
    return finish_within(self->mpi, self->mpi->timeout_ns, true, what, code, request);
}

/* Settings of Open MPI, chosen by measurements with 8 ranks on 2 cores. The user's own, from the environment or
 * mpirun --mca, take precedence. */
static void prepare_environment(void)
{
    /* The driver yields once per iteration. If MPI also yielded in every call that finds nothing, the rank
     * would give up two time slices per iteration: without, a step went from 180 to 90 us. */
    setenv("OMPI_MCA_mpi_yield_when_idle", "0", 0);
    /* For the messages of a step, copying through the kernel is slower than copying twice through shared
     * memory. */
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    /* On one host no rank needs to listen on sockets, which would be open to all networks. */
    if (cps_launcher_is_local()) {
        setenv("OMPI_MCA_pml", "ob1", 0); /* other values make UCX or libfabric listen */
        setenv("OMPI_MCA_btl", "self,vader", 0);
    }
    /* Sends the 4 kB of a typical step, and more, without a handshake: 31 us instead of 50. */
    setenv("OMPI_MCA_btl_vader_eager_limit", "32768", 0);
}

/* MPI_Init waits for all ranks without a limit, for instance for one that was stopped. */
static void on_start_timeout(int number)
{
    static const char line[] = "collab-ps: error: not every rank came to start mpi in time\n";
    (void)number;
    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    _exit(cps_status_exit_code(CPS_ERR_PEER));
}

static void watch_start(uint64_t timeout_ns)
{
    struct sigaction action = {.sa_handler = on_start_timeout};
    uint64_t seconds = timeout_ns / 1000000000u + 1;
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds < LONGEST_START_S ? (unsigned)seconds : LONGEST_START_S);
}

static enum cps_status start_mpi(struct cps_cluster *self, uint64_t timeout_ns)
{
    prepare_environment();
    CPS_TRY(cps_alloc("the cluster", 1, sizeof *self->mpi, &self->mpi));
    /* Ranks that have started connect at once, unless MPI cannot reach one. */
    const uint64_t longest_ns = LONGEST_START_S * 1000000000ull;
    self->mpi->timeout_ns = timeout_ns < longest_ns ? timeout_ns : longest_ns;
    self->mpi->collectives = self->mpi->rows = MPI_COMM_NULL;
    int provided, rank, ranks;
    watch_start(timeout_ns);
    int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    alarm(0);
    if (code != MPI_SUCCESS)
        return fail_mpi("start", code);
    if (provided < MPI_THREAD_FUNNELED)
        return cps_fail(CPS_ERR_USAGE, "this mpi allows no threads beside its own");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    self->mpi->is_first = rank == 0;
    self->rank = (uint32_t)rank;
    self->ranks = (uint32_t)ranks;
    MPI_Request request;
    code = MPI_Comm_idup(MPI_COMM_WORLD, &self->mpi->collectives, &request);
    if (finish(self, "start", code, &request) != CPS_OK)
        return cps_hint(CPS_ERR_PEER,
                        "a firewall may block what MPI sends between hosts, or it takes the wrong network: "
                        "'mpirun --mca btl_tcp_if_include 10.1.0.0/16' names one");
    MPI_Comm_set_errhandler(self->mpi->collectives, MPI_ERRORS_RETURN);
    code = MPI_Comm_idup(MPI_COMM_WORLD, &self->mpi->rows, &request);
    return finish(self, "start", code, &request);
}

/* The id of a run, and the key that only its ranks know. */
struct run_secret {
    uint64_t run_id;
    uint8_t key[CPS_SECRET_BYTES];
};

static void keep_secret(struct cps_cluster *self, const struct run_secret *secret)
{
    self->run_id = secret->run_id;
    memcpy(self->key, secret->key, sizeof self->key);
}

static enum cps_status choose_run_id(struct cps_cluster *self)
{
    struct run_secret secret = {0};
    while (self->rank == 0 && secret.run_id == 0)
        if (getrandom(&secret, sizeof secret, 0) != sizeof secret && errno != EINTR)
            return cps_fail(CPS_ERR_INTERNAL, "cannot draw a run id: %s", strerror(errno));
    keep_secret(self, &secret);
    return CPS_OK;
}

/* The secret, encrypted for one rank. */
struct sealed_secret {
    uint8_t bytes[sizeof(struct run_secret) + CPS_CURVE_SEAL_BYTES];
};

/* Rank 0's secret, sealed for each of the others. */
static enum cps_status seal_secret(const struct cps_cluster *self, struct sealed_secret *sealed)
{
    struct run_secret secret = {.run_id = self->run_id};
    enum cps_status status = CPS_OK;
    memcpy(secret.key, self->key, sizeof secret.key);
    for (uint32_t rank = 1; status == CPS_OK && self->rank == 0 && rank < self->ranks; rank++)
        status =
            cps_curve_seal(&self->pair, &self->public_keys[rank], &secret, sizeof secret, sealed[rank].bytes);
    explicit_bzero(&secret, sizeof secret);
    return status;
}

static enum cps_status open_secret(struct cps_cluster *self, const struct sealed_secret *sealed)
{
    struct run_secret secret;
    if (self->rank == 0)
        return CPS_OK;
    CPS_TRY(
        cps_curve_open(&self->pair, &self->public_keys[0], sealed[self->rank].bytes, sizeof secret, &secret));
    keep_secret(self, &secret);
    explicit_bzero(&secret, sizeof secret);
    return CPS_OK;
}

static enum cps_status broadcast_secret(struct cps_cluster *self, struct sealed_secret *sealed)
{
    MPI_Request request;
    CPS_TRY(cps_cluster_gather(self, &self->pair.public_key, sizeof self->pair.public_key, self->public_keys));
    CPS_TRY(cps_cluster_agree(self, seal_secret(self, sealed)));
    int code =
        MPI_Ibcast(sealed, (int)(self->ranks * sizeof *sealed), MPI_BYTE, 0, self->mpi->collectives, &request);
    CPS_TRY(finish(self, "share a run id", code, &request));
    return cps_cluster_agree(self, open_secret(self, sealed));
}

/* MPI does not encrypt, so the id and the key of the run are encrypted for each rank. */
static enum cps_status share_run_id(struct cps_cluster *self)
{
    struct sealed_secret *sealed = NULL;
    if (!self->mpi)
        return CPS_OK;
    enum cps_status status =
        cps_alloc("public keys", self->ranks, sizeof *self->public_keys, &self->public_keys);
    if (status == CPS_OK)
        status = cps_alloc("sealed keys", self->ranks, sizeof *sealed, &sealed);
    if (status == CPS_OK)
        status = cps_curve_make(&self->pair);
    status = cps_cluster_agree(self, status);
    if (status == CPS_OK)
        status = broadcast_secret(self, sealed);
    free(sealed);
    return status;
}

/* Numbers the hosts in the order of the first rank on each. */
static void number_hosts(struct cps_cluster *self, char (*identities)[CPS_HOST_BYTES])
{
    for (uint32_t rank = 0; rank < self->ranks; rank++) {
        uint32_t same = 0;
        while (strcmp(identities[same], identities[rank]) != 0)
            same++;
        self->host_of[rank] = same == rank ? self->host_count++ : self->host_of[same];
    }
    self->one_host = self->host_count == 1;
}

/* Gathers the texts of all ranks, each in `bytes` bytes of *all. */
static enum cps_status gather_texts(struct cps_cluster *self, const char *own, size_t bytes, void *all)
{
    char text[CPS_HOST_BYTES] = "";
    snprintf(text, bytes, "%s", own);
    return cps_cluster_gather(self, text, bytes, all);
}

/* The name of the build and, after its NUL, that of the host. */
static void describe_build(const char *build, char out[CPS_BUILD_BYTES])
{
    memset(out, 0, CPS_BUILD_BYTES);
    size_t length = (size_t)snprintf(out, CPS_BUILD_BYTES - 2, "%s", build);
    length = length < CPS_BUILD_BYTES - 3 ? length : CPS_BUILD_BYTES - 3;
    cps_host_name(out + length + 1, CPS_BUILD_BYTES - length - 1);
}

static const char *host_of_build(const char text[CPS_BUILD_BYTES])
{
    return text + strnlen(text, CPS_BUILD_BYTES - 2) + 1;
}

/* Ranks of different builds may call different collectives, or misread each other's data. */
static enum cps_status compare_builds(struct cps_cluster *self, const char *build,
                                      char (*builds)[CPS_BUILD_BYTES])
{
    char own[CPS_BUILD_BYTES];
    describe_build(build, own);
    CPS_TRY(cps_cluster_gather(self, own, sizeof own, builds));
    for (uint32_t rank = 1; rank < self->ranks; rank++)
        if (strcmp(builds[0], builds[rank]) != 0)
            return cps_hint(cps_fail(CPS_ERR_USAGE, "rank %" PRIu32 " on '%s' is %s, but rank 0 on '%s' is %s",
                                     rank, host_of_build(builds[rank]), builds[rank], host_of_build(builds[0]),
                                     builds[0]),
                            "install one build on every host");
    return CPS_OK;
}

static enum cps_status learn_hosts(struct cps_cluster *self, char (*identities)[CPS_HOST_BYTES])
{
    char own[CPS_HOST_BYTES] = "";
    cps_host_name(own, sizeof own);
    CPS_TRY(gather_texts(self, own, sizeof own, self->hosts));
    cps_host_identity(own, sizeof own);
    CPS_TRY(gather_texts(self, own, sizeof own, identities));
    number_hosts(self, identities);
    return CPS_OK;
}

struct introduction {
    char (*builds)[CPS_BUILD_BYTES], (*identities)[CPS_HOST_BYTES];
};

static enum cps_status make_room(struct cps_cluster *self, struct introduction *out)
{
    uint32_t zmq = self->ranks > 1 ? CPS_FILES_OF_ZMQ + CPS_FILES_A_PEER * self->ranks : 0;
    CPS_TRY(cps_host_need_files(CPS_FILES_OF_RUN + zmq));
    CPS_TRY(cps_alloc("builds", self->ranks, sizeof *out->builds, &out->builds));
    CPS_TRY(cps_alloc("host identities", self->ranks, sizeof *out->identities, &out->identities));
    CPS_TRY(cps_alloc("host names", self->ranks, sizeof *self->hosts, &self->hosts));
    return cps_alloc("host numbers", self->ranks, sizeof *self->host_of, &self->host_of);
}

/* The first exchange between all ranks: builds before anything else. */
static enum cps_status introduce(struct cps_cluster *self, const char *build)
{
    struct introduction room = {NULL, NULL};
    enum cps_status status = cps_cluster_agree(self, make_room(self, &room));
    if (status == CPS_OK)
        status = compare_builds(self, build, room.builds);
    if (status == CPS_OK)
        status = cps_cluster_agree(self, choose_run_id(self));
    if (status == CPS_OK)
        status = share_run_id(self);
    if (status == CPS_OK)
        status = learn_hosts(self, room.identities);
    free(room.builds);
    free(room.identities);
    return status;
}

static void release(struct cps_cluster *self)
{
    free(self->hosts);
    free(self->host_of);
    free(self->public_keys);
    cps_curve_forget(&self->pair);
    free(self->mpi);
    free(self);
}

enum cps_status cps_cluster_start(uint64_t timeout_ns, const char *build, struct cps_cluster **out)
{
    const struct cps_launcher launcher = cps_launcher_find();
    struct cps_cluster *self;
    CPS_TRY(cps_alloc("the cluster", 1, sizeof *self, &self));
    self->ranks = 1;
    enum cps_status status = CPS_OK;
    if (launcher.mpi)
        status = cps_host_need_address_space(MPI_SPACE + MPI_SPACE_A_RANK * launcher.ranks);
    if (status == CPS_OK && launcher.ranks > 1 && cps_launcher_is_local())
        status = cps_host_need_file_size(MPI_FILE);
    if (status == CPS_OK && launcher.mpi)
        status = start_mpi(self, timeout_ns);
    if (status == CPS_OK)
        status = cps_launcher_check(&launcher, self->ranks);
    if (status == CPS_OK)
        status = introduce(self, build);
    cps_cluster_set_timeout(self, timeout_ns);
    if (status != CPS_OK) {
        release(self);
        return status;
    }
    *out = self;
    return CPS_OK;
}

void cps_cluster_watch(struct cps_cluster *self, const volatile sig_atomic_t *interrupted)
{
    if (self->mpi)
        self->mpi->interrupted = interrupted;
}

bool cps_cluster_is_left(const struct cps_cluster *self)
{
    return self->mpi && self->mpi->left;
}

void cps_cluster_set_timeout(struct cps_cluster *self, uint64_t timeout_ns)
{
    if (self->mpi)
        self->mpi->timeout_ns = timeout_ns;
}

/* The error that a failed rank shares with the others. */
struct verdict {
    int32_t status;
    char text[CPS_ERROR_BYTES], hint[CPS_ERROR_BYTES];
};

static enum cps_status adopt(const struct verdict *verdict)
{
    enum cps_status status = (enum cps_status)verdict->status;
    cps_fail(status, "%s", verdict->text);
    return verdict->hint[0] ? cps_hint(status, "%s", verdict->hint) : status;
}

/* The timeout once another rank is known to be lost. It is shortest on rank 0, which reports the error: an
 * abort by any other rank would end it first. */
static uint64_t bereaved_timeout(const struct cps_cluster *self)
{
    uint64_t timeout_ns = self->rank == 0 ? BEREAVED_NS : 2 * BEREAVED_NS;
    return timeout_ns < self->mpi->timeout_ns ? timeout_ns : self->mpi->timeout_ns;
}

enum cps_status cps_cluster_agree(struct cps_cluster *self, enum cps_status status)
{
    if (!self->mpi)
        return status;
    if (self->mpi->left)
        return status == CPS_OK ? leave(self->mpi) : status;
    uint32_t own = status == CPS_OK ? self->ranks : self->rank, first;
    struct verdict verdict = {.status = (int32_t)status};
    uint64_t timeout_ns = status == CPS_ERR_PEER ? bereaved_timeout(self) : self->mpi->timeout_ns;
    snprintf(verdict.text, sizeof verdict.text, "%s", cps_error_text());
    snprintf(verdict.hint, sizeof verdict.hint, "%s", cps_error_hint());
    MPI_Request request;
    int code = MPI_Iallreduce(&own, &first, 1, MPI_UINT32_T, MPI_MIN, self->mpi->collectives, &request);
    enum cps_status agreed = finish_within(self->mpi, timeout_ns, false, "agree", code, &request);
    if (agreed == CPS_OK && first == self->ranks)
        return CPS_OK;
    if (agreed == CPS_OK) {
        code = MPI_Ibcast(&verdict, sizeof verdict, MPI_BYTE, (int)first, self->mpi->collectives, &request);
        agreed = finish_within(self->mpi, timeout_ns, false, "agree", code, &request);
    }
    /* If the ranks do not agree, a rank's own error is more informative than the failed agreement. */
    return agreed == CPS_OK || status != CPS_OK ? adopt(&verdict) : agreed;
}

/* Broadcasts the length bytes of a text, for which all ranks allocate a buffer. */
static enum cps_status share_bytes(struct cps_cluster *self, struct cps_text *text, uint64_t length)
{
    MPI_Request request;
    int code = MPI_Ibcast(text->data, (int)length, MPI_BYTE, 0, self->mpi->collectives, &request);
    CPS_TRY(finish(self, "share a text", code, &request));
    text->length = length;
    text->data[length] = '\0';
    return CPS_OK;
}

enum cps_status cps_cluster_broadcast(struct cps_cluster *self, struct cps_text *text)
{
    if (!self->mpi)
        return CPS_OK;
    MPI_Request request;
    uint64_t length = text->length;
    int code = MPI_Ibcast(&length, 1, MPI_UINT64_T, 0, self->mpi->collectives, &request);
    CPS_TRY(finish(self, "share a text", code, &request));
    if (length >= INT_MAX)
        return cps_fail(CPS_ERR_INTERNAL, "a text of %" PRIu64 " bytes is too long to broadcast", length);
    enum cps_status status = cps_grow("text", &text->data, &text->capacity, length + 1, 1);
    CPS_TRY(cps_cluster_agree(self, status));
    return share_bytes(self, text, length);
}

enum cps_status cps_cluster_hold(struct cps_cluster *self, bool *more)
{
    if (!self->mpi)
        return CPS_OK;
    MPI_Request request;
    unsigned char word = *more;
    int code = MPI_Ibcast(&word, 1, MPI_UNSIGNED_CHAR, 0, self->mpi->collectives, &request);
    CPS_TRY(finish(self, "wait for the record", code, &request));
    *more = word != 0;
    return CPS_OK;
}

enum cps_status cps_cluster_gather(struct cps_cluster *self, const void *own, size_t bytes, void *all)
{
    if (!self->mpi) {
        memcpy(all, own, bytes);
        return CPS_OK;
    }
    MPI_Request request;
    int code =
        MPI_Iallgather(own, (int)bytes, MPI_BYTE, all, (int)bytes, MPI_BYTE, self->mpi->collectives, &request);
    return finish(self, "tell each other who they are", code, &request);
}

enum cps_status cps_cluster_sum(struct cps_cluster *self, uint64_t *values, size_t count)
{
    enum { PIECE = 1 << 20 };
    for (size_t first = 0; self->mpi && first < count; first += PIECE) {
        MPI_Request request;
        int piece = (int)(count - first < PIECE ? count - first : PIECE);
        int code = MPI_Iallreduce(MPI_IN_PLACE, values + first, piece, MPI_UINT64_T, MPI_SUM,
                                  self->mpi->collectives, &request);
        CPS_TRY(finish(self, "add up what they read", code, &request));
    }
    return CPS_OK;
}

bool cps_cluster_end(struct cps_cluster **self)
{
    if (!*self)
        return true;
    bool together = true;
    if ((*self)->mpi) {
        MPI_Request request;
        int code = MPI_Ibarrier((*self)->mpi->collectives, &request);
        together = finish(*self, "end", code, &request) == CPS_OK;
        /* MPI_Finalize would never return without all ranks. */
        if (together)
            MPI_Finalize();
    }
    release(*self);
    *self = NULL;
    return together;
}

_Noreturn void cps_cluster_abort(int code)
{
    int initialized = 0, finalized = 0;
    MPI_Initialized(&initialized);
    MPI_Finalized(&finalized);
    if (initialized && !finalized)
        MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}
