/* The server of the block solver: what it lends, in which form, and how it keeps rows that do not move. */
#include "server/shard/lender.h"

#include <string.h>

#include "common/model/block_kernels.h"
#include "tests/unit/roles.h"

enum { BLOCKS = 4, WORKER = 2, NODES = 3 };

struct rig {
    struct cps_plan plan;
    struct cps_lender *lender;
    struct cps_role role;
    struct post post;
};

static bool all_near[NODES] = {true, true, true};

static struct cps_plan block_plan(void)
{
    struct cps_plan plan = small_plan();
    plan.solver = CPS_SOLVER_BLOCK;
    plan.optimizer = CPS_OPTIMIZER_SGD;
    plan.blocks = BLOCKS;
    plan.reads_epochs = true;
    return plan;
}

/* Answers what the server fetches: rows of zeroes as they are after first_step. */
static void restore(struct rig *self)
{
    struct cps_state asked = self->post.outbox.messages[0].state;
    uint32_t words = cps_plan_state_words(&self->plan);
    check_int(self->post.outbox.messages[0].kind, CPS_MESSAGE_FETCH, "kind");
    struct cps_message state =
        message_from(&self->post, CPS_MESSAGE_STATE, 0, (size_t)asked.rows * words * sizeof(uint32_t));
    state.state = asked;
    state.state.words = words;
    for (uint32_t row = 0; row < asked.rows; row++)
        ((uint32_t *)(void *)state.payload->data)[row * words] = (uint32_t)self->plan.first_step;
    post_clear(&self->post);
    check_ok(hand(&self->role, &self->post, state));
}

/* A server that has lent what it can. */
static void rig_begin(struct rig *self, const struct cps_plan *plan, bool near)
{
    *self = (struct rig){.plan = *plan};
    post_init(&self->post, 1, NODES);
    self->post.outbox.near = near ? all_near : NULL;
    check_ok(cps_lender_create(0, NODES, NULL, &self->lender));
    self->role = cps_lender_role(self->lender);
    struct cps_message message = message_from(&self->post, CPS_MESSAGE_PLAN, 0, 0);
    message.plan = *plan;
    check_ok(hand(&self->role, &self->post, message));
    if (plan->first_step)
        restore(self);
    post_clear(&self->post);
    uint32_t steps = (uint32_t)cps_plan_steps(plan);
    message = message_from(&self->post, CPS_MESSAGE_GRANT, 0, 2 * steps * sizeof(double));
    message.grant = (struct cps_grant){.steps = steps};
    check_ok(hand(&self->role, &self->post, message));
}

static void rig_release(struct rig *self)
{
    cps_lender_destroy(&self->lender);
    post_release(&self->post);
}

static uint32_t count_of(const struct rig *rig, enum cps_message_kind kind)
{
    uint32_t count = 0;
    for (size_t i = 0; i < rig->post.outbox.count; i++)
        count += rig->post.outbox.messages[i].kind == kind;
    return count;
}

/* The lease of a block in the outbox, or NULL. */
static struct cps_message *lent(const struct rig *rig, bool movies, uint32_t block)
{
    for (size_t i = 0; i < rig->post.outbox.count; i++) {
        struct cps_message *message = &rig->post.outbox.messages[i];
        if (message->kind == CPS_MESSAGE_LEND && message->lease.movies == movies &&
            message->lease.block == block)
            return message;
    }
    return NULL;
}

/* Returns a block as it was lent, but as it is after step. */
static enum cps_status give_back(struct rig *rig, bool movies, uint32_t block, uint64_t step)
{
    struct cps_message back = *lent(rig, movies, block);
    back.kind = CPS_MESSAGE_RETURN;
    back.from = WORKER;
    back.to = 1;
    back.lease.step = step;
    if (back.lease.shared)
        back.lease.rows = 0, back.payload = NULL;
    else if (back.payload)
        cps_buffer_retain(back.payload);
    post_clear(&rig->post);
    return hand(&rig->role, &rig->post, back);
}

static enum cps_status snapshot(struct rig *rig, enum cps_snapshot_action action, uint64_t step)
{
    struct cps_message message = message_from(&rig->post, CPS_MESSAGE_SNAPSHOT, 0, 0);
    message.snapshot = (struct cps_snapshot){.step = step, .action = action};
    post_clear(&rig->post);
    return hand(&rig->role, &rig->post, message);
}

