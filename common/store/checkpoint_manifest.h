/*
 * The bytes of a checkpoint's manifest, for checkpoint_write.c and checkpoint_read.c:
 *
 *     | "cps-chk1" | u64 length | protobuf message (proto/checkpoint.proto) | SHA-256 of all before |
 */
#ifndef CPS_STORE_CHECKPOINT_MANIFEST_H
#define CPS_STORE_CHECKPOINT_MANIFEST_H

#include "common/base/text.h"
#include "common/store/checkpoint.h"

struct cps_checkpoint_part {
    char file[32];
    uint32_t first_key, stride, rows;
    uint8_t sha256[CPS_SHA256_BYTES];
    bool is_best; /* the model of the best epoch; one at most, the last of all */
};

/* Adds the manifest to out. */
enum cps_status cps_checkpoint_manifest_encode(const struct cps_checkpoint_state *state,
                                               const struct cps_checkpoint_part *parts, size_t part_count,
                                               struct cps_text *out);

/* Decodes a manifest after verifying its digest. The epochs are stored in history; *parts is freed with free().
 * path names the file in errors, which are CPS_ERR_DATA. The caller releases history and *parts also after an
 * error. */
enum cps_status cps_checkpoint_manifest_decode(const char *path, const void *bytes, size_t size,
                                               struct cps_checkpoint_state *state, struct cps_history *history,
                                               struct cps_checkpoint_part **parts, size_t *part_count);

/* RUN/checkpoints/step-0000001250 */
void cps_checkpoint_folder(const char *run_folder, uint64_t step, char out[CPS_CHECKPOINT_PATH_BYTES]);

/* Removes the contents of a checkpoint's folder, the manifest first, and the folder; does nothing if it is
 * missing. */
enum cps_status cps_checkpoint_remove(const char *folder);

#endif
