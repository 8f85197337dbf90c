/* Libraries, cores, memory and files of every host; see judge.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deploy/doctor/judge.h"

#define MIB (1024.0 * 1024)

/* Bytes: used by Open MPI in /dev/shm for each rank, required for temporary files, and used by a rank without
 * ratings. */
static const uint64_t SHARED_BYTES = 6 << 20, SCRATCH_BYTES = 16 << 20, RANK_BYTES = 48 << 20;
/* Bytes of memory for each byte of a text file of ratings. Measured with 20 million: 97 bytes per rating, whose
 * lines have 25 bytes. */
static const double MEMORY_A_BYTE = 4;
enum { FILES_OF_A_RANK = 64, FILES_A_PEER = 3 };

static uint32_t ranks_on(const struct cps_patient *self, uint32_t host)
{
    uint32_t count = 0;
    for (uint32_t rank = 0; rank < self->cluster->ranks; rank++)
        count += self->cluster->host_of[rank] == host;
    return count;
}

static const char *name_of(const struct cps_patient *self, uint32_t host)
{
    return self->cluster->hosts[self->links->leaders[host]];
}

static const struct cps_facts *facts_of(const struct cps_patient *self, uint32_t host)
{
    return &self->facts[self->links->leaders[host]];
}

static void judge_libraries(const struct cps_patient *self, struct cps_findings *findings)
{
    const struct cps_facts *first = facts_of(self, 0);
    bool same = true;
    for (uint32_t host = 0; host < self->cluster->host_count; host++) {
        const struct cps_facts *facts = facts_of(self, host);
        if (strcmp(facts->mpi, first->mpi) != 0 || strcmp(facts->zmq, first->zmq) != 0) {
            cps_findings_add(findings, CPS_FINDING_WRONG, "libraries", "install the same ones on every host",
                             "'%s' has %s and ZeroMQ %s, '%s' has %s and ZeroMQ %s", name_of(self, host),
                             facts->mpi, facts->zmq, name_of(self, 0), first->mpi, first->zmq);
            same = false;
        }
        if (!facts->curve && self->options->encrypt != CPS_OPTION_ENCRYPT_OFF && self->cluster->host_count > 1)
            cps_findings_add(findings, CPS_FINDING_WRONG, "libraries", "install one with libsodium",
                             "'%s' has a ZeroMQ that cannot encrypt", name_of(self, host));
    }
    if (same)
        cps_findings_add(findings, CPS_FINDING_OK, "libraries", NULL, "%s, ZeroMQ %s%s", first->mpi, first->zmq,
                         first->curve ? " with encryption" : "");
}

static void judge_launcher(const struct cps_patient *self, struct cps_findings *findings)
{
    const struct cps_cluster *cluster = self->cluster;
    if (!self->launcher->name)
        cps_findings_add(findings, CPS_FINDING_NOTE, "launcher",
                         "'mpirun -n 8 collab-ps doctor', with the hosts of the run, looks at these as well",
                         "none: one process in every role, on '%s'", cluster->hosts[0]);
    else
        cps_findings_add(findings, CPS_FINDING_OK, "launcher", NULL,
                         "%s: %" PRIu32 " rank%s on %" PRIu32 " host%s", self->launcher->name, cluster->ranks,
                         cluster->ranks == 1 ? "" : "s", cluster->host_count,
                         cluster->host_count == 1 ? "" : "s");
    cps_findings_add(findings, CPS_FINDING_OK, "build", NULL, "%s", self->build);
}

static void judge_roles(const struct cps_patient *self, struct cps_findings *findings)
{
    struct cps_job job;
    if (cps_job_init(&job, self->cluster->ranks, self->options->servers, self->options->workers) == CPS_OK)
        cps_findings_add(findings, CPS_FINDING_OK, "roles", NULL,
                         "1 coordinator, %" PRIu32 " server%s, %" PRIu32 " worker%s", job.servers,
                         job.servers == 1 ? "" : "s", job.workers, job.workers == 1 ? "" : "s");
    else
        cps_findings_add(findings, CPS_FINDING_WRONG, "roles", cps_error_hint(), "%s", cps_error_text());
    cps_job_release(&job);
}

/* The program distinguishes hosts with equal names, but a reader of its messages cannot. */
static void judge_names(const struct cps_patient *self, struct cps_findings *findings)
{
    for (uint32_t a = 0; a < self->cluster->host_count; a++)
        for (uint32_t b = 0; b < a; b++)
            if (strcmp(name_of(self, a), name_of(self, b)) == 0)
                cps_findings_add(findings, CPS_FINDING_NOTE, "names", "give each host a name of its own",
                                 "two hosts are called '%s': messages cannot tell them apart",
                                 name_of(self, a));
}

