/* Creates the transports that the options select, and checks encryption; see connection.h. */
#include "deploy/training/connection.h"

#include "common/base/log.h"
#include "common/net/message.h"

static bool rows_over_mpi(const struct cps_training_env *env)
{
    switch (env->options->transport) {
    case CPS_OPTION_TRANSPORT_MPI:
        return true;
    case CPS_OPTION_TRANSPORT_AUTO:
        return env->cluster->one_host;
    default:
        return false;
    }
}

static bool over_tcp(const struct cps_training_env *env)
{
    return env->cluster->ranks > 1 &&
           (env->options->transport == CPS_OPTION_TRANSPORT_TCP || !env->cluster->one_host);
}

bool cps_connection_encrypts(const struct cps_training_env *env)
{
    enum cps_option_encrypt asked = env->options->encrypt;
    bool between_hosts = !env->cluster->one_host;
    return asked == CPS_OPTION_ENCRYPT_ON || (asked == CPS_OPTION_ENCRYPT_AUTO && between_hosts);
}

bool cps_connection_is_secret(const struct cps_training_env *env)
{
    return over_tcp(env) && cps_connection_encrypts(env) && !rows_over_mpi(env);
}

const char *cps_connection_name(const struct cps_training_env *env)
{
    if (env->cluster->ranks == 1)
        return "memory";
    if (rows_over_mpi(env))
        return "mpi";
    return over_tcp(env) ? "tcp" : "ipc";
}

/* Warns when traffic leaves the host unencrypted, and refuses --encrypt on with MPI, which encrypts nothing. */
static enum cps_status judge_secrecy(const struct cps_training_env *env)
{
    bool by_mpi = rows_over_mpi(env);
    if (env->cluster->one_host)
        return CPS_OK;
    if (by_mpi && env->options->encrypt == CPS_OPTION_ENCRYPT_ON)
        return cps_hint(
            cps_fail(CPS_ERR_USAGE, "'--encrypt on' cannot be kept with '--transport mpi' between hosts"),
            "MPI encrypts nothing; leave '--transport' out");
    if (env->cluster->rank == 0 && (by_mpi || env->options->encrypt == CPS_OPTION_ENCRYPT_OFF))
        cps_warn("'%s': anyone on the network between the hosts can read ids, ratings and weights",
                 by_mpi ? "--transport mpi" : "--encrypt off");
    return CPS_OK;
}

enum cps_status cps_connection_open(struct cps_connection *self, const struct cps_training_env *env,
                                    uint32_t batch_size)
{
    const struct cps_options *options = env->options;
    CPS_TRY(judge_secrecy(env));
    CPS_TRY(cps_cluster_agree(env->cluster, cps_buffer_pool_create(&self->pool)));
    const struct cps_cluster_network network = {
        .tcp = options->transport == CPS_OPTION_TRANSPORT_TCP,
        .mpi_rows = rows_over_mpi(env),
        .interface = options->interface,
        .base_port = options->port,
        .encrypt = cps_connection_encrypts(env),
        .most_bytes = cps_message_most_bytes(batch_size, options->factors + 1),
    };
    return cps_cluster_connect(env->cluster, &network, &env->job, self->pool, &self->control, &self->bulk);
}

void cps_connection_close(struct cps_connection *self)
{
    cps_cluster_disconnect(&self->control, &self->bulk);
}

void cps_connection_release(struct cps_connection *self)
{
    cps_connection_close(self);
    if (self->pool)
        cps_buffer_pool_destroy(&self->pool);
}
