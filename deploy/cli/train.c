/*
 * What a rank does between start and end:
 *
 *     cluster (MPI) -> options of rank 0 -> layout -> load, agree -> connect, agree
 *                   -> roles in a driver until done -> agree -> record, end
 *
 * Whatever can fail does so before a point where all ranks agree on the outcome, so that
 * none waits alone and one of them speaks.
 */
#include "deploy/cli/train.h"

#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/team.h"
#include "common/cluster/cluster.h"
#include "common/cluster/exchange.h"
#include "common/cluster/host.h"
#include "common/cluster/launcher.h"
#include "common/data/load.h"
#include "common/drive/driver.h"
#include "common/model/blocks.h"
#include "common/model/residual.h"
#include "common/store/npy.h"
#include "deploy/cli/account.h"
#include "deploy/cli/origin.h"
#include "deploy/cli/settings.h"
#include "server/record/loading.h"
#include "server/record/recorder.h"
#include "server/shard/lender.h"
#include "server/shard/server.h"
#include "worker/block_worker.h"
#include "worker/worker.h"

struct rank {
    struct cps_options *options;
    const struct cps_train_director *director; /* of every rank, or NULL */
    uint64_t started_ns;
    struct cps_cluster *cluster;
    struct cps_job layout;
    const struct cps_kernels *kernels;
    struct cps_origin origin; /* of the coordinator's rank; of the others the input files alone */
    struct cps_initial_file start_file;
    struct cps_npy npy;
    int32_t *order;               /* of --batch-order */
    struct cps_dataset *datasets; /* [nodes]: of the workers here; [0]: all but samples */
    struct cps_baselines baselines;
    struct cps_plan plan;
    struct cps_initial_rows start;
    struct cps_batch_order replay;
    struct cps_buffer_pool *pool;
    struct cps_transport *control, *bulk;
    struct cps_coordinator *coordinator;
    struct cps_server **servers;             /* [nodes] */
    struct cps_worker **workers;             /* [nodes] */
    struct cps_lender **lenders;             /* [nodes]: in place of servers in the block solver */
    struct cps_block_worker **block_workers; /* [nodes]: in place of workers */
    struct cps_team *team;                   /* of the servers and workers of the batch solver here */
    struct cps_route route;
    struct cps_role *roles; /* [nodes], of this rank */
    uint32_t role_count;
    struct cps_driver *driver;
    struct cps_terminal terminal; /* of rank 0: where progress is drawn */
    struct cps_loading loading;
    /* On the coordinator's rank. */
    struct cps_run_folder folder;
    struct cps_writer *writer;
    const struct cps_former_run *former; /* that this run goes on with, or NULL; the director's */
    struct cps_recorder *recorder;
    struct cps_record_rank *rank_records;
    struct cps_console_host *hosts;
    struct cps_record_counter counters[CPS_MESSAGE_KINDS];
    struct cps_record_traffic traffic;
    bool abandoned; /* the writer's thread hangs in the disk, with all it may touch */
    /* On every rank, for the end. */
    struct cps_account *accounts; /* [ranks] */
};

enum { WRITER_JOBS = 64, WRITER_BYTES = 64 << 20 };
static const uint64_t LONGEST_WORD_NS = 1000000000;
static const uint64_t WRITER_PATIENCE_NS = 1000000000;

static volatile sig_atomic_t interrupted, save_asked, torn_down;

/* The first asks for a checkpoint and the end; a second Ctrl-C does not wait for them. */
static void on_signal(int number)
{
    if (interrupted && number == SIGINT)
        _exit(cps_status_exit_code(CPS_ERR_INTERRUPTED));
    interrupted = 1;
}

static void on_save_signal(int number)
{
    (void)number;
    save_asked = (sig_atomic_t)(save_asked + 1);
}

/* deploy/launch.sh passes a user's signals on as SIGUSR2, so that SIGTERM is mpirun's own: a rank was lost. */
static void on_end_of_job(int number)
{
    (void)number;
    torn_down = 1;
}

/* SIGUSR2 is SIGTERM for jobs: mpirun forwards it to all ranks and leaves them the time that they need, where
 * of SIGINT and SIGTERM it makes a SIGKILL within a second, and an exit code of its own. */
static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGUSR2};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &action, NULL);
    action.sa_handler = on_save_signal;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_end_of_job;
    if (getenv("CPS_LAUNCH"))
        sigaction(SIGTERM, &action, NULL);
}

