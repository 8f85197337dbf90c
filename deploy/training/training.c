/* The steps of a job, from its parts; see training.h. */
#include "deploy/training/training.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/cluster/launcher.h"
#include "deploy/training/recording.h"
#include "deploy/training/roles.h"
#include "deploy/training/settings.h"

struct cps_training {
    struct cps_training_env env;
    const struct cps_signals *signals;
    const struct cps_kernels *kernels;
    struct cps_ratings ratings;
    struct cps_connection connection;
    struct cps_roles roles;
    struct cps_recording recording;
};

/* ---- start ---- */

enum cps_status cps_training_start(struct cps_options *options, struct cps_training **out)
{
    struct cps_training *self;
    char build[CPS_BUILD_BYTES];
    *out = NULL;
    CPS_TRY(cps_alloc("a training job", 1, sizeof *self, &self));
    cps_recording_init(&self->recording);
    self->env.options = options;
    cps_signals_ignore();
    self->signals = cps_signals_catch();
    cps_origin_build(build, sizeof build);
    enum cps_status status =
        cps_cluster_start((uint64_t)(options->load_timeout * 1e9), build, &self->env.cluster);
    if (status != CPS_OK) {
        free(self);
        return status;
    }
    *out = self;
    cps_cluster_watch(self->env.cluster, &self->signals->interrupted);
    if (!cps_env_leads(&self->env))
        return cps_training_agree(self, CPS_OK);
    cps_terminal_find(&self->recording.terminal, stderr);
    return cps_training_agree(self, cps_settings_find_data(options));
}

bool cps_training_leads(const struct cps_training *self)
{
    return cps_env_leads(&self->env);
}

enum cps_status cps_training_agree(struct cps_training *self, enum cps_status status)
{
    return cps_cluster_agree(self->env.cluster, status);
}

/* ---- open ---- */

static enum cps_status take_options(struct cps_training_env *self, const struct cps_text *text)
{
    struct cps_options shared;
    if (self->cluster->rank == 0)
        return CPS_OK;
    CPS_TRY(cps_options_read(text->data, text->length, &shared));
    cps_options_release(self->options);
    *self->options = shared;
    return CPS_OK;
}

/* All ranks use the options of rank 0. */
static enum cps_status share_options(struct cps_training_env *self)
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

static enum cps_status lay_out(struct cps_training_env *self)
{
    const struct cps_options *options = self->options;
    enum cps_status status = cps_job_init(&self->job, self->cluster->ranks, options->servers, options->workers);
    return cps_cluster_agree(self->cluster, status);
}

/* Options about ranks have no effect without a launcher. */
static void warn_of_idle_options(const struct cps_training_env *self)
{
    static const char *const names[] = {"servers", "workers", "transport", "interface", "port"};
    for (size_t i = 0; self->cluster->ranks == 1 && i < sizeof names / sizeof names[0]; i++)
        if (cps_options_source(self->options, names[i]) == CPS_SOURCE_COMMAND_LINE)
            cps_warn("'--%s' has no effect in a single process, which runs every role; 'mpirun -n N collab-ps "
                     "…' starts N "
                     "ranks",
                     names[i]);
}

/* Opens the files that each rank reads itself. */
static enum cps_status open_files(struct cps_training *self)
{
    CPS_TRY(cps_kernels_select(self->env.options->isa, &self->kernels));
    CPS_TRY(cps_recording_open(&self->recording, &self->env));
    return cps_ratings_open(&self->ratings, &self->env);
}

enum cps_status cps_training_open(struct cps_training *self)
{
    CPS_TRY(share_options(&self->env));
    CPS_TRY(lay_out(&self->env));
    warn_of_idle_options(&self->env);
    cps_ratings_begin_loading(&self->ratings, &self->env, &self->recording.terminal);
    return cps_training_agree(self, open_files(self));
}

enum cps_status cps_training_inputs(struct cps_training *self, const struct cps_inputs **out)
{
    *out = &self->recording.origin.inputs;
    cps_inputs_resume(&self->recording.origin.inputs, cps_ratings_overview(&self->ratings));
    return cps_recording_await_inputs(&self->recording);
}

const char *cps_training_folder(const struct cps_training *self)
{
    return self->recording.folder.path;
}

/* ---- load, plan ---- */

enum cps_status cps_training_load(struct cps_training *self)
{
    enum cps_status status = cps_ratings_load(&self->ratings, &self->env, self->signals);
    cps_ratings_end_loading(&self->ratings);
    return status;
}

const struct cps_dataset *cps_training_dataset(const struct cps_training *self)
{
    return cps_ratings_overview(&self->ratings);
}

