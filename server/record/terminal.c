/* Finding a terminal to draw on; see terminal.h. */
#include "server/record/terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool can_redraw(void)
{
    const char *term = getenv("TERM");
    return term && *term && strcmp(term, "dumb") != 0;
}

/* Opens the terminal at file descriptor `number` of the mpirun that started this process; -1 if it is not a
 * terminal or there is no mpirun on this host. Opens only devices, since opening other files may have effects.
 */
static int open_launchers(int number)
{
    char path[64];
    struct stat info;
    if (!getenv("OMPI_COMM_WORLD_SIZE"))
        return -1;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)getppid(), number);
    if (stat(path, &info) != 0 || !S_ISCHR(info.st_mode))
        return -1;
    int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || isatty(fd))
        return fd;
    close(fd);
    return -1;
}

void cps_terminal_find(struct cps_terminal *self, FILE *err)
{
    *self = (struct cps_terminal){0};
    if (!can_redraw())
        return;
    if (isatty(fileno(err))) {
        self->stream = err;
        return;
    }
    int fd = open_launchers(STDERR_FILENO), out = open_launchers(STDOUT_FILENO);
    self->stream = fd < 0 ? NULL : fdopen(fd, "w");
    self->is_launchers = self->stream != NULL;
    self->shows_out = self->is_launchers && out >= 0;
    if (self->is_launchers)
        signal(SIGTTOU,
               SIG_IGN); /* mpirun puts its ranks in the background, where 'stty tostop' stops writers */
    else if (fd >= 0)
        close(fd);
    if (out >= 0)
        close(out);
}

void cps_terminal_release(struct cps_terminal *self)
{
    if (self->is_launchers)
        fclose(self->stream);
    *self = (struct cps_terminal){0};
}

size_t cps_terminal_columns(const struct cps_terminal *self)
{
    struct winsize size;
    if (ioctl(fileno(self->stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *columns = getenv("COLUMNS");
    int number = columns ? atoi(columns) : 0;
    return number > 0 ? (size_t)number : 80;
}
