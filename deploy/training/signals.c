/* Handlers that set a flag; see signals.h. */
#include "deploy/training/signals.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/status.h"

static struct cps_signals signals;

static void on_end(int number)
{
    if (signals.interrupted && number == SIGINT)
        _exit(cps_status_exit_code(CPS_ERR_INTERRUPTED));
    signals.interrupted = 1;
}

static void on_save(int number)
{
    (void)number;
    signals.save_asked = (sig_atomic_t)(signals.save_asked + 1);
}

static void on_end_of_job(int number)
{
    (void)number;
    signals.torn_down = 1;
}

void cps_signals_ignore(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

/* SIGUSR2 stands for SIGTERM in jobs: mpirun forwards it to all ranks and lets them finish, whereas after
 * SIGINT and SIGTERM it sends SIGKILL within a second and returns an exit code of its own. deploy/launch.sh
 * forwards a user's signals as SIGUSR2, so a SIGTERM comes from mpirun itself. */
const struct cps_signals *cps_signals_catch(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGUSR2};
    struct sigaction action = {.sa_handler = on_end};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        sigaction(ends[i], &action, NULL);
    action.sa_handler = on_save;
    sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = on_end_of_job;
    if (getenv("CPS_LAUNCH"))
        sigaction(SIGTERM, &action, NULL);
    return &signals;
}