enum cps_status cps_training_plan(struct cps_training *self)
{
    CPS_TRY(cps_ratings_plan(&self->ratings, &self->env));
    return cps_recording_compare_inputs(&self->recording, &self->env, cps_ratings_overview(&self->ratings));
}

struct cps_plan *cps_training_planned(struct cps_training *self)
{
    return &self->ratings.plan;
}

/* ---- connect, run ---- */

static enum cps_status create_roles(struct cps_training *self, const struct cps_training_terms *terms)
{
    const struct cps_recording_terms recorded = {
        .scratch = terms->scratch, .saves = !terms->no_saves, .limit = terms->limit, .former = terms->former};
    if (cps_env_has(&self->env, 0))
        CPS_TRY(
            cps_recording_begin(&self->recording, &self->env, &self->ratings, self->kernels->name, &recorded));
    const struct cps_roles_record record = {
        .recorder = self->recording.recorder, .observer = terms->observer, .former = terms->former};
    CPS_TRY(cps_roles_create(&self->roles, &self->env, &self->ratings, self->kernels, &record));
    return cps_roles_drive(&self->roles, &self->env, &self->connection, self->signals);
}

enum cps_status cps_training_connect(struct cps_training *self, const struct cps_training_terms *terms)
{
    const struct cps_training_env *env = &self->env;
    uint32_t batch_size = cps_settings_batch_size(env->options, self->ratings.baselines.train_count);
    cps_cluster_set_timeout(env->cluster, cps_env_peer_timeout_ns(env));
    CPS_TRY(cps_connection_open(&self->connection, env, batch_size));
    return cps_training_agree(self, create_roles(self, terms));
}

enum cps_status cps_training_run(struct cps_training *self, enum cps_status *agreed)
{
    struct cps_recording *recording = &self->recording;
    cps_cluster_watch(self->env.cluster, NULL);
    enum cps_status status = cps_driver_run(self->roles.driver);
    bool recorded = status != CPS_OK;
    /* An interrupted job may be killed within a second: the record comes first. */
    if (recorded)
        status = cps_recording_fail(recording, status);
    *agreed = cps_training_agree(self, status);
    if (*agreed == CPS_OK)
        *agreed = cps_ratings_fit_late(&self->ratings, &self->env);
    if (*agreed == CPS_OK)
        return cps_recording_complete(recording, &self->env, self->roles.driver, &self->connection);
    return recorded ? *agreed : cps_recording_fail(recording, *agreed);
}

/* ---- close, end ---- */

void cps_training_close_record(struct cps_training *self)
{
    cps_recording_close(&self->recording);
}

/* One rank reports the error for all: the first, or the one that lost it or was told to end alone. */
static void report_error(const struct cps_training_env *self, enum cps_status status)
{
    bool alone = status == CPS_ERR_PEER || cps_cluster_is_left(self->cluster);
    if (status != CPS_DIFFERS && (self->cluster->rank == 0 || alone))
        cps_log_error(cps_error_text(), cps_error_hint());
}

void cps_training_close(struct cps_training *self, enum cps_status status)
{
    if (!self)
        return;
    cps_cluster_watch(self->env.cluster, NULL);
    cps_ratings_end_loading(&self->ratings);
    if (status != CPS_OK)
        report_error(&self->env, status);
    cps_recording_close(&self->recording);
    cps_terminal_release(&self->recording.terminal);
    if (self->recording.abandoned) {
        cps_connection_close(&self->connection);
        return;
    }
    cps_roles_release(&self->roles);
    cps_ratings_release(&self->ratings);
    cps_connection_release(&self->connection);
    cps_recording_release(&self->recording);
    cps_job_release(&self->env.job);
}

/* If all ranks have the same error, the first reports it. The others wait for that before they end, since a
 * launcher ends all ranks as soon as one has ended. */
static int fail_to_start(enum cps_status status)
{
    static const uint64_t patience_ns = 2000000000u;
    if (status == CPS_ERR_USAGE && cps_launcher_find().rank != 0)
        cps_sleep_ns(patience_ns);
    else
        cps_log_error(cps_error_text(), cps_error_hint());
    return cps_status_exit_code(status);
}

int cps_training_end(struct cps_training **out, enum cps_status status)
{
    struct cps_training *self = *out;
    int code = cps_status_exit_code(status);
    if (!self)
        return fail_to_start(status);
    if (status == CPS_ERR_PEER || !cps_cluster_end(&self->env.cluster))
        cps_cluster_abort(code ? code : cps_status_exit_code(CPS_ERR_PEER));
    if (!self->recording.abandoned) {
        free(self);
        *out = NULL;
    }
    return code;
}
