/* Connects the ranks of a job: chooses the transport for rows, the one for all else, and what is encrypted. */
#ifndef CPS_DEPLOY_TRAINING_CONNECTION_H
#define CPS_DEPLOY_TRAINING_CONNECTION_H

#include "deploy/training/env.h"

struct cps_connection {
    struct cps_buffer_pool *pool;
    struct cps_transport *control, *bulk; /* see cps_cluster_connect */
};

/* Whether tcp traffic is encrypted: by default, it is if the job has several hosts. */
bool cps_connection_encrypts(const struct cps_training_env *env);

/* Whether everything that leaves a rank is encrypted: all of it goes over tcp, and tcp traffic is encrypted. */
bool cps_connection_is_secret(const struct cps_training_env *env);

/* The name of the connection, for the banner and the record; a static text. */
const char *cps_connection_name(const struct cps_training_env *env);

/* Connects all ranks, for a plan with batches of batch_size ratings. Collective. */
enum cps_status cps_connection_open(struct cps_connection *self, const struct cps_training_env *env,
                                    uint32_t batch_size);

/* Disconnects. The pool remains until cps_connection_release, for messages that still hold its buffers. */
void cps_connection_close(struct cps_connection *self);
void cps_connection_release(struct cps_connection *self);

#endif
