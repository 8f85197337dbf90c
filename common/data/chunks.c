/* See chunks.h; between samples.h and stored.h on one side and baselines.c on the other. */
#include "common/data/chunks.h"

#include "common/data/stored.h"

static enum cps_status visit_stored(const struct cps_dataset *shard, size_t number, bool training,
                                    cps_chunks_visit *visit, void *context)
{
    struct cps_stored_reader reader;
    struct cps_samples samples = {0};
    uint64_t first = 0;
    enum cps_status status = cps_stored_reader_init(&reader, shard, training);
    if (status == CPS_OK)
        status = cps_stored_reader_next(&reader, &samples);
    while (status == CPS_OK && samples.count > 0) {
        visit(context, number, first, &samples);
        first += samples.count;
        status = cps_stored_reader_next(&reader, &samples);
    }
    cps_stored_reader_release(&reader);
    return status;
}

enum cps_status cps_chunks_each(const struct cps_dataset *const *shards, size_t count, bool training,
                                cps_chunks_visit *visit, void *context)
{
    for (size_t s = 0; s < count; s++) {
        if (shards[s]->stored)
            CPS_TRY(visit_stored(shards[s], s, training, visit, context));
        else
            visit(context, s, 0, training ? &shards[s]->train : &shards[s]->valid);
    }
    return CPS_OK;
}
