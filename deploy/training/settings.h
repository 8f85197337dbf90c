/*
 * From what the user asked for to what the parts need: options -> dataset request, plan.
 */
#ifndef CPS_DEPLOY_TRAINING_SETTINGS_H
#define CPS_DEPLOY_TRAINING_SETTINGS_H

#include "common/cluster/job.h"
#include "common/data/baselines.h"
#include "common/data/dataset.h"
#include "common/model/plan.h"
#include "common/options/options.h"
#include "server/shard/initial_file.h"

/* Where the ratings come from when --data is not given: $COLLAB_PS_DATA is an option's
 * environment and thus --data; else data/ml-100k if it is there, which becomes the value
 * of --data; else the built-in set. */
enum cps_status cps_settings_find_data(struct cps_options *options);

struct cps_dataset_request cps_settings_dataset(const struct cps_options *options,
                                                const struct cps_initial_file *start);

/* --batch-size, or what 'auto' is for so many training ratings. */
uint32_t cps_settings_batch_size(const struct cps_options *options, uint64_t train_count);

/* What to look for beside the baselines: NULL, or a penalty for a sparse set where --optimizer auto is for
 * its ratings to decide. plan counts on the first rank; *search is filled. */
const struct cps_penalty_search *cps_settings_search(const struct cps_options *options,
                                                     const struct cps_plan *plan,
                                                     struct cps_penalty_search *search);

/* Completes the plan once the ratings are known: its offset, and all that 'auto' is for a sparse set.
 * CPS_ERR_USAGE where that does not go together with what is not 'auto'. */
enum cps_status cps_settings_complete(const struct cps_options *options, const struct cps_baselines *baselines,
                                      const struct cps_dataset *dataset, struct cps_plan *plan);

/* The plan for dataset, without its offset. CPS_ERR_DATA when a given start does not fit it. */
enum cps_status cps_settings_plan(const struct cps_options *options, const struct cps_dataset *dataset,
                                  const struct cps_job *layout, const struct cps_initial_file *start,
                                  struct cps_plan *out);

#endif
