/* How the ranks of a job reach each other: which transport carries rows, which the rest, and what is encrypted.
 */
#ifndef CPS_DEPLOY_TRAINING_CONNECTION_H
#define CPS_DEPLOY_TRAINING_CONNECTION_H

#include "deploy/training/env.h"

struct cps_connection {
    struct cps_buffer_pool *pool;
    struct cps_transport *control, *bulk; /* as of cps_cluster_connect */
};

/* Whether what goes over tcp is encrypted; between hosts it is unless the user says otherwise. */
bool cps_connection_encrypts(const struct cps_training_env *env);

/* Whether what leaves a rank is encrypted: it goes over tcp, all of it, and that is. */
bool cps_connection_is_secret(const struct cps_training_env *env);

/* In words, for the banner and the record. */
const char *cps_connection_name(const struct cps_training_env *env);

/* Connects all ranks, for a plan with batches of so many ratings. Collective. */
enum cps_status cps_connection_open(struct cps_connection *self, const struct cps_training_env *env,
                                    uint32_t batch_size);

/* Disconnects; the pool stays, for messages that still hold its buffers. */
void cps_connection_close(struct cps_connection *self);
void cps_connection_release(struct cps_connection *self);

#endif
