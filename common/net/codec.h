/*
 * Encodes and decodes the header of a message: one protobuf Envelope (proto/wire.proto). Neither
 * direction allocates memory.
 *
 * A transport sends a frame:
 *
 *     | u32 header bytes | u32 zero | header | zeroes | payload |
 *     0                  4          8                 k·64
 *
 * so that the payload is as aligned as the buffer it is received into, up to 64 bytes.
 */
#ifndef CPS_NET_CODEC_H
#define CPS_NET_CODEC_H

#include "common/net/message.h"

/* Incremented with every change that an older build would misread. */
#define CPS_PROTOCOL_VERSION 6u

enum {
    CPS_CODEC_HEADER_BYTES = 504, /* the longest header */
    CPS_FRAME_PREFIX_BYTES = 8,
    CPS_FRAME_HEADER_BYTES = 512, /* the longest part of a frame before the payload */
};

/* Encodes everything in message except its payload; returns the bytes used. A negative zero in
 * a plan arrives as zero, which gives the same results; every other float, NaN included,
 * keeps its bits. */
size_t cps_codec_encode(const struct cps_message *message, uint8_t header[CPS_CODEC_HEADER_BYTES]);

/* Decodes such bytes, of any alignment, into *out, without payload. CPS_ERR_PEER if they are not a header, have
 * another protocol version, or hold a value outside its enum. The caller must check the node numbers. */
enum cps_status cps_codec_decode(const uint8_t *header, size_t bytes, struct cps_message *out);

/* Writes the part of a frame before the payload; returns its length, a multiple of 64. */
size_t cps_codec_encode_frame(const struct cps_message *message, uint8_t start[CPS_FRAME_HEADER_BYTES]);

/* Decodes a whole frame. The callee takes over the frame's reference, also on error: trimmed
 * to the payload, it becomes out->payload, or it is released if there is none. */
enum cps_status cps_codec_decode_frame(struct cps_buffer *frame, struct cps_message *out);

#endif
