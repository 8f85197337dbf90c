/*
 * A folder for the Unix socket of a rank, accessible only to its user. Under mpirun it is made in the
 * launcher's session folder, which the launcher removes even if the ranks are killed.
 */
#ifndef CPS_NET_IPC_FOLDER_H
#define CPS_NET_IPC_FOLDER_H

#include "common/base/status.h"

#define CPS_IPC_FOLDER_BYTES 80 /* a socket's whole path has to fit into 108 */

/* Makes the folder. CPS_ERR_STORAGE if that fails everywhere. */
enum cps_status cps_ipc_folder_make(char path[CPS_IPC_FOLDER_BYTES]);

/* Removes the folder and the socket in it; path may be empty. */
void cps_ipc_folder_remove(const char *path);

/* The name of the socket in a folder. */
#define CPS_IPC_SOCKET "socket"

#endif
