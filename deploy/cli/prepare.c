/* See prepare.h. */
#include "deploy/cli/prepare.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/log.h"
#include "common/base/ram.h"
#include "common/data/load.h"
#include "deploy/training/settings.h"

enum cps_status cps_prepare(const struct cps_options *options)
{
    struct cps_dataset_request request = cps_settings_dataset(options, NULL);
    struct cps_dataset data;
    request.valid_pct = 0;
    request.shards = 1;
    request.memory_bytes = options->memory ? (uint64_t)options->memory << 20 : cps_ram_bytes() / 4;
    CPS_TRY(cps_dataset_load_and_prepare(&request, options->out, &data));
    cps_log_lines(CPS_LOG_INFO, "note: ", data.notes.data);
    printf("%s: %" PRIu64 " ratings of %u movies by %u users, from %s\n", options->out, data.rating_count,
           data.movies.rows - 1, data.users.rows - 1, data.description);
    if (data.columns[0])
        printf("%s\n", data.columns);
    cps_dataset_release(&data);
    return CPS_OK;
}
