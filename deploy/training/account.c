/* Counters of the driver, the transports and the kernel -> account -> record; see account.h. */
#include "deploy/training/account.h"

#include <sys/resource.h>
#include <unistd.h>

#include "common/net/zmq_transport.h"

static void add_counters(const struct cps_transport_counters *counters, struct cps_account *account)
{
    for (int kind = 0; kind < CPS_MESSAGE_KINDS; kind++) {
        account->messages[kind] += counters->sent[kind];
        account->bytes[kind] += counters->sent_bytes[kind];
    }
    account->traffic.between_hosts += counters->left_host;
    account->traffic.between_hosts_bytes += counters->left_host_bytes;
}

static void add_strangers(const struct cps_transport *control, struct cps_record_traffic *traffic)
{
    struct cps_gate_counts turned_away = cps_zmq_transport_turned_away(control);
    traffic->strange_messages = cps_zmq_transport_strangers(control);
    traffic->strange_connections = turned_away.turned_away;
    traffic->crowded_out = turned_away.crowded_out;
}

struct cps_account cps_account_here(const struct cps_driver *driver, const struct cps_transport *control,
                                    const struct cps_transport *bulk)
{
    struct cps_account account = {.process = getpid()};
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        account.peak_memory_bytes = (uint64_t)usage.ru_maxrss * 1024;
    cps_driver_times(driver, &account.busy_ns, &account.idle_ns);
    add_counters(cps_driver_local_counters(driver), &account);
    if (control) {
        add_counters(&control->counters, &account);
        add_strangers(control, &account.traffic);
    }
    if (bulk)
        add_counters(&bulk->counters, &account);
    return account;
}

void cps_account_enter(const struct cps_account *self, struct cps_record_rank *record,
                       struct cps_record_counter counters[CPS_MESSAGE_KINDS],
                       struct cps_record_traffic *traffic)
{
    record->process = self->process;
    record->busy_s = (double)self->busy_ns * 1e-9;
    record->idle_s = (double)self->idle_ns * 1e-9;
    record->peak_memory_bytes = self->peak_memory_bytes;
    for (int kind = 0; kind < CPS_MESSAGE_KINDS; kind++) {
        counters[kind].messages += self->messages[kind];
        counters[kind].bytes += self->bytes[kind];
    }
    traffic->between_hosts += self->traffic.between_hosts;
    traffic->between_hosts_bytes += self->traffic.between_hosts_bytes;
    traffic->strange_messages += self->traffic.strange_messages;
    traffic->strange_connections += self->traffic.strange_connections;
    traffic->crowded_out += self->traffic.crowded_out;
}
