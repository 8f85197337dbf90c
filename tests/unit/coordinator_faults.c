/* What the coordinator refuses, whom it misses, and how a run that diverges ends. */
#include <stdio.h>

#include "common/model/steps.h"
#include "tests/unit/coordinator_rig.h"

static void a_run_needs_a_batch(void **state)
{
    (void)state;
    struct cps_plan plan = small_plan();
    struct cps_observer observer = {0};
    struct cps_coordinator *coordinator = NULL;
    plan.train_count = 7;
    check_fails(cps_coordinator_create(&plan, fingerprint, &observer, 0, &coordinator), CPS_ERR_DATA,
                "7 training ratings");
    assert_non_null(strstr(cps_error_hint(), "--batch-size"));
    plan = small_plan();
    plan.train_count = (uint64_t)8 << 31;
    check_fails(cps_coordinator_create(&plan, fingerprint, &observer, 0, &coordinator), CPS_ERR_USAGE, "steps");
    assert_null(coordinator);
}

static void shards_must_hold_all_ratings(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    for (uint32_t node = 1; node < NODES - 1; node++)
        check_ok(say(&rig, hello_of(&rig, node)));
    struct cps_message hello = hello_of(&rig, NODES - 1);
    hello.hello.valid_count++;
    check_fails(say(&rig, hello), CPS_ERR_INTERNAL, "30");
    rig_release(&rig);
}

static void other_data_is_refused(void **state)
{
    (void)state;
    for (uint32_t worker = 0; worker < WORKERS; worker++) {
        struct rig rig;
        char name[16];
        snprintf(name, sizeof name, "worker %u", worker);
        rig_init(&rig, 0);
        struct cps_message hello = hello_of(&rig, 1 + SERVERS + worker);
        hello.hello.fingerprint[31] ^= 1;
        check_fails(say(&rig, hello), CPS_ERR_DATA, name);
        assert_non_null(strstr(cps_error_hint(), "--data"));
        rig_release(&rig);
    }
}

static void wrong_answers_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_finish_training(&rig);
    for (int wrong = 0; wrong < 3; wrong++) {
        struct cps_message answer = answer_to(&rig, &rig.post.outbox.messages[0]);
        answer.rows.ticket += wrong == 0;
        answer.rows.rows -= wrong == 1;
        if (wrong == 2)
            answer.payload->size -= 4;
        check_fails(say(&rig, answer), CPS_ERR_PEER, wrong == 0 ? "no outstanding" : "payload");
    }
    rig_release(&rig);
}

static void the_silent_are_missed(void **state)
{
    (void)state;
    static const struct {
        uint32_t node;
        const char *name;
    } cases[] = {{1, "server 0 "}, {2, "server 1 "}, {3, "worker 0 "}, {5, "worker 2 "}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, 10 * SECOND);
        uint64_t now = 5000 * SECOND;
        check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
        for (int second = 1; second < 10; second++) {
            now += SECOND;
            check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
            for (uint32_t node = 1; node < NODES; node++)
                if (node != cases[i].node)
                    check_ok(say(&rig, message_from(&rig.post, CPS_MESSAGE_HEARTBEAT, node, 0)));
        }
        check_fails(rig.role.ops->on_tick(rig.role.self, now + SECOND, &rig.post.outbox), CPS_ERR_PEER,
                    cases[i].name);
        assert_non_null(strstr(cps_error_text(), "10 s"));
        rig_release(&rig);
    }
}

static void without_a_timeout_nobody_is_missed(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, 0);
    for (uint64_t now = 1; now < 100000 * SECOND; now *= 10)
        check_ok(rig.role.ops->on_tick(rig.role.self, now, &rig.post.outbox));
    rig_release(&rig);
}

static void what_was_not_granted_is_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_fails(say(&rig, report_of(&rig, 1, STEPS * EPOCHS - 1, 2, -1)), CPS_ERR_PEER, "node 4");
    check_fails(say(&rig, report_of(&rig, 1, 0, 1, EPOCHS)), CPS_ERR_PEER, "node 4");
    check_fails(say(&rig, report_of(&rig, 1, UINT64_MAX - 1, 4, -1)), CPS_ERR_PEER, "node 4");
    struct cps_message report = report_of(&rig, 1, 0, 3, -1);
    report.report.steps = 4;
    check_fails(say(&rig, report), CPS_ERR_PEER, "payload");
    rig_release(&rig);
    rig_begin_long(&rig);
    check_fails(say(&rig, report_of(&rig, 1, 0, 2 * CPS_BLOCK_STEPS + 1, -1)), CPS_ERR_PEER, "not granted");
    check_ok(say(&rig, report_of(&rig, 1, 0, 2 * CPS_BLOCK_STEPS, -1)));
    check_fails(say(&rig, report_of(&rig, 1, 2 * CPS_BLOCK_STEPS, 1, -1)), CPS_ERR_PEER, "not granted");
    rig_release(&rig);
}

