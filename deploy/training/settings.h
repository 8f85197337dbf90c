/*
 * Translates the user's options: options -> dataset request, plan.
 */
#ifndef CPS_DEPLOY_TRAINING_SETTINGS_H
#define CPS_DEPLOY_TRAINING_SETTINGS_H

#include "common/cluster/job.h"
#include "common/data/baselines.h"
#include "common/data/dataset.h"
#include "common/model/plan.h"
#include "common/options/options.h"
#include "server/shard/initial_file.h"

/* Chooses the ratings when --data is not given: $COLLAB_PS_DATA, which already counts as --data; else
 * data/ml-100k if it exists, which becomes the value of --data; else the built-in set. */
enum cps_status cps_settings_find_data(struct cps_options *options);

struct cps_dataset_request cps_settings_dataset(const struct cps_options *options,
                                                const struct cps_initial_file *start);

/* The value of --batch-size, with 'auto' resolved for train_count training ratings. */
uint32_t cps_settings_batch_size(const struct cps_options *options, uint64_t train_count);

/* The search for a penalty that is made along with the baselines: fills *search and returns it where
 * --optimizer auto depends on the ratings of a sparse set, else returns NULL. plan is used on the first rank.
 */
const struct cps_penalty_search *cps_settings_search(const struct cps_options *options,
                                                     const struct cps_plan *plan,
                                                     struct cps_penalty_search *search);

/* Completes the plan once the baselines are fitted: sets its offset, and resolves 'auto' for a sparse set.
 * CPS_ERR_USAGE when the result contradicts options that the user set. */
enum cps_status cps_settings_complete(const struct cps_options *options, const struct cps_baselines *baselines,
                                      struct cps_plan *plan);

/* Makes the plan for dataset, without its offset. CPS_ERR_DATA when start (NULL: none) does not fit it. */
enum cps_status cps_settings_plan(const struct cps_options *options, const struct cps_dataset *dataset,
                                  const struct cps_job *layout, const struct cps_initial_file *start,
                                  struct cps_plan *out);

#endif