static void rows_are_packed_for_another_process(void **state)
{
    (void)state;
    struct cps_plan plan = block_plan();
    uint32_t row_floats = cps_block_rule_of(&plan).row_floats, packed = cps_plan_row_width(&plan);
    for (int near = 0; near < 2; near++) {
        struct rig rig;
        rig_begin(&rig, &plan, near);
        check_int(count_of(&rig, CPS_MESSAGE_LEND), 2 * BLOCKS, "leases");
        for (uint32_t block = 0; block < 2 * BLOCKS; block++) {
            const struct cps_message *message = lent(&rig, block % 2, block / 2);
            check_int(message->lease.row_floats, near ? row_floats : packed, "floats of a row");
            check_ok(cps_message_check(message, 0));
            check_int(message->lease.rows > 0, 1, "rows");
        }
        rig_release(&rig);
    }
}

/* A block that is read after an epoch and lent again to the same worker travels once: home. */
static void rows_that_a_worker_has_are_not_sent(void **state)
{
    (void)state;
    struct cps_plan plan = block_plan();
    struct rig rig;
    plan.valid_count = 7;
    plan.reads_epochs = false;
    rig_begin(&rig, &plan, false);
    check_int(lent(&rig, true, 2)->lease.kept, false, "rows known before the first lease");
    check_ok(give_back(&rig, true, 2, BLOCKS));
    check_int(lent(&rig, true, 2)->lease.shared, true, "lent for validation");
    check_int(lent(&rig, true, 2)->lease.kept, true, "rows known to the last that had them");
    check_int(cps_message_payload_bytes(lent(&rig, true, 2)), 0, "bytes");
    check_ok(give_back(&rig, true, 2, BLOCKS));
    check_int(lent(&rig, true, 2)->lease.shared, false, "lent to be trained");
    check_int(lent(&rig, true, 2)->lease.kept, true, "rows known to those that read them");
    rig_release(&rig);
}

/* Between epochs no movie block is lent, and user blocks are with their workers as they are after that very
 * step: the server still has them, unless it lent them in place. */
static void a_checkpoint_has_user_rows_that_were_not_trained(void **state)
{
    (void)state;
    struct cps_plan plan = block_plan();
    plan.first_step = BLOCKS;
    for (int near = 0; near < 2; near++) {
        struct rig rig;
        rig_begin(&rig, &plan, near);
        check_int(count_of(&rig, CPS_MESSAGE_LEND), BLOCKS, "user blocks");
        struct cps_message leases[BLOCKS];
        for (uint32_t block = 0; block < BLOCKS; block++) {
            leases[block] = *lent(&rig, false, block);
            if (near)
                cps_buffer_retain(leases[block].payload);
        }
        check_ok(snapshot(&rig, CPS_SNAPSHOT_HOLD, 0));
        check_int(rig.post.outbox.messages[0].snapshot.step, BLOCKS, "step reached");
        check_ok(snapshot(&rig, CPS_SNAPSHOT_TAKE, BLOCKS));
        check_int(count_of(&rig, CPS_MESSAGE_KEPT), !near, "complete at once");
        for (uint32_t block = 0; near && block < BLOCKS; block++) {
            struct cps_message back = leases[block];
            back.kind = CPS_MESSAGE_RETURN;
            back.from = WORKER;
            check_int(count_of(&rig, CPS_MESSAGE_KEPT), 0, "complete before block %u", block);
            check_ok(hand(&rig.role, &rig.post, back));
        }
        check_int(count_of(&rig, CPS_MESSAGE_KEPT), 1, "complete");
        rig_release(&rig);
    }
}

static void a_return_has_the_rows_of_its_lease(void **state)
{
    (void)state;
    struct cps_plan plan = block_plan();
    struct rig rig;
    rig_begin(&rig, &plan, false);
    lent(&rig, true, 1)->lease.row_floats = cps_block_rule_of(&plan).row_floats;
    lent(&rig, true, 1)->lease.rows = 0;
    check_fails(give_back(&rig, true, 1, 1), CPS_ERR_PEER, "");
    rig_release(&rig);
    rig_begin(&rig, &plan, false);
    check_fails(give_back(&rig, true, 1, 0), CPS_ERR_PEER,
                "returned a block to server 0 that it does not have");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_packed_for_another_process),
        cmocka_unit_test(rows_that_a_worker_has_are_not_sent),
        cmocka_unit_test(a_checkpoint_has_user_rows_that_were_not_trained),
        cmocka_unit_test(a_return_has_the_rows_of_its_lease),
    };
    return cmocka_run_group_tests_name("shard: lender", tests, NULL, NULL);
}