/* What cannot be written is an error of the write. */
static void ignore_signals(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static bool is_here(const struct rank *self, uint32_t node)
{
    return self->layout.node_rank[node] == self->cluster->rank;
}

static uint64_t nanoseconds(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

/* Does a director speak here? */
static bool is_directed(const struct rank *self)
{
    return self->director && self->cluster->rank == 0;
}

static enum cps_status settle_options(struct rank *self)
{
    enum cps_status status = self->cluster->rank == 0 ? cps_settings_find_data(self->options) : CPS_OK;
    if (status == CPS_OK && is_directed(self))
        status = self->director->settle(self->director->context, self->options);
    return cps_cluster_agree(self->cluster, status);
}

static enum cps_status take_options(struct rank *self, const struct cps_text *text)
{
    struct cps_options shared;
    if (self->cluster->rank == 0)
        return CPS_OK;
    CPS_TRY(cps_options_read(text->data, text->length, &shared));
    cps_options_release(self->options);
    *self->options = shared;
    return CPS_OK;
}

/* Rank 0's options hold on every host. */
static enum cps_status share_options(struct rank *self)
{
    struct cps_text text = {0};
    if (self->cluster->ranks == 1)
        return CPS_OK;
    enum cps_status status = cps_cluster_agree(self->cluster, cps_options_write(self->options, &text));
    if (status == CPS_OK)
        status = cps_cluster_broadcast(self->cluster, &text);
    if (status == CPS_OK)
        status = cps_cluster_agree(self->cluster, take_options(self, &text));
    cps_text_release(&text);
    return status;
}

static enum cps_status load_order(struct rank *self)
{
    const char *path = self->options->batch_order;
    CPS_TRY(cps_npy_open(&self->npy, path));
    CPS_TRY(cps_npy_check_below(&self->npy, path, INT32_MAX));
    CPS_TRY(
        cps_alloc("the batch order", self->npy.rows * self->npy.columns, sizeof *self->order, &self->order));
    for (uint64_t step = 0; step < self->npy.rows; step++)
        for (uint64_t i = 0; i < self->npy.columns; i++)
            self->order[step * self->npy.columns + i] = (int32_t)cps_npy_at(&self->npy, step, i);
    self->replay =
        (struct cps_batch_order){.rows = self->order, .steps = self->npy.rows, .batch_size = self->npy.columns};
    return CPS_OK;
}

static enum cps_status on_reading(void *context, uint64_t ratings)
{
    struct rank *self = context;
    if (self->cluster->rank == 0)
        cps_loading_step(&self->loading, ratings, cps_clock_ns());
    return interrupted ? cps_fail(CPS_ERR_INTERRUPTED, "interrupted") : CPS_OK;
}

/* Whether what goes over tcp is encrypted; between hosts it is unless the user says otherwise. */
static bool encrypts(const struct rank *self)
{
    enum cps_option_encrypt asked = self->options->encrypt;
    bool between_hosts = !self->cluster->one_host;
    return asked == CPS_OPTION_ENCRYPT_ON || (asked == CPS_OPTION_ENCRYPT_AUTO && between_hosts);
}

/* Of the block solver: which worker each user's ratings go to. */
static enum cps_status deal_by_block(void *context, const struct cps_dataset *set, uint32_t *shard_of_row)
{
    const struct rank *self = context;
    struct cps_plan plan;
    struct cps_blocks blocks;
    CPS_TRY(cps_settings_plan(self->options, set, &self->layout, self->options->init ? &self->start_file : NULL,
                              &plan));
    cps_blocks_init(&blocks, &plan);
    for (uint32_t row = 0; row < set->users.rows; row++)
        shard_of_row[row] = cps_blocks_worker_of(&blocks, row);
    return CPS_OK;
}

/* Reads the ratings, all ranks together; each worker's go to its node. Collective. */
static enum cps_status load_data(struct rank *self)
{
    uint32_t first_worker = 1 + self->layout.servers;
    self->cluster->veils = !self->cluster->one_host && encrypts(self);
    struct cps_peers peers = cps_cluster_peers(self->cluster);
    const struct cps_sharing sharing = {.peers = self->cluster->ranks > 1 ? &peers : NULL,
                                        .shards = self->layout.workers,
                                        .shard_rank = self->layout.node_rank + first_worker,
                                        .context = self,
                                        .deal =
                                            self->options->solver == CPS_SOLVER_BLOCK ? deal_by_block : NULL};
    struct cps_dataset_request request =
        cps_settings_dataset(self->options, self->options->init ? &self->start_file : NULL);
    request.reading = (struct cps_reading){self, on_reading};
    return cps_dataset_load_shared(&request, &sharing, &self->datasets[0], &self->datasets[first_worker]);
}

/* What every rank knows of the data. */
static const struct cps_dataset *overview(const struct rank *self)
{
    return &self->datasets[0];
}

/* The files behind the options, for the record and the director; of the ratings the coordinator
 * compares fingerprints, so that the other ranks leave these out. */
static enum cps_status read_inputs(struct rank *self)
{
    CPS_TRY(cps_inputs_read(self->options, is_here(self, 0), &self->origin.inputs));
    if (!is_directed(self))
        return CPS_OK;
    return self->director->on_inputs(self->director->context, &self->origin.inputs, self->options);
}

static void show_notes(const struct cps_dataset *data)
{
    for (const char *line = data->notes.data; line && *line;) {
        size_t length = strcspn(line, "\n");
        cps_log(CPS_LOG_INFO, "note: %.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* Which rows the model of --init has for the data, on the coordinator's rank. */
static enum cps_status match_start(struct rank *self)
{
    struct cps_initial_file *start = &self->start_file;
    const struct cps_dataset *data = overview(self);
    if (!self->options->init)
        return CPS_OK;
    if (!cps_initial_file_has_names(start)) {
        cps_log(CPS_LOG_INFO, "note: no users.tsv and movies.tsv beside '%s': its rows are taken by number",
                start->files.model);
        return CPS_OK;
    }
    CPS_TRY(cps_initial_file_match(start, data));
    cps_log(CPS_LOG_INFO, "note: '%s' has rows for %u of %u users and %u of %u items; the others are new",
            self->options->init, data->users.rows - 1 - start->new_users, data->users.rows - 1,
            data->movies.rows - 1 - start->new_movies, data->movies.rows - 1);
    return CPS_OK;
}

/* The servers, which read no ratings, hear from the first rank which rows are whose. */
static enum cps_status share_start(struct rank *self)
{
    bool needed = self->options->init && cps_initial_file_has_names(&self->start_file);
    if (!needed || self->cluster->ranks == 1)
        return CPS_OK;
    return cps_cluster_broadcast(self->cluster, &self->start_file.row_of);
}

/* What each rank opens for itself. */
static enum cps_status open_files(struct rank *self)
{
    const struct cps_options *options = self->options;
    CPS_TRY(cps_buffer_pool_create(&self->pool));
    CPS_TRY(cps_kernels_select(options->isa, &self->kernels));
    if (is_here(self, 0)) {
        CPS_TRY(cps_run_folder_open(&self->folder, options->out, options->overwrite || options->resume,
                                    time(NULL), self->cluster->run_id));
        CPS_TRY(cps_origin_init(&self->origin));
    }
    CPS_TRY(read_inputs(self));
    if (options->init)
        CPS_TRY(cps_initial_file_open(&self->start_file, options->init));
    if (options->batch_order)
        CPS_TRY(load_order(self));
    return cps_alloc("datasets", self->layout.nodes, sizeof *self->datasets, &self->datasets);
}

/* The ranks read the ratings together, and so agree before and after. */
static enum cps_status load(struct rank *self)
{
    CPS_TRY(cps_cluster_agree(self->cluster, open_files(self)));
    CPS_TRY(load_data(self));
    if (!is_here(self, 0))
        return CPS_OK;
    show_notes(overview(self));
    if (is_directed(self))
        CPS_TRY(self->director->on_data(self->director->context, overview(self)));
    CPS_TRY(match_start(self));
    return cps_settings_plan(self->options, overview(self), &self->layout,
                             self->options->init ? &self->start_file : NULL, &self->plan);
}

/* Options about ranks do nothing where a launcher has started none. */
static void warn_of_idle_options(const struct rank *self)
{
    static const char *const names[] = {"servers", "workers", "transport", "interface", "port"};
    for (size_t i = 0; self->cluster->ranks == 1 && i < sizeof names / sizeof names[0]; i++)
        if (cps_options_source(self->options, names[i]) == CPS_SOURCE_COMMAND_LINE)
            cps_warn(
                "'--%s' makes no ranks: this is one process in every role; 'mpirun -n N collab-ps …' starts N "
                "ranks",
                names[i]);
}

/* Shows on a terminal that something is going on. */
static enum cps_status load_aloud(struct rank *self)
{
    warn_of_idle_options(self);
    if (self->cluster->rank == 0)
        cps_loading_begin(&self->loading, &self->terminal, stderr, self->options->progress, cps_clock_ns());
    enum cps_status status = load(self);
    if (self->cluster->rank == 0)
        cps_loading_end(&self->loading);
    return status;
}

static bool rows_over_mpi(const struct rank *self)
{
    switch (self->options->transport) {
    case CPS_OPTION_TRANSPORT_MPI:
        return true;
    case CPS_OPTION_TRANSPORT_AUTO:
        return self->cluster->one_host;
    default:
        return false;
    }
}

static bool over_tcp(const struct rank *self)
{
    return self->cluster->ranks > 1 &&
           (self->options->transport == CPS_OPTION_TRANSPORT_TCP || !self->cluster->one_host);
}

/* In words, for the banner and the record. */
static const char *transport_name(const struct rank *self)
{
    if (self->cluster->ranks == 1)
        return "memory";
    if (rows_over_mpi(self))
        return "mpi";
    return over_tcp(self) ? "tcp" : "ipc";
}

/* What leaves the host in the clear is said so; MPI encrypts nothing. */
static enum cps_status judge_secrecy(const struct rank *self)
{
    bool by_mpi = rows_over_mpi(self);
    if (self->cluster->one_host)
        return CPS_OK;
    if (by_mpi && self->options->encrypt == CPS_OPTION_ENCRYPT_ON)
        return cps_hint(
            cps_fail(CPS_ERR_USAGE, "'--encrypt on' cannot be kept with '--transport mpi' between hosts"),
            "MPI encrypts nothing; leave '--transport' out");
    if (self->cluster->rank == 0 && (by_mpi || self->options->encrypt == CPS_OPTION_ENCRYPT_OFF))
        cps_warn("'%s': anyone on the network between the hosts can read ids, ratings and weights",
                 by_mpi ? "--transport mpi" : "--encrypt off");
    return CPS_OK;
}

static enum cps_status connect_ranks(struct rank *self)
{
    uint32_t batch_size = cps_settings_batch_size(self->options, self->baselines.train_count);
    CPS_TRY(judge_secrecy(self));
    const struct cps_cluster_network network = {
        .tcp = self->options->transport == CPS_OPTION_TRANSPORT_TCP,
        .mpi_rows = rows_over_mpi(self),
        .interface = self->options->interface,
        .base_port = self->options->port,
        .encrypt = encrypts(self),
        .most_bytes = cps_message_most_bytes(batch_size, self->options->factors + 1),
    };
    return cps_cluster_connect(self->cluster, &network, &self->layout, self->pool, &self->control, &self->bulk);
}

/* What rank does, by the first node on it: the coordinator shares its rank with all nodes or with a server. */
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

static enum cps_status describe_ranks(struct rank *self)
{
    const struct cps_cluster *cluster = self->cluster;
    CPS_TRY(cps_alloc("ranks", cluster->ranks, sizeof *self->rank_records, &self->rank_records));
    CPS_TRY(cps_alloc("hosts", cluster->host_count, sizeof *self->hosts, &self->hosts));
    for (uint32_t rank = 0; rank < cluster->ranks; rank++) {
        self->rank_records[rank] = describe_rank(&self->layout, rank);
        self->rank_records[rank].host = cluster->hosts[rank];
        self->hosts[cluster->host_of[rank]].name = cluster->hosts[rank];
        self->hosts[cluster->host_of[rank]].ranks++;
    }
    return CPS_OK;
}

static void add_versions(struct rank *self)
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

/* A replay has no use for checkpoints. */
static bool saves(const struct rank *self)
{
    return !is_directed(self) || self->former;
}

/* Threads of a rank here that train. */
static uint32_t threads_of(const struct rank *self)
{
    if (self->options->threads)
        return self->options->threads;
    uint32_t ranks = 0, cores = (uint32_t)cps_host_widen_affinity();
    for (uint32_t rank = 0; rank < self->cluster->ranks; rank++)
        ranks += self->cluster->host_of[rank] == self->cluster->host_of[self->cluster->rank];
    return cores > ranks ? cores / ranks : 1;
}

static enum cps_status create_recorder(struct rank *self)
{
    add_versions(self);
    CPS_TRY(describe_ranks(self));
    CPS_TRY(cps_writer_create(WRITER_JOBS, WRITER_BYTES, &self->writer));
    const struct cps_recorder_setup setup = {
        .options = self->options,
        .plan = &self->plan,
        .dataset = overview(self),
        .baselines = &self->baselines,
        .folder = &self->folder,
        .writer = self->writer,
        .kept = !is_directed(self) || self->director->keeps_folder(self->director->context),
        .origin = cps_origin_record(&self->origin),
        .ranks = self->rank_records,
        .rank_count = self->cluster->ranks,
        .hosts = self->hosts,
        .host_count = self->cluster->host_count,
        .transport = transport_name(self),
        .isa = self->kernels->name,
        .threads = threads_of(self),
        .network = *self->cluster->network ? self->cluster->network : NULL,
        .encrypted = over_tcp(self) && encrypts(self) && !rows_over_mpi(self),
        .terminal = self->terminal,
        .run_id = self->cluster->run_id,
        .former = self->former,
        .saves = saves(self),
        .started_ns = self->started_ns};
    return cps_recorder_create(&setup, &self->recorder);
}

static void former_rows(const void *context, uint32_t first_key, uint32_t stride, uint32_t count, uint32_t *out)
{
    cps_checkpoint_rows(((const struct cps_former_run *)context)->checkpoint, first_key, stride, count, out);
}

/* Lets the coordinator begin where the former run was saved, and save this one. */
static enum cps_status set_up_restart(struct rank *self)
{
    const struct cps_checkpoint *checkpoint = self->former ? self->former->checkpoint : NULL;
    if (checkpoint) {
        const struct cps_checkpoint_state *state = &checkpoint->state;
        const struct cps_restart restart = {.mark = {.step = state->step,
                                                     .average = state->average,
                                                     .epoch_loss = state->epoch_loss,
                                                     .epoch_ratings = state->epoch_ratings,
                                                     .epochs = (uint32_t)state->epoch_count},
                                            .context = self->former,
                                            .rows = former_rows};
        CPS_TRY(cps_coordinator_restart(self->coordinator, &restart));
    }
    const struct cps_save_sink sink = cps_recorder_save_sink(self->recorder);
    return sink.begin ? cps_coordinator_save_to(self->coordinator, &sink) : CPS_OK;
}

static enum cps_status create_coordinator(struct rank *self)
{
    if (is_directed(self) && self->director->find_former)
        CPS_TRY(self->director->find_former(self->director->context, &self->plan, overview(self)->fingerprint,
                                            self->folder.path, &self->former));
    CPS_TRY(create_recorder(self));
    struct cps_observer observer = cps_recorder_observer(self->recorder);
    if (is_directed(self))
        observer = self->director->observe(self->director->context, &observer);
    CPS_TRY(cps_coordinator_create(&self->plan, overview(self)->fingerprint, &observer,
                                   nanoseconds(self->options->peer_timeout), &self->coordinator));
    cps_coordinator_name_nodes(self->coordinator, &self->route);
    CPS_TRY(set_up_restart(self));
    self->roles[self->role_count++] = cps_coordinator_role(self->coordinator);
    return CPS_OK;
}

static enum cps_status create_block_role(struct rank *self, uint32_t node)
{
    const struct cps_initial_rows *start = self->options->init ? &self->start : NULL;
    if (cps_job_role(&self->layout, node) == CPS_ROLE_SERVER) {
        CPS_TRY(cps_lender_create(node - 1, self->layout.nodes, start, &self->lenders[node]));
        self->roles[self->role_count++] = cps_lender_role(self->lenders[node]);
        return CPS_OK;
    }
    CPS_TRY(cps_block_worker_create(node, &self->datasets[node], self->kernels, threads_of(self),
                                    &self->block_workers[node]));
    self->roles[self->role_count++] = cps_block_worker_role(self->block_workers[node]);
    return CPS_OK;
}

static enum cps_status create_role(struct rank *self, uint32_t node)
{
    if (self->options->solver == CPS_SOLVER_BLOCK && node > 0)
        return create_block_role(self, node);
    const struct cps_batch_order *replay = self->options->batch_order ? &self->replay : NULL;
    switch (cps_job_role(&self->layout, node)) {
    case CPS_ROLE_COORDINATOR:
        return create_coordinator(self);
    case CPS_ROLE_SERVER:
        CPS_TRY(cps_server_create(node - 1, self->layout.nodes, self->kernels,
                                  self->options->init ? &self->start : NULL, self->team, &self->servers[node]));
        self->roles[self->role_count++] = cps_server_role(self->servers[node]);
        return CPS_OK;
    case CPS_ROLE_WORKER:
        break;
    }
    CPS_TRY(cps_worker_create(node, &self->datasets[node], self->kernels, replay, self->team,
                              &self->workers[node]));
    self->roles[self->role_count++] = cps_worker_role(self->workers[node]);
    return CPS_OK;
}

static enum cps_status create_roles(struct rank *self)
{
    uint32_t nodes = self->layout.nodes;
    CPS_TRY(cps_alloc("servers", nodes, sizeof(struct cps_server *), &self->servers));
    CPS_TRY(cps_alloc("workers", nodes, sizeof(struct cps_worker *), &self->workers));
    CPS_TRY(cps_alloc("servers", nodes, sizeof(struct cps_lender *), &self->lenders));
    CPS_TRY(cps_alloc("workers", nodes, sizeof(struct cps_block_worker *), &self->block_workers));
    CPS_TRY(cps_alloc("roles", nodes, sizeof *self->roles, &self->roles));
    CPS_TRY(cps_alloc("accounts", self->cluster->ranks, sizeof *self->accounts, &self->accounts));
    if (self->options->init)
        self->start = cps_initial_file_rows(&self->start_file);
    self->route = cps_job_route(&self->layout, self->cluster->rank);
    self->route.hosts = self->cluster->hosts[0];
    self->route.host_bytes = sizeof self->cluster->hosts[0];
    if (self->options->solver == CPS_SOLVER_BATCH)
        CPS_TRY(cps_team_create(threads_of(self), &self->team));
    for (uint32_t node = 0; node < nodes; node++)
        if (is_here(self, node))
            CPS_TRY(create_role(self, node));
    const struct cps_driver_options driver = {.route = self->route,
                                              .run_id = self->cluster->run_id,
                                              .pool = self->pool,
                                              .control = self->control,
                                              .bulk = self->bulk,
                                              .peer_timeout_ns = nanoseconds(self->options->peer_timeout),
                                              .interrupted = &interrupted,
                                              .save_asked = &save_asked,
                                              .torn_down = &torn_down};
    return cps_driver_create(&driver, self->roles, self->role_count, &self->driver);
}

/* Servers and workers each open --init and --batch-order for themselves, on hosts of their own perhaps. */
static enum cps_status compare_inputs(struct rank *self)
{
    uint8_t own[CPS_SHA256_BYTES], (*all)[CPS_SHA256_BYTES] = NULL;
    enum cps_status status = cps_inputs_digest(&self->origin.inputs, own);
    if (status == CPS_OK)
        status = cps_alloc("digests", self->cluster->ranks, sizeof own, &all);
    status = cps_cluster_agree(self->cluster, status);
    if (status == CPS_OK)
        status = cps_cluster_gather(self->cluster, own, sizeof own, all);
    for (uint32_t rank = 1; status == CPS_OK && rank < self->cluster->ranks; rank++)
        if (memcmp(all[0], all[rank], sizeof own) != 0)
            status = cps_fail(CPS_ERR_DATA,
                              "rank %u on '%s' reads another file of '--init' or '--batch-order' "
                              "than rank 0 on '%s'",
                              rank, self->cluster->hosts[rank], self->cluster->hosts[0]);
    free(all);
    return status;
}

static enum cps_status lay_out(struct rank *self)
{
    const struct cps_options *options = self->options;
    enum cps_status status =
        cps_job_init(&self->layout, self->cluster->ranks, options->servers, options->workers);
    return cps_cluster_agree(self->cluster, status);
}

static enum cps_status add_over_ranks(void *context, uint64_t *values, size_t count)
{
    return cps_cluster_sum(context, values, count);
}

static enum cps_status complete_plan(struct rank *self)
{
    CPS_TRY(cps_settings_complete(self->options, &self->baselines, overview(self), &self->plan));
    if (is_directed(self) && self->director->replan)
        return self->director->replan(self->director->context, &self->plan);
    return CPS_OK;
}

/* What the ratings alone predict, which needs those of all ranks; and where the plan's predictions begin. */
static enum cps_status fit_baselines(struct rank *self)
{
    const struct cps_dataset **shards;
    const struct cps_rank_sums sums = {self->cluster, add_over_ranks};
    size_t count = 0;
    enum cps_status status = cps_alloc("shards", self->layout.nodes, sizeof *shards, &shards);
    CPS_TRY(cps_cluster_agree(self->cluster, status));
    for (uint32_t node = 1 + self->layout.servers; node < self->layout.nodes; node++)
        if (is_here(self, node))
            shards[count++] = &self->datasets[node];
    struct cps_penalty_search wanted;
    const struct cps_penalty_search *search = cps_settings_search(self->options, &self->plan, &wanted);
    status = cps_baselines_fit(shards, count, is_here(self, 0) ? overview(self) : NULL, &sums, search,
                               &self->baselines);
    free(shards);
    if (status == CPS_OK && is_here(self, 0))
        status = complete_plan(self);
    return cps_cluster_agree(self->cluster, status);
}

/* Everything up to the point where messages flow. The ranks agree after each part. */
static enum cps_status prepare(struct rank *self)
{
    CPS_TRY(settle_options(self));
    CPS_TRY(share_options(self));
    CPS_TRY(lay_out(self));
    CPS_TRY(cps_cluster_agree(self->cluster, load_aloud(self)));
    CPS_TRY(compare_inputs(self));
    CPS_TRY(fit_baselines(self));
    CPS_TRY(share_start(self));
    cps_cluster_set_timeout(self->cluster, nanoseconds(self->options->peer_timeout));
    CPS_TRY(connect_ranks(self));
    return cps_cluster_agree(self->cluster, create_roles(self));
}

/* Brings the accounts of all ranks to the coordinator's record. Collective. */
static enum cps_status gather_accounts(struct rank *self)
{
    struct cps_account own = cps_account_here(self->driver, self->control, self->bulk), *all = self->accounts;
    for (int kind = 0; kind < CPS_MESSAGE_KINDS; kind++)
        self->counters[kind].name = cps_message_kind_name((enum cps_message_kind)kind);
    enum cps_status status = cps_cluster_gather(self->cluster, &own, sizeof own, all);
    for (uint32_t rank = 0; status == CPS_OK && self->recorder && rank < self->cluster->ranks; rank++)
        cps_account_enter(&all[rank], &self->rank_records[rank], self->counters, &self->traffic);
    return status;
}

/* Brings what the record still holds to its files, if the disk takes it. */
static void close_record(struct rank *self)
{
    self->abandoned |= !cps_writer_destroy(&self->writer, WRITER_PATIENCE_NS);
    if (!self->abandoned)
        cps_recorder_destroy(&self->recorder);
}

static void release_parts(struct rank *self)
{
    uint32_t nodes = self->layout.nodes;
    cps_driver_destroy(&self->driver);
    cps_coordinator_destroy(&self->coordinator);
    for (uint32_t node = 0; node < nodes; node++) {
        if (self->servers)
            cps_server_destroy(&self->servers[node]);
        if (self->workers)
            cps_worker_destroy(&self->workers[node]);
        if (self->lenders)
            cps_lender_destroy(&self->lenders[node]);
        if (self->block_workers)
            cps_block_worker_destroy(&self->block_workers[node]);
        if (self->datasets)
            cps_dataset_release(&self->datasets[node]);
    }
    cps_run_folder_close(&self->folder);
    cps_cluster_disconnect(&self->control, &self->bulk);
    if (self->pool)
        cps_buffer_pool_destroy(&self->pool);
    cps_origin_release(&self->origin);
    cps_initial_file_close(&self->start_file);
    cps_npy_release(&self->npy);
    cps_job_release(&self->layout);
    free(self->order);
    free(self->datasets);
    free(self->servers);
    free(self->workers);
    free(self->lenders);
    free(self->block_workers);
    cps_team_destroy(&self->team);
    free(self->roles);
    free(self->rank_records);
    free(self->hosts);
    free(self->accounts);
}

static void release(struct rank *self)
{
    close_record(self);
    if (!self->abandoned)
        release_parts(self);
    else
        cps_cluster_disconnect(&self->control, &self->bulk);
    if (is_directed(self))
        self->director->release(self->director->context);
}

/* The director's word on a run that all ranks know to have ended with agreed; status is this rank's. */
static enum cps_status judge(struct rank *self, enum cps_status agreed, enum cps_status status)
{
    bool ended = agreed == CPS_OK || agreed == CPS_ERR_DIVERGED || agreed == CPS_ERR_INTERRUPTED;
    if (!self->director || !ended)
        return status;
    close_record(self);
    if (is_directed(self))
        status = self->director->judge(self->director->context, status);
    else if (status == agreed)
        status = CPS_OK; /* rank 0 has the last word on it */
    return cps_cluster_agree(self->cluster, status);
}

/* Waits for the disk to take the end of the record, however long it takes: the others wait as long as the
 * coordinator's rank says so. Collective. */
static enum cps_status await_record(struct rank *self, enum cps_status status)
{
    uint64_t word_ns = nanoseconds(self->options->peer_timeout) / 4;
    bool more = true;
    while (more) {
        more = false;
        if (self->recorder && status == CPS_OK)
            status = cps_recorder_await(self->recorder, word_ns < LONGEST_WORD_NS ? word_ns : LONGEST_WORD_NS,
                                        &more);
        CPS_TRY(cps_cluster_hold(self->cluster, &more));
    }
    return status;
}

/* Completes the record of a run that all ranks saw end well. Collective. */
static enum cps_status complete_record(struct rank *self)
{
    enum cps_status status = gather_accounts(self);
    if (self->recorder && status == CPS_OK)
        status = cps_recorder_finish(self->recorder, self->counters, CPS_MESSAGE_KINDS, &self->traffic);
    status = await_record(self, status);
    if (self->recorder && status != CPS_OK)
        cps_recorder_fail(self->recorder, status);
    return status;
}

/* Trains, and on the coordinator's rank completes the record. */
static enum cps_status run(struct rank *self)
{
    enum cps_status status = cps_driver_run(self->driver);
    bool recorded = self->recorder && status != CPS_OK;
    /* An interrupted job may be killed within a second: the record comes first. */
    if (recorded)
        status = cps_recorder_fail(self->recorder, status);
    enum cps_status agreed = cps_cluster_agree(self->cluster, status);
    status = agreed;
    if (agreed == CPS_OK)
        status = complete_record(self);
    else if (self->recorder && !recorded)
        status = cps_recorder_fail(self->recorder, status);
    return judge(self, agreed, status);
}

/* A run that is told to end while it still loads can be started again, or resumed again, to the same bits. */
static enum cps_status judge_start(const struct rank *self, enum cps_status status)
{
    bool resumes = self->options->resume != NULL;
    if (status != CPS_ERR_INTERRUPTED || (self->director && !resumes))
        return status;
    return cps_fail(CPS_ERR_PREEMPTED, resumes ? CPS_STOPPED_RESUMING : CPS_STOPPED_STARTING);
}

/* One rank reports the error for all: the first, or the one that lost it. */
static void report_error(const struct rank *self, enum cps_status status)
{
    if (status != CPS_DIFFERS && (self->cluster->rank == 0 || status == CPS_ERR_PEER))
        cps_log_error(cps_error_text(), cps_error_hint());
}

/* Where all ranks have the same error the first speaks; the others leave it the time, since a launcher ends all
 * when one has ended. */
static int fail_to_start(enum cps_status status)
{
    static const uint64_t patience_ns = 2000000000u;
    if (status == CPS_ERR_USAGE && cps_launcher_find().rank != 0)
        cps_sleep_ns(patience_ns);
    else
        cps_log_error(cps_error_text(), cps_error_hint());
    return cps_status_exit_code(status);
}

int cps_train(struct cps_options *options, const struct cps_train_director *director)
{
    struct rank self = {
        .options = options, .director = director, .started_ns = cps_clock_ns(), .folder = {.lock = -1}};
    char build[CPS_BUILD_BYTES];
    ignore_signals();
    catch_signals();
    cps_origin_build(build, sizeof build);
    enum cps_status status = cps_cluster_start(nanoseconds(options->load_timeout), build, &self.cluster);
    if (status != CPS_OK)
        return fail_to_start(status);
    if (self.cluster->rank == 0)
        cps_terminal_find(&self.terminal, stderr);
    cps_cluster_watch(self.cluster, &interrupted);
    status = judge_start(&self, prepare(&self));
    cps_cluster_watch(self.cluster, NULL);
    if (status == CPS_OK)
        status = run(&self);
    int code = cps_status_exit_code(status);
    if (status != CPS_OK)
        report_error(&self, status);
    release(&self);
    cps_terminal_release(&self.terminal);
    if (status == CPS_ERR_PEER || !cps_cluster_end(&self.cluster))
        cps_cluster_abort(code ? code : cps_status_exit_code(CPS_ERR_PEER));
    return code;
}