/* Each step and each epoch once, in order: a second report would be added to the first. */
static void nothing_is_reported_twice(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_ok(say(&rig, report_of(&rig, 1, 0, 10, -1)));
    check_fails(say(&rig, report_of(&rig, 1, 0, 10, -1)), CPS_ERR_PEER, "not its next ones");
    check_fails(say(&rig, report_of(&rig, 1, 5, 10, -1)), CPS_ERR_PEER, "not its next ones");
    check_fails(say(&rig, report_of(&rig, 1, 11, 10, -1)), CPS_ERR_PEER, "not its next ones");
    check_fails(say(&rig, report_of(&rig, 1, 10, 10, 0)), CPS_ERR_PEER, "validation of epoch 0");
    check_ok(say(&rig, report_of(&rig, 1, 20, STEPS - 20, 0)));
    check_fails(say(&rig, report_of(&rig, 1, STEPS, 0, 0)), CPS_ERR_PEER, "validation of epoch 0");
    check_fails(say(&rig, report_of(&rig, 1, STEPS, 0, 1)), CPS_ERR_PEER, "validation of epoch 1");
    check_ok(say(&rig, report_of(&rig, 1, STEPS, STEPS, -1)));
    check_fails(say(&rig, report_of(&rig, 1, 2 * STEPS, 0, 0)), CPS_ERR_PEER, "validation of epoch 0");
    check_fails(say(&rig, hello_of(&rig, 4)), CPS_ERR_PEER, "node 4 sent the coordinator a 'hello'");
    check_fails(say(&rig, message_from(&rig.post, CPS_MESSAGE_READY, 4, 0)), CPS_ERR_PEER, "a 'ready'");
    rig_release(&rig);
}

/* The next to owe: of the greetings, of the ready, of the reports the slowest worker. */
static void the_coordinator_knows_who_owes_it(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_awaited awaited;
    rig_init(&rig, 0);
    for (uint32_t node = 1; node < NODES; node++) {
        assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
        assert_string_equal(awaited.what, "a greeting");
        check_int(awaited.node, node, "node");
        check_ok(say(&rig, hello_of(&rig, node)));
    }
    for (uint32_t node = 1; node < NODES; node++) {
        assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
        assert_string_equal(awaited.what, "word that it is ready");
        check_int(awaited.node, node, "node");
        check_ok(say(&rig, message_from(&rig.post, CPS_MESSAGE_READY, node, 0)));
    }
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, 0, STEPS - worker, worker ? -1 : 0)));
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    check_int(awaited.node, NODES - 1, "node");
    assert_string_equal(awaited.what, "the losses of step");
    check_int(awaited.number, STEPS - WORKERS + 1, "step");
    for (uint32_t worker = 1; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, STEPS - worker, worker, -1)));
    assert_true(rig.role.ops->awaits(rig.role.self, &awaited));
    assert_string_equal(awaited.what, "the validation of epoch");
    check_int(awaited.node, NODES - 2, "node");
    rig_release(&rig);
}

static void messages_for_others_are_refused(void **state)
{
    (void)state;
    static const enum cps_message_kind kinds[] = {CPS_MESSAGE_PLAN, CPS_MESSAGE_GRANT, CPS_MESSAGE_EXCHANGE,
                                                  CPS_MESSAGE_STOP, CPS_MESSAGE_KINDS};
    struct rig rig;
    rig_begin(&rig, 0);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_fails(say(&rig, message_from(&rig.post, kinds[i], 3, 0)), CPS_ERR_PEER,
                    "node 3 sent the coordinator");
    rig_release(&rig);
}

static void errors_end_the_run(void **state)
{
    (void)state;
    static const char told[] = "'u.data':7: not a number\0mend it";
    struct rig rig;
    rig_begin(&rig, 0);
    rig.told.answer = CPS_ERR_STORAGE;
    cps_fail(CPS_ERR_STORAGE, "the disk is full");
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_int(say(&rig, report_of(&rig, worker, 0, 1, -1)), worker + 1 < WORKERS ? CPS_OK : CPS_ERR_STORAGE,
                  "status of report %u", worker);
    struct cps_message failure = message_from(&rig.post, CPS_MESSAGE_FAIL, 4, sizeof told);
    failure.end.status = CPS_ERR_DATA;
    memcpy(failure.payload->data, told, sizeof told);
    check_fails(say(&rig, failure), CPS_ERR_DATA, "'u.data':7: not a number");
    assert_string_equal(cps_error_hint(), "mend it");
    rig_release(&rig);
}

/* A worker's last report: of steps first.., and what it met. */
static struct cps_message divergence_of(struct rig *rig, uint32_t worker, uint64_t first, uint32_t steps,
                                        enum cps_diverged what, uint32_t row)
{
    struct cps_message report = report_of(rig, worker, first, steps, -1);
    report.report.diverged = what;
    report.report.diverged_step = first + steps - (what == CPS_DIVERGED_UPDATE);
    report.report.user_row = row;
    report.report.movie_row = 2;
    return report;
}

