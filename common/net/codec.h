/*
 * The header of a message as bytes: one protobuf Envelope (proto/wire.proto). Neither
 * direction allocates memory.
 *
 * A transport that has one buffer a message sends a frame:
 *
 *     | u32 header bytes | u32 zero | header | zeroes | payload |
 *     0                  4          8                 k·64
 *
 * so that the payload is aligned as far as the buffer it is received into.
 */
#ifndef CPS_NET_CODEC_H
#define CPS_NET_CODEC_H

#include "common/net/message.h"

/* Raised with every change that an older build would misread. */
#define CPS_PROTOCOL_VERSION 4u

enum {
    CPS_CODEC_HEADER_BYTES = 504, /* no header is longer */
    CPS_FRAME_PREFIX_BYTES = 8,
    CPS_FRAME_HEADER_BYTES = 512, /* nor a frame's part before the payload */
};

/* Writes everything of message but its payload; returns the bytes used. A negative zero in
 * a plan arrives as zero, which no formula tells apart; every other float, NaN included,
 * keeps its bits. */
size_t cps_codec_encode(const struct cps_message *message, uint8_t header[CPS_CODEC_HEADER_BYTES]);

/* Reads such bytes, of any alignment, into *out, with no payload. CPS_ERR_PEER when they are no header, of
 * another protocol version, or hold a value out of its enum's range. The numbers of the
 * nodes are the caller's to check. */
enum cps_status cps_codec_decode(const uint8_t *header, size_t bytes, struct cps_message *out);

/* Writes what stands before the payload in a frame; returns its bytes, a multiple of 64. */
size_t cps_codec_encode_frame(const struct cps_message *message, uint8_t start[CPS_FRAME_HEADER_BYTES]);

/* Reads a whole frame. The frame's reference passes to the callee, also on error: trimmed
 * to the payload it is out->payload, or it is released when there is none. */
enum cps_status cps_codec_decode_frame(struct cps_buffer *frame, struct cps_message *out);

#endif
