/* See crew_sorting.h. */
#include "worker/crew_sorting.h"

#include <stdlib.h>

#include "common/base/memory.h"

enum cps_status cps_crew_sorting_init(struct cps_crew_sorting *self, struct cps_order *order,
                                      pthread_mutex_t *mutex)
{
    bool later = cps_order_is_dealt_later(order);
    *self = (struct cps_crew_sorting){
        .order = order, .mutex = mutex, .next = later ? 0 : order->block_count, .to_spread = later};
    CPS_TRY(cps_alloc("user blocks", order->block_count, sizeof *self->dealt, &self->dealt));
    for (uint32_t user = 0; user < order->block_count; user++)
        self->dealt[user] = !later;
    return CPS_OK;
}

void cps_crew_sorting_release(struct cps_crew_sorting *self)
{
    free(self->dealt);
    self->dealt = NULL;
}

static void note(struct cps_crew_sorting *self, enum cps_status status)
{
    self->done++;
    if (self->failure.status == CPS_OK)
        cps_failure_note(&self->failure, status);
}

/* Distributes a stretch of a set that exceeds the memory, unless another thread does. */
static bool spread(struct cps_crew_sorting *self)
{
    bool more;
    if (self->spreading)
        return false;
    self->spreading = true;
    pthread_mutex_unlock(self->mutex);
    enum cps_status status = cps_order_spread(self->order, &more);
    pthread_mutex_lock(self->mutex);
    self->spreading = false;
    self->to_spread = more;
    note(self, status);
    return true;
}

static bool deal(struct cps_crew_sorting *self, struct cps_order_scratch **scratch)
{
    uint32_t user = self->next++;
    pthread_mutex_unlock(self->mutex);
    enum cps_status status = cps_order_deal(self->order, self->order->first_block + user, scratch);
    pthread_mutex_lock(self->mutex);
    self->dealt[user] = status == CPS_OK;
    note(self, status);
    return true;
}

bool cps_crew_sort(struct cps_crew_sorting *self, struct cps_order_scratch **scratch)
{
    if (self->next < self->order->block_count && self->failure.status == CPS_OK)
        return self->to_spread ? spread(self) : deal(self, scratch);
    cps_order_scratch_destroy(scratch);
    return false;
}

bool cps_crew_sorting_moved(struct cps_crew_sorting *self)
{
    bool moved = self->done != self->told;
    self->told = self->done;
    return moved;
}