/* Whoever tells first: all losses there are, and the divergence that comes first by step, kind and row. */
static void a_divergence_waits_for_every_workers_last_word(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    check_ok(say(&rig, divergence_of(&rig, 2, 0, 9, CPS_DIVERGED_ERROR, 7)));
    check_ok(say(&rig, report_of(&rig, 0, 0, 5, -1)));
    check_int(rig.told.steps, 0, "steps");
    check_ok(say(&rig, divergence_of(&rig, 1, 0, 9, CPS_DIVERGED_ERROR, 4)));
    check_int(rig.told.steps, 5, "steps");
    check_ok(say(&rig, report_of(&rig, 0, 5, 4, -1)));
    check_int(rig.told.divergences, 0, "divergences");
    check_fails(say(&rig, report_of(&rig, 0, 9, 1, -1)), CPS_ERR_DIVERGED,
                "at step 9: the error of user row 4 and movie row 2");
    check_int(rig.told.steps, 9, "steps");
    check_int(rig.told.divergences, 1, "divergences");
    check_int(rig.told.diverged_step, 9, "its step");
    assert_non_null(strstr(cps_error_hint(), "--lr-max"));
    rig_release(&rig);
}

/* The loss of a step whose update alone is out of range is known. */
static void an_update_out_of_range_has_its_loss(void **state)
{
    (void)state;
    for (uint32_t first = 0; first < 2; first++) {
        struct rig rig;
        rig_begin(&rig, 0);
        struct cps_message server = message_from(&rig.post, CPS_MESSAGE_REPORT, 1, 0);
        server.report.diverged = CPS_DIVERGED_UPDATE;
        server.report.diverged_step = 3;
        if (first == 0)
            check_ok(say(&rig, server));
        for (uint32_t worker = 0; worker < WORKERS - first; worker++)
            if (worker < WORKERS - 1)
                check_ok(say(&rig, report_of(&rig, worker, 0, 4, -1)));
        check_int(rig.told.divergences, 0, "divergences");
        if (first == 1)
            check_ok(say(&rig, server));
        check_fails(say(&rig, report_of(&rig, WORKERS - 1, 0, 4, -1)), CPS_ERR_DIVERGED,
                    "at step 3: a gradient or an updated weight is out of range");
        check_int(rig.told.steps, 4, "steps");
        rig_release(&rig);
    }
}

/* Behind the last epoch's steps there is none that others could report. */
static void the_last_validation_may_diverge(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    for (uint32_t worker = 0; worker < WORKERS; worker++)
        check_ok(say(&rig, report_of(&rig, worker, 0, STEPS, 0)));
    check_ok(say(&rig, report_of(&rig, 0, STEPS, STEPS, 1)));
    check_ok(say(&rig, divergence_of(&rig, 1, STEPS, STEPS, CPS_DIVERGED_VALIDATION, 3)));
    check_int(rig.told.divergences, 0, "divergences");
    check_fails(say(&rig, report_of(&rig, 2, STEPS, STEPS, 1)), CPS_ERR_DIVERGED,
                "the validation error of user row 3");
    check_int(rig.told.steps, EPOCHS * STEPS, "steps");
    check_int(rig.told.epochs, 1, "epochs");
    rig_release(&rig);
}

static void divergences_of_no_step_are_refused(void **state)
{
    (void)state;
    struct rig rig;
    rig_begin(&rig, 0);
    struct cps_message report = divergence_of(&rig, 0, 0, 4, CPS_DIVERGED_ERROR, 1);
    report.report.diverged_step = 7;
    check_fails(say(&rig, report), CPS_ERR_PEER, "'report'");
    report = message_from(&rig.post, CPS_MESSAGE_REPORT, 1, 0);
    report.report.diverged = CPS_DIVERGED_ERROR;
    check_fails(say(&rig, report), CPS_ERR_PEER, "'report'");
    report = divergence_of(&rig, 1, 0, 4, (enum cps_diverged)(CPS_DIVERGED_UPDATE + 1), 1);
    check_fails(say(&rig, report), CPS_ERR_PEER, "unknown way");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_needs_a_batch),
        cmocka_unit_test(shards_must_hold_all_ratings),
        cmocka_unit_test(other_data_is_refused),
        cmocka_unit_test(wrong_answers_are_refused),
        cmocka_unit_test(the_silent_are_missed),
        cmocka_unit_test(without_a_timeout_nobody_is_missed),
        cmocka_unit_test(what_was_not_granted_is_refused),
        cmocka_unit_test(nothing_is_reported_twice),
        cmocka_unit_test(the_coordinator_knows_who_owes_it),
        cmocka_unit_test(messages_for_others_are_refused),
        cmocka_unit_test(errors_end_the_run),
        cmocka_unit_test(a_divergence_waits_for_every_workers_last_word),
        cmocka_unit_test(an_update_out_of_range_has_its_loss),
        cmocka_unit_test(the_last_validation_may_diverge),
        cmocka_unit_test(divergences_of_no_step_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
