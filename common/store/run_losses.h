/*
 * The losses in a run's files: lines of text -> struct cps_run_reader, the second stage of
 * cps_run_reader_open(). Apart from it so that a test or a fuzzer needs no file.
 */
#ifndef CPS_STORE_RUN_LOSSES_H
#define CPS_STORE_RUN_LOSSES_H

#include "common/store/run_reader.h"

/* Appends the losses in size bytes of text to those of self. Lines without a newline (LF or CRLF) are ignored.
 * CPS_ERR_DATA names path and line; self then holds the losses before it. */
enum cps_status cps_run_losses_history(struct cps_run_reader *self, const char *path, const char *text,
                                       size_t size);
enum cps_status cps_run_losses_steps(struct cps_run_reader *self, const char *path, const char *text,
                                     size_t size);
enum cps_status cps_run_losses_metrics(struct cps_run_reader *self, const char *path, const char *text,
                                       size_t size);

#endif
