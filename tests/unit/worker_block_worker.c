/* The worker of the block solver: what it does with the rows of users, which stay with it. */
#include "worker/block_worker.h"

#include <string.h>

#include "common/model/block_kernels.h"
#include "common/model/blocks.h"
#include "tests/unit/roles.h"

enum { BLOCKS = 4, SERVER = 1, WORKER = 2, NODES = 3 };

struct rig {
    struct cps_plan plan;
    struct cps_blocks blocks;
    struct cps_dataset dataset;
    struct cps_block_worker *worker;
    struct cps_role role;
    struct post post;
};

static bool all_near[NODES] = {true, true, true};

static void rig_begin(struct rig *self, bool near)
{
    *self = (struct rig){.plan = small_plan()};
    self->plan.solver = CPS_SOLVER_BLOCK;
    self->plan.optimizer = CPS_OPTIMIZER_SGD;
    self->plan.blocks = BLOCKS;
    self->plan.reads_epochs = true;
    self->plan.first_step = BLOCKS;
    cps_blocks_init(&self->blocks, &self->plan);
    post_init(&self->post, WORKER, NODES);
    self->post.outbox.near = near ? all_near : NULL;
    check_ok(
        cps_block_worker_create(WORKER, &self->dataset, &cps_kernels_scalar, 1, UINT64_MAX, &self->worker));
    self->role = cps_block_worker_role(self->worker);
    struct cps_message message = message_from(&self->post, CPS_MESSAGE_PLAN, 0, 0);
    message.plan = self->plan;
    check_ok(hand(&self->role, &self->post, message));
    uint32_t steps = (uint32_t)cps_plan_steps(&self->plan);
    message = message_from(&self->post, CPS_MESSAGE_GRANT, 0, 2 * steps * sizeof(double));
    message.grant = (struct cps_grant){.steps = steps};
    check_ok(hand(&self->role, &self->post, message));
    post_clear(&self->post);
}

static void rig_release(struct rig *self)
{
    cps_block_worker_destroy(&self->worker);
    post_release(&self->post);
}

/* Lends a user block as it is after step; the first weight of its row number r is 100 · block + r. */
static enum cps_status lend(struct rig *rig, uint32_t block, uint64_t step)
{
    uint32_t rows = cps_blocks_rows(&rig->blocks, CPS_TABLE_USERS, block);
    uint32_t floats =
        rig->post.outbox.near ? cps_block_rule_of(&rig->plan).row_floats : cps_block_packed_floats(&rig->plan);
    uint32_t first = rig->post.outbox.near ? CPS_BLOCK_FACTORS : 0;
    struct cps_message lend =
        message_from(&rig->post, CPS_MESSAGE_LEND, SERVER, (size_t)rows * floats * sizeof(float));
    lend.lease = (struct cps_lease){.block = block, .step = step, .rows = rows, .row_floats = floats};
    for (uint32_t row = 0; row < rows; row++)
        ((float *)(void *)lend.payload->data)[row * floats + first] = (float)(100 * block + row);
    return hand(&rig->role, &rig->post, lend);
}

static void work(struct rig *rig)
{
    bool worked;
    check_ok(rig->role.ops->work(rig->role.self, &rig->post.outbox, &worked));
}

static struct cps_message question(struct rig *rig, const uint32_t *keys, uint32_t count, uint64_t step)
{
    struct cps_message message = message_from(&rig->post, CPS_MESSAGE_EXCHANGE, 0, count * sizeof *keys);
    message.exchange = (struct cps_exchange){.step = step, .ticket = 9, .read_rows = count};
    memcpy(message.payload->data, keys, count * sizeof *keys);
    return message;
}

