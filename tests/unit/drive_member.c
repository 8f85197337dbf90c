/* What every role but the coordinator does alike: HELLO, STOP, heartbeats, and messages that it does not
 * handle. */
#include "common/drive/member.h"
#include "tests/unit/check.h"

enum { NODES = 3 };

struct rig {
    struct cps_outbox outbox;
    struct cps_member member;
};

static void rig_init(struct rig *self)
{
    *self = (struct rig){.member = {.title = "worker node", .number = 2}};
    /* No message has a payload, so no pool is needed. */
    check_ok(cps_outbox_init(&self->outbox, NULL, 2, NODES, 17));
}

static void a_greeting_goes_to_the_coordinator(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    check_ok(cps_member_greet(&rig.member, NULL, &rig.outbox));
    check_int(rig.outbox.count, 1, "messages");
    check_int(rig.outbox.messages[0].kind, CPS_MESSAGE_HELLO, "kind");
    check_int(rig.outbox.messages[0].to, 0, "receiver");
    check_int(rig.outbox.messages[0].hello.has_data, false, "data");
    check_int(rig.member.greeted, true, "greeted");
    cps_outbox_release(&rig.outbox);
    rig_init(&rig);
    const struct cps_hello hello = {.has_data = true, .train_count = 80000};
    check_ok(cps_member_greet(&rig.member, &hello, &rig.outbox));
    check_int(rig.outbox.messages[0].hello.train_count, 80000, "training ratings");
    cps_outbox_release(&rig.outbox);
}

static void stop_ends_it_with_the_error_of_the_run(void **state)
{
    (void)state;
    static const enum cps_status ends[] = {CPS_OK, CPS_ERR_PEER, CPS_ERR_INTERRUPTED};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct rig rig;
        rig_init(&rig);
        const struct cps_message stop = {.kind = CPS_MESSAGE_STOP, .end.status = ends[i]};
        check_int(cps_member_on_message(&rig.member, &stop), ends[i], "STOP with status %zu", i);
        check_int(rig.member.stopped, true, "stopped by status %zu", i);
        cps_outbox_release(&rig.outbox);
    }
}

static void a_heartbeat_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    const struct cps_message beat = {.kind = CPS_MESSAGE_HEARTBEAT};
    check_ok(cps_member_on_message(&rig.member, &beat));
    check_int(rig.member.stopped, false, "stopped");
    cps_outbox_release(&rig.outbox);
}

static void other_messages_are_refused_by_name(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig);
    const struct cps_message stray = {.kind = CPS_MESSAGE_READY, .from = 1};
    check_fails(cps_member_on_message(&rig.member, &stray), CPS_ERR_PEER,
                "node 1 sent worker node 2 a 'ready'");
    check_int(rig.member.stopped, false, "stopped");
    cps_outbox_release(&rig.outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_goes_to_the_coordinator),
        cmocka_unit_test(stop_ends_it_with_the_error_of_the_run),
        cmocka_unit_test(a_heartbeat_changes_nothing),
        cmocka_unit_test(other_messages_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("drive: member", tests, NULL, NULL);
}
