/* Spinning and sleeping; see rest.h. */
#include "common/drive/rest.h"

#include <sched.h>

#include "common/base/clock.h"

#define MPI_SPIN_NS 2000000u /* longer than the waits within a step of a busy job */
#define ZMQ_SPIN_NS 200000u  /* after longer waits the cost of waking up is negligible */
#define NAP_NS 50000u        /* the first sleep when waiting for mpi, which cannot wake us */
#define LONGEST_NAP_NS 1000000u

enum { TURNS_A_CONTROL = 16 };

void cps_rest_init(struct cps_rest *self, struct cps_transport *control, struct cps_transport *bulk, bool quiet,
                   bool crowded)
{
    *self = (struct cps_rest){
        .control = control, .bulk = bulk, .quiet = quiet, .crowded = crowded, .nap_ns = NAP_NS};
}

void cps_rest_active(struct cps_rest *self, uint64_t now_ns)
{
    self->active_ns = now_ns;
    self->nap_ns = NAP_NS;
}

/* Whether the rank was busy recently, so that the next message is expected soon. */
static bool spinning(const struct cps_rest *self, uint64_t now_ns)
{
    uint64_t zmq_spin_ns = self->crowded ? 0 : ZMQ_SPIN_NS;
    return now_ns - self->active_ns < (self->bulk ? MPI_SPIN_NS : zmq_spin_ns);
}

bool cps_rest_control_due(struct cps_rest *self, uint64_t now_ns)
{
    return !self->bulk || self->quiet || !spinning(self, now_ns) || ++self->turns % TURNS_A_CONTROL == 0;
}

/* A long frame is transferred in pieces, each of which needs calls at both ends: sleeping between them made an
 * epoch of large batches take five times as long. */
static bool is_crossing(const struct cps_rest *self)
{
    return self->bulk && !self->bulk->ops->idle(self->bulk);
}

/* Whether messages over mpi, which cannot wake us, are in flight or expected. */
static bool bulk_under_way(const struct cps_rest *self)
{
    if (!self->bulk)
        return false;
    const struct cps_transport_counters *counters = &self->bulk->counters;
    return counters->sent[CPS_MESSAGE_EXCHANGE] > counters->received[CPS_MESSAGE_ROWS] || is_crossing(self);
}

void cps_rest_wait(struct cps_rest *self, uint64_t now_ns, uint64_t longest_ns)
{
    struct cps_transport *control = self->control;
    bool awake = !self->quiet || bulk_under_way(self);
    if (!control) {
        cps_sleep_ns(NAP_NS);
    } else if (is_crossing(self) || (awake && spinning(self, now_ns))) {
        sched_yield();
    } else if (!self->bulk || !awake) {
        control->ops->wait(control, longest_ns);
    } else if (self->nap_ns < LONGEST_NAP_NS) {
        cps_sleep_ns(self->nap_ns);
        self->nap_ns += self->nap_ns / 2;
    } else {
        control->ops->wait(control, LONGEST_NAP_NS);
    }
}
