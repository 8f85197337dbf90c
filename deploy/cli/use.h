/*
 * The commands that use a trained model. Each opens a run, computes, and prints a table, TSV or JSON on
 * standard output and notes on standard error. Each returns the status with which the program ends.
 */
#ifndef CPS_DEPLOY_CLI_USE_H
#define CPS_DEPLOY_CLI_USE_H

#include "common/options/options.h"

enum cps_status cps_use_predict(const struct cps_options *options);
enum cps_status cps_use_evaluate(const struct cps_options *options);
enum cps_status cps_use_recommend(const struct cps_options *options);
enum cps_status cps_use_fold_in(const struct cps_options *options);
enum cps_status cps_use_similar(const struct cps_options *options);
enum cps_status cps_use_biases(const struct cps_options *options);
enum cps_status cps_use_map(const struct cps_options *options);
enum cps_status cps_use_export(const struct cps_options *options);
enum cps_status cps_use_data(const struct cps_options *options);

#endif