/* The number of cores that the ranks of a host share. */
static uint32_t usable_cores(const struct cps_facts *facts)
{
    return facts->quota_cores && facts->quota_cores < facts->cores ? facts->quota_cores : facts->cores;
}

static void judge_cores(const struct cps_patient *self, struct cps_findings *findings)
{
    for (uint32_t host = 0; host < self->cluster->host_count; host++) {
        const struct cps_facts *facts = facts_of(self, host);
        uint32_t ranks = ranks_on(self, host), cores = usable_cores(facts);
        cps_findings_add(findings, ranks > cores ? CPS_FINDING_SLOW : CPS_FINDING_OK, "cores",
                         "start no more ranks on a host than it has cores ('slots=' in the hostfile)",
                         "'%s': %" PRIu32 " rank%s on %" PRIu32 " core%s%s", name_of(self, host), ranks,
                         ranks == 1 ? "" : "s", cores, cores == 1 ? "" : "s",
                         ranks > cores ? " take turns" : "");
    }
}

static void judge_binding(const struct cps_patient *self, struct cps_findings *findings)
{
    uint32_t bound = 0, least = UINT32_MAX;
    for (uint32_t rank = 0; rank < self->cluster->ranks; rank++) {
        const struct cps_facts *facts = &self->facts[rank];
        bool is_bound = facts->bound_cores < 2 && usable_cores(facts) > 1;
        bound += is_bound;
        least = facts->bound_cores < least ? facts->bound_cores : least;
    }
    if (bound)
        cps_findings_add(findings, CPS_FINDING_SLOW, "binding", "mpirun --bind-to none",
                         "%" PRIu32 " rank%s bound to one core: ZeroMQ's thread has none beside it", bound,
                         bound == 1 ? " is" : "s are");
    else
        cps_findings_add(findings, CPS_FINDING_OK, "binding", NULL,
                         "every rank may use %" PRIu32 " core%s or more", least, least == 1 ? "" : "s");
}

static void judge_processors(const struct cps_patient *self, struct cps_findings *findings)
{
    const struct cps_facts *first = facts_of(self, 0);
    bool same = true;
    for (uint32_t host = 1; host < self->cluster->host_count; host++) {
        const struct cps_facts *facts = facts_of(self, host);
        if (strcmp(facts->isa, first->isa) == 0)
            continue;
        same = false;
        cps_findings_add(findings, CPS_FINDING_NOTE, "processor",
                         "nothing: all give the same bits; the slowest sets the pace",
                         "'%s' computes with %s (%s), '%s' with %s", name_of(self, host), facts->isa,
                         facts->processor, name_of(self, 0), first->isa);
    }
    if (same)
        cps_findings_add(findings, CPS_FINDING_OK, "processor", NULL, "%s%s%s", first->isa,
                         first->processor[0] ? ", " : "", first->processor);
}

/* Checks that a folder of a host has room for bytes. */
static void judge_folder(const struct cps_patient *self, uint32_t host, const char *topic, const char *folder,
                         int error, uint64_t free_bytes, uint64_t bytes, struct cps_findings *findings)
{
    char remedy[256];
    snprintf(remedy, sizeof remedy, "make room there ('mount -o remount,size=1g %s' in a container)", folder);
    if (error)
        cps_findings_add(findings, CPS_FINDING_WRONG, topic, "let it be there, and this user write to it",
                         "'%s' cannot write to '%s': %s", name_of(self, host), folder, strerror(error));
    else if (free_bytes < bytes)
        cps_findings_add(findings, CPS_FINDING_WRONG, topic, remedy,
                         "'%s' of '%s' has %.1f MiB left, and its ranks need %.1f", folder, name_of(self, host),
                         (double)free_bytes / MIB, (double)bytes / MIB);
    else
        cps_findings_add(findings, CPS_FINDING_OK, topic, NULL, "'%s' of '%s' has %.0f MiB left", folder,
                         name_of(self, host), (double)free_bytes / MIB);
}