/* Once all of them are here. */
static void the_coordinator_reads_rows_of_users(void **state)
{
    (void)state;
    static const uint32_t keys[] = {5, 0, 8};
    for (int near = 0; near < 2; near++) {
        struct rig rig;
        rig_begin(&rig, near);
        check_ok(hand(&rig.role, &rig.post, question(&rig, keys, 3, BLOCKS)));
        for (uint32_t block = 0; block < BLOCKS; block++) {
            work(&rig);
            check_int(rig.post.outbox.count, 0, "answers with %u blocks here", block);
            check_ok(lend(&rig, block, BLOCKS));
        }
        work(&rig);
        check_int(rig.post.outbox.count, 1, "answers");
        const struct cps_message *answer = &rig.post.outbox.messages[0];
        check_int(answer->kind, CPS_MESSAGE_ROWS, "kind");
        check_int((int)answer->rows.ticket, 9, "ticket");
        check_ok(cps_message_check(answer, cps_plan_row_width(&rig.plan)));
        for (uint32_t i = 0; i < 3; i++) {
            uint32_t place = cps_blocks_place(&rig.blocks, CPS_TABLE_USERS, keys[i]);
            uint32_t block = cps_blocks_of(&rig.blocks, CPS_TABLE_USERS, place);
            uint32_t row = place - cps_blocks_first(&rig.blocks, CPS_TABLE_USERS, block);
            check_int((int)rows_in(answer)[i * cps_plan_row_width(&rig.plan)], (int)(100 * block + row),
                      "row of key %u", keys[i]);
        }
        rig_release(&rig);
    }
}

static void it_answers_for_its_own_users_alone(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t movie = small_plan().user_rows;
    rig_begin(&rig, false);
    for (uint32_t block = 0; block < BLOCKS; block++)
        check_ok(lend(&rig, block, BLOCKS));
    check_ok(hand(&rig.role, &rig.post, question(&rig, &movie, 1, BLOCKS)));
    bool worked;
    check_fails(rig.role.ops->work(rig.role.self, &rig.post.outbox, &worked), CPS_ERR_PEER,
                "which is not here");
    rig_release(&rig);
    rig_begin(&rig, false);
    struct cps_message forged = question(&rig, &movie, 1, BLOCKS);
    forged.from = WORKER;
    check_fails(hand(&rig.role, &rig.post, forged), CPS_ERR_PEER, "out of turn");
    rig_release(&rig);
}

/* Rows in place at the step of a checkpoint: the server asks for them, the coordinator does not. */
static void a_checkpoint_calls_back_rows_in_place(void **state)
{
    (void)state;
    for (uint32_t from = 0; from <= SERVER; from++) {
        struct rig rig;
        rig_begin(&rig, true);
        check_ok(lend(&rig, 3, BLOCKS));
        struct cps_message wanted = message_from(&rig.post, CPS_MESSAGE_SNAPSHOT, from, 0);
        wanted.snapshot = (struct cps_snapshot){.step = BLOCKS, .action = CPS_SNAPSHOT_TAKE};
        check_ok(hand(&rig.role, &rig.post, wanted));
        work(&rig);
        check_int(rig.post.outbox.count, from == SERVER, "blocks returned after a message of node %u", from);
        if (from == SERVER)
            check_int((int)rig.post.outbox.messages[0].lease.step, BLOCKS, "step");
        rig_release(&rig);
    }
}

/* Rows that were sent home can be lent again without being sent, others cannot. */
static void rows_stay_after_a_lease(void **state)
{
    (void)state;
    struct rig rig;
    struct cps_message again = {.kind = CPS_MESSAGE_LEND, .from = SERVER, .to = WORKER};
    again.lease = (struct cps_lease){.block = 1, .step = BLOCKS, .kept = true};
    rig_begin(&rig, false);
    check_fails(hand(&rig.role, &rig.post, again), CPS_ERR_PEER,
                "lent a block that this worker does not await");
    rig_release(&rig);
    rig_begin(&rig, false);
    check_ok(lend(&rig, 1, BLOCKS));
    check_fails(hand(&rig.role, &rig.post, again), CPS_ERR_PEER,
                "lent a block that this worker does not await");
    rig_release(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_coordinator_reads_rows_of_users),
        cmocka_unit_test(it_answers_for_its_own_users_alone),
        cmocka_unit_test(a_checkpoint_calls_back_rows_in_place),
        cmocka_unit_test(rows_stay_after_a_lease),
    };
    return cmocka_run_group_tests_name("worker: block worker", tests, NULL, NULL);
}
