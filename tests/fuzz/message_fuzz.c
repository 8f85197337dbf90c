/*
 * libFuzzer target for frames from the network: a frame is decoded, its payload is checked against its body,
 * and every byte that passed the check is read like in a role. A header that decodes must survive another round
 * trip.
 *
 * The first two bytes of an input are the width of a row, the rest is the frame; the
 * seeds in corpus/message are one frame of every kind.
 */
#include <stdlib.h>
#include <string.h>

#include "common/net/codec.h"
#include "tests/fuzz/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth)
        abort();
}

static void read_as_a_role(const struct cps_message *message, uint32_t width)
{
    volatile uint8_t sink = 0;
    for (size_t i = 0; i < cps_payload_bytes(message, width); i++)
        sink ^= message->payload->data[i];
    if (message->kind == CPS_MESSAGE_FAIL || message->kind == CPS_MESSAGE_STOP)
        cps_message_end(message);
    (void)sink;
}

static void round_trip(const struct cps_message *message)
{
    uint8_t first[CPS_CODEC_HEADER_BYTES], second[CPS_CODEC_HEADER_BYTES];
    struct cps_message back;
    size_t bytes = cps_codec_encode(message, first);
    require(cps_codec_decode(first, bytes, &back) == CPS_OK);
    require(cps_codec_encode(&back, second) == bytes && memcmp(first, second, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint32_t width = (uint32_t)data[0] | (uint32_t)data[1] << 8;
    struct cps_buffer_pool *pool;
    struct cps_buffer *frame;
    struct cps_message message;
    require(cps_buffer_pool_create(&pool) == CPS_OK);
    require(cps_buffer_acquire(pool, size - 2, &frame) == CPS_OK);
    memcpy(frame->data, data + 2, size - 2);
    if (cps_codec_decode_frame(frame, &message) == CPS_OK) {
        round_trip(&message);
        if (cps_message_check(&message, width) == CPS_OK)
            read_as_a_role(&message, width);
        cps_message_release(&message);
    } else {
        require(cps_error_text()[0] != '\0');
    }
    cps_buffer_pool_destroy(&pool);
    return 0;
}
