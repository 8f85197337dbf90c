/* The folder of a rank's Unix socket; see ipc_folder.h. */
#include "common/net/ipc_folder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Creates a folder of mode 0700 in place; false if that fails. */
static bool make_in(const char *place, char path[CPS_IPC_FOLDER_BYTES])
{
    if (!place || place[0] != '/')
        return false;
    int length = snprintf(path, CPS_IPC_FOLDER_BYTES, "%s/cps-XXXXXX", place);
    return length < CPS_IPC_FOLDER_BYTES && mkdtemp(path) != NULL;
}

enum cps_status cps_ipc_folder_make(char path[CPS_IPC_FOLDER_BYTES])
{
    const char *const places[] = {getenv("OMPI_FILE_LOCATION"), getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"),
                                  "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (make_in(places[i], path))
            return CPS_OK;
    int code = errno;
    path[0] = '\0';
    return cps_hint(
        cps_fail(CPS_ERR_STORAGE, "cannot make a folder for a socket in '/tmp': %s", strerror(code)),
        "set TMPDIR to a folder that may be written, with a short name");
}

void cps_ipc_folder_remove(const char *path)
{
    char socket[CPS_IPC_FOLDER_BYTES + sizeof CPS_IPC_SOCKET + 1];
    if (!path[0])
        return;
    snprintf(socket, sizeof socket, "%s/%s", path, CPS_IPC_SOCKET);
    unlink(socket);
    rmdir(path);
}
