/* Tracks greetings, reports and silence of every node; see nodes.h. */
#include "server/coordinator/nodes.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/memory.h"

enum cps_status cps_nodes_init(struct cps_nodes *self, const struct cps_plan *plan, uint64_t timeout_ns)
{
    *self =
        (struct cps_nodes){.plan = plan, .count = 1 + plan->servers + plan->workers, .timeout_ns = timeout_ns};
    return cps_alloc("heard nodes", self->count, sizeof *self->heard, &self->heard);
}

void cps_nodes_release(struct cps_nodes *self)
{
    free(self->heard);
    self->heard = NULL;
}

void cps_nodes_begin_at(struct cps_nodes *self, uint64_t step, uint32_t epochs)
{
    for (uint32_t node = 1 + self->plan->servers; node < self->count; node++) {
        self->heard[node].steps = step;
        self->heard[node].epochs = epochs;
    }
}

bool cps_nodes_greet(struct cps_nodes *self, uint32_t node)
{
    if (self->heard[node].greeted)
        return false;
    self->heard[node].greeted = true;
    self->greeted++;
    return true;
}

bool cps_nodes_make_ready(struct cps_nodes *self, uint32_t node)
{
    if (self->heard[node].ready)
        return false;
    self->heard[node].ready = true;
    self->ready++;
    return true;
}

enum cps_status cps_nodes_report(struct cps_nodes *self, const struct cps_message *message, uint64_t granted)
{
    const struct cps_report *report = &message->report;
    struct cps_node_heard *worker = &self->heard[message->from];
    if (report->steps && (report->first_step != worker->steps || report->steps > granted - worker->steps))
        return cps_fail(CPS_ERR_PEER, "node %u reported steps that are not its next ones, or not granted",
                        message->from);
    worker->steps += report->steps;
    if (!report->has_valid)
        return CPS_OK;
    if (report->epoch != worker->epochs || report->epoch >= self->plan->epochs ||
        worker->steps < cps_plan_steps_per_epoch(self->plan) * (worker->epochs + (uint64_t)1))
        return cps_fail(CPS_ERR_PEER, "node %u reported the validation of epoch %u, which is not its next one",
                        message->from, report->epoch);
    worker->epochs++;
    return CPS_OK;
}

static enum cps_status fail_silent(const struct cps_nodes *self, uint32_t node, uint64_t silence_ns)
{
    char name[CPS_ROUTE_NAME_BYTES];
    bool is_server = node <= self->plan->servers;
    if (self->route)
        cps_route_name(self->route, node, name);
    else
        snprintf(name, sizeof name, "%s %u", is_server ? "server" : "worker",
                 is_server ? node - 1 : node - 1 - self->plan->servers);
    return cps_fail(CPS_ERR_PEER, "nothing was heard from %s for %.*f s", name, silence_ns < 10000000000u,
                    (double)silence_ns * 1e-9);
}

enum cps_status cps_nodes_on_tick(struct cps_nodes *self, uint64_t now_ns)
{
    bool first = self->now_ns == 0;
    self->now_ns = now_ns;
    for (uint32_t node = 1; node < self->count; node++) {
        if (first)
            self->heard[node].heard_ns = now_ns;
        uint64_t silence = now_ns - self->heard[node].heard_ns;
        if (self->timeout_ns != 0 && silence >= self->timeout_ns)
            return fail_silent(self, node, silence);
    }
    return CPS_OK;
}

void cps_nodes_await_start(const struct cps_nodes *self, struct cps_awaited *out)
{
    bool greets = !cps_nodes_all_greeted(self);
    uint32_t node = 1;
    while (greets ? self->heard[node].greeted : self->heard[node].ready)
        node++;
    out->node = node;
    out->what = greets ? "a greeting" : "word that it is ready";
}

void cps_nodes_await_reports(const struct cps_nodes *self, uint32_t epoch, struct cps_awaited *out)
{
    uint32_t slowest = 1 + self->plan->servers;
    for (uint32_t node = slowest; node < self->count; node++) {
        const struct cps_node_heard *this = &self->heard[node], *least = &self->heard[slowest];
        if (this->steps < least->steps || (this->steps == least->steps && this->epochs < least->epochs))
            slowest = node;
    }
    bool validates = self->heard[slowest].steps == cps_plan_steps_per_epoch(self->plan) * (epoch + (uint64_t)1);
    out->node = slowest;
    out->what = validates ? "the validation of epoch" : "the losses of step";
    out->numbered = true;
    out->number = validates ? epoch : self->heard[slowest].steps;
}
