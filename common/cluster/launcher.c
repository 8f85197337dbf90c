/* Launchers and their environment variables; see launcher.h. */
#include "common/cluster/launcher.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

static uint32_t number(const char *name, uint32_t fallback)
{
    const char *text = name ? getenv(name) : NULL;
    uint64_t value;
    return text && cps_text_to_u64(text, &value) && value <= UINT32_MAX ? (uint32_t)value : fallback;
}

/* The first launcher whose variables are set is used, for instance mpirun if it runs within srun. Slurm also
 * sets its variables for processes that are not tasks of a step; then the number of tasks is missing. */
struct cps_launcher cps_launcher_find(void)
{
    static const struct {
        const char *name, *rank, *ranks, *more_ranks;
        bool mpi;
    } known[] = {
        {"mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL, true},
        {"a PMIx launcher", "PMIX_RANK", "PMIX_SIZE", "SLURM_STEP_NUM_TASKS", true},
        {"a PMI launcher", "PMI_RANK", "PMI_SIZE", NULL, false},
        {"flux run", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", NULL, false},
        {"srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", NULL, false},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!getenv(known[i].rank))
            continue;
        uint32_t ranks = number(known[i].ranks, number(known[i].more_ranks, 0));
        if (known[i].mpi || ranks > 1)
            return (struct cps_launcher){known[i].name, number(known[i].rank, 0), ranks, known[i].mpi};
    }
    return (struct cps_launcher){.ranks = 1};
}

bool cps_launcher_is_local(void)
{
    const char *ranks = getenv("OMPI_COMM_WORLD_SIZE"), *here = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const char *nodes = getenv("SLURM_STEP_NUM_NODES");
    if (ranks)
        return here && strcmp(ranks, here) == 0;
    return nodes && strcmp(nodes, "1") == 0;
}

enum cps_status cps_launcher_check(const struct cps_launcher *self, uint32_t seen)
{
    if (self->ranks == 0 || self->ranks == seen)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE,
             "%s started %" PRIu32 " processes, but MPI sees %" PRIu32 ": each would train a run of its own",
             self->name, self->ranks, seen);
    return cps_hint(CPS_ERR_USAGE,
                    "start them with the mpirun of the Open MPI that this was built with, or srun "
                    "--mpi=pmix if it supports that");
}
