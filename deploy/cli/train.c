/* A training job, step by step; see training.h. */
#include "deploy/cli/train.h"

#include "deploy/training/training.h"
#include "server/coordinator/coordinator.h"

static enum cps_status prepare(struct cps_training *training)
{
    const struct cps_training_terms terms = {0};
    CPS_TRY(cps_training_open(training));
    CPS_TRY(cps_training_load(training));
    CPS_TRY(cps_training_plan(training));
    return cps_training_connect(training, &terms);
}

int cps_train(struct cps_options *options)
{
    struct cps_training *training;
    enum cps_status agreed, status = cps_training_start(options, &training);
    if (status == CPS_OK)
        status = prepare(training);
    if (status == CPS_OK)
        status = cps_training_run(training, &agreed);
    else if (status == CPS_ERR_INTERRUPTED) /* it can be started again, with the same result */
        status = cps_fail(CPS_ERR_PREEMPTED, CPS_STOPPED_STARTING);
    cps_training_close(training, status);
    return cps_training_end(&training, status);
}
