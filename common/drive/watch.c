/* The deadline on what a role waits for; see watch.h. */
#include "common/drive/watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool same(const struct cps_awaited *a, const struct cps_awaited *b)
{
    return a->node == b->node && a->number == b->number && strcmp(a->what, b->what) == 0;
}

static enum cps_status fail_wait(const struct cps_route *route, const struct cps_role *role,
                                 const struct cps_awaited *awaited, uint64_t waited_ns)
{
    char owes[CPS_ROUTE_NAME_BYTES], waits[CPS_ROUTE_NAME_BYTES], number[24] = "";
    cps_route_name(route, awaited->node, owes);
    cps_route_name(route, role->node, waits);
    if (awaited->numbered)
        snprintf(number, sizeof number, " %" PRIu64, awaited->number);
    return cps_fail(CPS_ERR_PEER, "%s owes %s%s to %s, which has waited %" PRIu64 " s for it", owes,
                    awaited->what, number, waits, waited_ns / 1000000000u);
}

enum cps_status cps_watch_look(struct cps_watch *self, const struct cps_role *role,
                               const struct cps_route *route, const uint64_t *progress, uint64_t now_ns,
                               uint64_t timeout_ns)
{
    struct cps_awaited awaited;
    if (!role->ops->awaits || timeout_ns == 0 || !role->ops->awaits(role->self, &awaited)) {
        self->waiting = false;
        return CPS_OK;
    }
    if (!self->waiting || !same(&awaited, &self->last) || self->progress != progress[awaited.node]) {
        *self = (struct cps_watch){
            .last = awaited, .progress = progress[awaited.node], .waiting = true, .since_ns = now_ns};
        return CPS_OK;
    }
    uint64_t waited_ns = now_ns - self->since_ns;
    return waited_ns / awaited.patience < timeout_ns / 4 ? CPS_OK : fail_wait(route, role, &awaited, waited_ns);
}
