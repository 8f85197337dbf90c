/* Folder, writer and recorder of a job; see recording.h. */
#include "deploy/training/recording.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/cluster/exchange.h"

enum { WRITER_JOBS = 64, WRITER_BYTES = 64 << 20 };
static const uint64_t LONGEST_WORD_NS = 1000000000;
static const uint64_t WRITER_PATIENCE_NS = 1000000000;

void cps_recording_init(struct cps_recording *self)
{
    *self = (struct cps_recording){.started_ns = cps_clock_ns(), .folder = {.lock = -1}};
}

static const struct cps_record_input *input_of(const struct cps_inputs *inputs, const char *option)
{
    for (size_t i = 0; i < inputs->count; i++)
        if (strcmp(inputs->files[i].option, option) == 0)
            return &inputs->files[i];
    return NULL;
}

/* A valid_loss on the training ratings is low but does not measure generalization. */
static void warn_of_one_file(const struct cps_inputs *inputs)
{
    const struct cps_record_input *train = input_of(inputs, "train"), *valid = input_of(inputs, "valid");
    if (train && valid && strcmp(train->sha256, valid->sha256) == 0)
        cps_warn(
            "'--train' and '--valid' hold the same ratings: valid_loss measures how well they are memorized, "
            "and says nothing about unseen ratings");
}

enum cps_status cps_recording_open(struct cps_recording *self, const struct cps_training_env *env)
{
    const struct cps_options *options = env->options;
    bool is_coordinators = cps_env_has(env, 0);
    if (is_coordinators) {
        CPS_TRY(cps_run_folder_open(&self->folder, options->out, options->overwrite || options->resume,
                                    time(NULL), env->cluster->run_id));
        CPS_TRY(cps_origin_init(&self->origin));
    }
    CPS_TRY(cps_alloc("accounts", env->cluster->ranks, sizeof *self->accounts, &self->accounts));
    return cps_inputs_begin(options, is_coordinators, &self->origin.inputs);
}

enum cps_status cps_recording_await_inputs(struct cps_recording *self)
{
    struct cps_inputs *inputs = &self->origin.inputs;
    bool waits = inputs->job != NULL;
    CPS_TRY(cps_inputs_await(inputs));
    if (waits)
        warn_of_one_file(inputs);
    return CPS_OK;
}

/* Servers and workers each open --init and --batch-order themselves, possibly on other hosts. */
enum cps_status cps_recording_compare_inputs(struct cps_recording *self, const struct cps_training_env *env,
                                             const struct cps_dataset *loaded)
{
    uint8_t own[CPS_SHA256_BYTES], (*all)[CPS_SHA256_BYTES] = NULL;
    if (!loaded->stored)
        cps_inputs_resume(&self->origin.inputs, loaded);
    if (!cps_inputs_has_others(env->options))
        return CPS_OK;
    enum cps_status status = cps_recording_await_inputs(self);
    if (status == CPS_OK)
        status = cps_inputs_digest(&self->origin.inputs, own);
    if (status == CPS_OK)
        status = cps_alloc("digests", env->cluster->ranks, sizeof own, &all);
    status = cps_cluster_agree(env->cluster, status);
    if (status == CPS_OK)
        status = cps_cluster_gather(env->cluster, own, sizeof own, all);
    for (uint32_t rank = 1; status == CPS_OK && rank < env->cluster->ranks; rank++)
        if (memcmp(all[0], all[rank], sizeof own) != 0)
            status = cps_fail(CPS_ERR_DATA,
                              "rank %u on '%s' reads another file of '--init' or '--batch-order' "
                              "than rank 0 on '%s'",
                              rank, env->cluster->hosts[rank], env->cluster->hosts[0]);
    free(all);
    return status;
}

/* Completes the origin with the input files, if they are read or once they are. A prepared set is hashed from the
 * first step on, which is the second time that the recorder asks: before it, the processors have enough to do. */
static enum cps_status complete_origin(void *context, bool waits, bool *complete)
{
    struct cps_recording *self = context;
    *complete = waits || cps_inputs_are_read(&self->origin.inputs);
    if (!*complete && self->trains)
        cps_inputs_resume(&self->origin.inputs, NULL);
    self->trains = true;
    if (!*complete)
        return CPS_OK;
    CPS_TRY(cps_recording_await_inputs(self));
    cps_origin_record(&self->origin);
    return CPS_OK;
}

/* The role of rank, by its first node: the coordinator shares its rank with all nodes or with a server. */
static struct cps_record_rank describe_rank(const struct cps_job *job, uint32_t rank)
{
    static const char *const roles[] = {"coordinator", "server", "worker"};
    uint32_t node = 0;
    while (job->node_rank[node] != rank)
        node++;
    enum cps_role_kind kind = cps_job_role(job, node);
    uint32_t first = kind == CPS_ROLE_WORKER ? 1 + job->servers : kind == CPS_ROLE_SERVER ? 1 : 0;
    const char *role = roles[kind];
    if (node == 0 && job->node_rank[1] == rank)
        role = job->ranks == 1 ? "all" : "coordinator and server";
    return (struct cps_record_rank){.role = role, .index = node - first};
}

