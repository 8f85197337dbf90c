/* FETCH, KEPT and STATE of a server; see checkpoint_messages.h. */
#include "server/shard/checkpoint_messages.h"

enum { RESTORE_ROWS = 2048 }; /* most rows in one request */

enum cps_status cps_send_restore(const struct cps_plan *plan, uint32_t server, uint32_t restored,
                                 struct cps_outbox *outbox)
{
    uint32_t left = cps_plan_server_rows(plan, server) - restored;
    struct cps_message *message;
    if (left == 0 || plan->first_step == 0)
        return cps_outbox_add(outbox, CPS_MESSAGE_READY, 0, 0, &message);
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_FETCH, 0, 0, &message));
    message->state = (struct cps_state){
        .step = plan->first_step, .first_row = restored, .rows = left < RESTORE_ROWS ? left : RESTORE_ROWS};
    return CPS_OK;
}

enum cps_status cps_send_kept(enum cps_snapshot_action action, uint64_t step, struct cps_outbox *outbox)
{
    struct cps_message *message;
    CPS_TRY(cps_outbox_add(outbox, CPS_MESSAGE_KEPT, 0, 0, &message));
    message->snapshot = (struct cps_snapshot){.step = step, .action = action};
    return CPS_OK;
}

enum cps_status cps_send_state(const struct cps_plan *plan, uint32_t server, const struct cps_state *asked,
                               bool kept, struct cps_outbox *outbox, struct cps_message **out)
{
    uint32_t rows = kept ? cps_plan_server_rows(plan, server) : 0;
    if (!kept || asked->first_row > rows || asked->rows > rows - asked->first_row)
        return cps_fail(CPS_ERR_PEER, "the coordinator fetched rows of step %llu that server %u does not keep",
                        (unsigned long long)asked->step, server);
    cps_outbox_enter(outbox, CPS_PHASE_SNAPSHOT);
    uint32_t words = cps_plan_state_words(plan);
    CPS_TRY(
        cps_outbox_add(outbox, CPS_MESSAGE_STATE, 0, (size_t)asked->rows * words * sizeof(uint32_t), out));
    (*out)->state = *asked;
    (*out)->state.words = words;
    return CPS_OK;
}
