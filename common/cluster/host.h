/* This host, and the processors this process may use. */
#ifndef CPS_CLUSTER_HOST_H
#define CPS_CLUSTER_HOST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

/* The host's name. */
void cps_host_name(char *out, size_t bytes);

/* A string that is equal for two processes if and only if they can reach each other by
 * ipc: they share a boot of the kernel and the network namespace. */
void cps_host_identity(char *out, size_t bytes);

/* Removes a launcher's binding to one core, which would starve other threads than the main one, for all
 * threads started from now on. Returns the number of processors allowed now. */
int cps_host_widen_affinity(void);

/* File descriptors that a run opens: its own files and, in a job, ZeroMQ's, which ends the process when it is
 * refused one. */
enum { CPS_FILES_OF_RUN = 8, CPS_FILES_OF_ZMQ = 24, CPS_FILES_A_PEER = 3 };

/* Checks that this process may map bytes in all. Under a lower limit Open MPI and ZeroMQ crash while they
 * start, or wait for ranks that did. CPS_ERR_MEMORY otherwise. */
enum cps_status cps_host_need_address_space(uint64_t bytes);

/* Checks that this process may write files of bytes, as large as those that Open MPI shares memory by. Under a
 * lower limit ranks of one host cannot reach each other, and MPI_Init ends the process. CPS_ERR_STORAGE
 * otherwise. */
enum cps_status cps_host_need_file_size(uint64_t bytes);

/* Checks that this process may open count more files, after raising its limit as far as permitted.
 * CPS_ERR_USAGE otherwise. */
enum cps_status cps_host_need_files(uint32_t count);

#endif