static void judge_folders(const struct cps_patient *self, struct cps_findings *findings)
{
    for (uint32_t host = 0; host < self->cluster->host_count; host++) {
        const struct cps_facts *facts = facts_of(self, host);
        uint32_t ranks = ranks_on(self, host);
        if (self->launcher->mpi)
            judge_folder(self, host, "shm", "/dev/shm", facts->shared_error, facts->shared_free_bytes,
                         ranks * SHARED_BYTES, findings);
        judge_folder(self, host, "scratch", facts->scratch, facts->scratch_error, facts->scratch_free_bytes,
                     SCRATCH_BYTES, findings);
    }
}

static void judge_files(const struct cps_patient *self, struct cps_findings *findings)
{
    uint64_t needed = FILES_OF_A_RANK + FILES_A_PEER * self->cluster->ranks;
    bool enough = true;
    for (uint32_t rank = 0; rank < self->cluster->ranks; rank++) {
        if (self->facts[rank].files >= needed)
            continue;
        enough = false;
        cps_findings_add(findings, CPS_FINDING_WRONG, "files", "raise 'ulimit -n'",
                         "rank %" PRIu32 " on '%s' may open %" PRIu64 " files, and needs %" PRIu64, rank,
                         self->cluster->hosts[rank], self->facts[rank].files, needed);
    }
    if (enough)
        cps_findings_add(findings, CPS_FINDING_OK, "files", NULL,
                         "every rank may open the %" PRIu64 " files it needs", needed);
}

static void judge_memory(const struct cps_patient *self, struct cps_findings *findings)
{
    double data = (double)facts_of(self, 0)->data_bytes * MEMORY_A_BYTE / self->cluster->ranks;
    for (uint32_t host = 0; host < self->cluster->host_count; host++) {
        const struct cps_facts *facts = facts_of(self, host);
        double needed = ranks_on(self, host) * (data + (double)RANK_BYTES),
               free = (double)facts->memory_free_bytes;
        cps_findings_add(findings, needed > free ? CPS_FINDING_WRONG : CPS_FINDING_OK, "memory",
                         "more hosts, or a set that 'collab-ps prepare' has read",
                         "'%s' has %.0f MiB left of %.0f, and the set needs about %.0f there",
                         name_of(self, host), free / MIB, (double)facts->memory_bytes / MIB, needed / MIB);
    }
}

static void judge_data(const struct cps_patient *self, struct cps_findings *findings)
{
    const struct cps_facts *first = facts_of(self, 0);
    bool same = true;
    for (uint32_t host = 0; host < self->cluster->host_count; host++) {
        const struct cps_facts *facts = facts_of(self, host);
        bool other = memcmp(facts->data_digest, first->data_digest, sizeof first->data_digest) != 0;
        if (facts->data_error[0])
            cps_findings_add(findings, CPS_FINDING_WRONG, "data",
                             "every host reads the ratings: copy them there, or share the folder",
                             "on '%s': %s", name_of(self, host), facts->data_error);
        else if (other && !first->data_error[0])
            cps_findings_add(findings, CPS_FINDING_WRONG, "data", "copy them from one host to all",
                             "'%s' has other files of this name than '%s'", name_of(self, host),
                             name_of(self, 0));
        same = same && !other && !facts->data_error[0];
    }
    if (same && first->data_bytes == 0)
        cps_findings_add(findings, CPS_FINDING_OK, "data", NULL,
                         "the built-in synthetic set; --data names another");
    else if (same)
        cps_findings_add(findings, CPS_FINDING_OK, "data", NULL, "%.1f MiB, the same on every host",
                         (double)first->data_bytes / MIB);
}

static void judge_out(const struct cps_patient *self, struct cps_findings *findings)
{
    const char *error = facts_of(self, 0)->out_error;
    if (error[0])
        cps_findings_add(findings, CPS_FINDING_WRONG, "out",
                         "choose another folder with --out, or give --overwrite for one that holds a run",
                         "the first rank, on '%s', cannot write the run's folder: %s", name_of(self, 0), error);
    else
        cps_findings_add(findings, CPS_FINDING_OK, "out", NULL,
                         "the first rank, on '%s', can write the run's folder", name_of(self, 0));
}

void cps_judge_hosts(const struct cps_patient *self, struct cps_findings *findings)
{
    judge_launcher(self, findings);
    judge_roles(self, findings);
    judge_libraries(self, findings);
    judge_names(self, findings);
    judge_cores(self, findings);
    if (self->launcher->mpi)
        judge_binding(self, findings);
    judge_processors(self, findings);
    judge_files(self, findings);
    judge_memory(self, findings);
    judge_folders(self, findings);
    judge_data(self, findings);
    judge_out(self, findings);
}
