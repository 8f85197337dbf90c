/* The number of payload bytes that a role accesses for the body of a message, computed like in the roles; the
 * check of a message's size must match it. */
#ifndef CPS_TESTS_FUZZ_PAYLOAD_H
#define CPS_TESTS_FUZZ_PAYLOAD_H

#include "common/net/message.h"

static inline size_t cps_payload_bytes(const struct cps_message *message, size_t width)
{
    const struct cps_exchange *exchange = &message->exchange;
    switch (message->kind) {
    case CPS_MESSAGE_GRANT:
        return message->grant.steps * 2 * sizeof(double);
    case CPS_MESSAGE_EXCHANGE:
        return exchange->sum_rows * width * sizeof(int64_t) + exchange->single_rows * width * sizeof(float) +
               exchange->scaled * sizeof(struct cps_scaled) +
               ((size_t)exchange->sum_rows + exchange->single_rows + exchange->pull_rows +
                exchange->read_rows) *
                   sizeof(uint32_t);
    case CPS_MESSAGE_ROWS:
        return message->rows.rows * width * sizeof(float);
    case CPS_MESSAGE_REPORT:
        return message->report.steps * sizeof(struct cps_loss_sum);
    case CPS_MESSAGE_STATE:
        return (size_t)message->state.rows * message->state.words * sizeof(uint32_t);
    default:
        return 0;
    }
}

#endif