static enum cps_status describe_ranks(struct cps_recording *self, const struct cps_training_env *env)
{
    const struct cps_cluster *cluster = env->cluster;
    CPS_TRY(cps_alloc("ranks", cluster->ranks, sizeof *self->rank_records, &self->rank_records));
    CPS_TRY(cps_alloc("hosts", cluster->host_count, sizeof *self->hosts, &self->hosts));
    for (uint32_t rank = 0; rank < cluster->ranks; rank++) {
        self->rank_records[rank] = describe_rank(&env->job, rank);
        self->rank_records[rank].host = cluster->hosts[rank];
        self->hosts[cluster->host_of[rank]].name = cluster->hosts[rank];
        self->hosts[cluster->host_of[rank]].ranks++;
    }
    return CPS_OK;
}

static void add_versions(struct cps_recording *self)
{
    static char zmq_text[32], mpi_text[MPI_MAX_LIBRARY_VERSION_STRING];
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(zmq_text, sizeof zmq_text, "%d.%d.%d", major, minor, patch);
    MPI_Get_library_version(mpi_text, &major);
    mpi_text[strcspn(mpi_text, ",\n")] = '\0';
    cps_origin_add_version(&self->origin, "MPI", mpi_text);
    cps_origin_add_version(&self->origin, "ZeroMQ", zmq_text);
}

enum cps_status cps_recording_begin(struct cps_recording *self, const struct cps_training_env *env,
                                    const struct cps_ratings *ratings, const char *isa,
                                    const struct cps_recording_terms *terms)
{
    add_versions(self);
    CPS_TRY(describe_ranks(self, env));
    CPS_TRY(cps_writer_create(WRITER_JOBS, WRITER_BYTES, &self->writer));
    const struct cps_recorder_setup setup = {.options = env->options,
                                             .plan = &ratings->plan,
                                             .dataset = cps_ratings_overview(ratings),
                                             .baselines = &ratings->baselines,
                                             .folder = &self->folder,
                                             .writer = self->writer,
                                             .kept = !terms->scratch,
                                             .origin = cps_origin_record(&self->origin),
                                             .complete_origin = complete_origin,
                                             .origin_context = self,
                                             .ranks = self->rank_records,
                                             .rank_count = env->cluster->ranks,
                                             .hosts = self->hosts,
                                             .host_count = env->cluster->host_count,
                                             .transport = cps_connection_name(env),
                                             .isa = isa,
                                             .threads = cps_env_threads(env),
                                             .network = *env->cluster->network ? env->cluster->network : NULL,
                                             .encrypted = cps_connection_is_secret(env),
                                             .terminal = self->terminal,
                                             .run_id = env->cluster->run_id,
                                             .limit = terms->limit,
                                             .former = terms->former,
                                             .saves = terms->saves,
                                             .started_ns = self->started_ns};
    return cps_recorder_create(&setup, &self->recorder);
}

enum cps_status cps_recording_fail(struct cps_recording *self, enum cps_status status)
{
    return self->recorder ? cps_recorder_fail(self->recorder, status) : status;
}

/* Collects the accounts of all ranks in the coordinator's record. Collective. */
static enum cps_status gather_accounts(struct cps_recording *self, const struct cps_training_env *env,
                                       const struct cps_driver *driver, const struct cps_connection *connection)
{
    struct cps_account own = cps_account_here(driver, connection->control, connection->bulk),
                       *all = self->accounts;
    for (int kind = 0; kind < CPS_MESSAGE_KINDS; kind++)
        self->counters[kind].name = cps_message_kind_name((enum cps_message_kind)kind);
    enum cps_status status = cps_cluster_gather(env->cluster, &own, sizeof own, all);
    for (uint32_t rank = 0; status == CPS_OK && self->recorder && rank < env->cluster->ranks; rank++)
        cps_account_enter(&all[rank], &self->rank_records[rank], self->counters, &self->traffic);
    return status;
}

/* Waits, without a limit, until the end of the record is written; the other ranks wait as long as the
 * coordinator's rank tells them to. Collective. */
static enum cps_status await_disk(struct cps_recording *self, const struct cps_training_env *env,
                                  enum cps_status status)
{
    uint64_t word_ns = cps_env_peer_timeout_ns(env) / 4;
    bool more = true;
    while (more) {
        more = false;
        if (self->recorder && status == CPS_OK)
            status = cps_recorder_await(self->recorder, word_ns < LONGEST_WORD_NS ? word_ns : LONGEST_WORD_NS,
                                        &more);
        CPS_TRY(cps_cluster_hold(env->cluster, &more));
    }
    return status;
}

enum cps_status cps_recording_complete(struct cps_recording *self, const struct cps_training_env *env,
                                       const struct cps_driver *driver, const struct cps_connection *connection)
{
    enum cps_status status = gather_accounts(self, env, driver, connection);
    if (self->recorder && status == CPS_OK)
        status = cps_recorder_finish(self->recorder, self->counters, CPS_MESSAGE_KINDS, &self->traffic);
    status = await_disk(self, env, status);
    return status == CPS_OK ? CPS_OK : cps_recording_fail(self, status);
}

void cps_recording_close(struct cps_recording *self)
{
    self->abandoned |= !cps_writer_destroy(&self->writer, WRITER_PATIENCE_NS);
    if (!self->abandoned)
        cps_recorder_destroy(&self->recorder);
}

void cps_recording_release(struct cps_recording *self)
{
    cps_run_folder_close(&self->folder);
    cps_origin_release(&self->origin);
    free(self->rank_records);
    free(self->hosts);
    free(self->accounts);
}
