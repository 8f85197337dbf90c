/* The roles that run on a rank, and the driver that runs them. */
#ifndef CPS_DEPLOY_TRAINING_ROLES_H
#define CPS_DEPLOY_TRAINING_ROLES_H

#include "common/base/team.h"
#include "common/drive/driver.h"
#include "deploy/training/connection.h"
#include "deploy/training/ratings.h"
#include "server/record/recorder.h"

struct cps_roles {
    uint32_t nodes;
    struct cps_coordinator *coordinator;
    struct cps_server **servers;             /* [nodes] */
    struct cps_worker **workers;             /* [nodes] */
    struct cps_lender **lenders;             /* [nodes]: in place of servers in the block solver */
    struct cps_block_worker **block_workers; /* [nodes]: in place of workers */
    struct cps_team *team;                   /* shared by this rank's servers and workers of the batch solver */
    struct cps_initial_rows start;           /* of --init */
    struct cps_route route;
    struct cps_role *roles; /* [nodes], of this rank */
    uint32_t role_count;
    struct cps_driver *driver;
};

/* What the coordinator is created with; unused on other ranks. */
struct cps_roles_record {
    struct cps_recorder *recorder;
    const struct cps_observer *observer; /* in place of the recorder; NULL: the recorder */
    const struct cps_former_run *former; /* the run to resume; NULL: training begins with the first step */
};

/* Creates the roles of this rank's nodes. Needs release even when it failed. Not collective. */
enum cps_status cps_roles_create(struct cps_roles *self, const struct cps_training_env *env,
                                 struct cps_ratings *ratings, const struct cps_kernels *kernels,
                                 const struct cps_roles_record *record);

/* Creates the driver that runs the roles over connection. */
enum cps_status cps_roles_drive(struct cps_roles *self, const struct cps_training_env *env,
                                const struct cps_connection *connection, const struct cps_signals *signals);

void cps_roles_release(struct cps_roles *self);

#endif
