/*
 * Reading checkpoints; see checkpoint.h. A file is read into memory and hashed there, so that the bytes checked
 * are the bytes used. No part is parsed before its digest is verified, and nothing is loaded unless every key
 * has exactly one row.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/store/checkpoint_folders.h"
#include "common/store/checkpoint_manifest.h"

void cps_checkpoint_release(struct cps_checkpoint *self)
{
    cps_history_release(&self->history);
    free(self->words);
    free(self->row_of);
    free(self->best);
    *self = (struct cps_checkpoint){0};
}

static enum cps_status broken(const char *folder, const char *file, const char *why)
{
    return cps_fail(CPS_ERR_DATA, "'%s/%s' %s", folder, file, why);
}

static enum cps_status read_all(int fd, const char *path, void *out, size_t bytes)
{
    for (char *next = out; bytes > 0;) {
        ssize_t count = read(fd, next, bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return cps_fail(CPS_ERR_DATA, "cannot read '%s': %s", path,
                            count < 0 ? strerror(errno) : "it ends too soon");
        next += count;
        bytes -= (size_t)count;
    }
    return CPS_OK;
}

/* Reads a part, whose size is known, to out. */
static enum cps_status read_part(const char *folder, const struct cps_checkpoint_part *part, size_t bytes,
                                 void *out)
{
    char path[CPS_CHECKPOINT_PATH_BYTES + 64];
    uint8_t digest[CPS_SHA256_BYTES];
    struct cps_sha256 *sha;
    size_t size;
    int fd;
    snprintf(path, sizeof path, "%s/%s", folder, part->file);
    CPS_TRY(cps_file_open(path, CPS_ERR_DATA, &fd, &size));
    enum cps_status status = size == bytes ? read_all(fd, path, out, bytes)
                                           : broken(folder, part->file, "is damaged: it has another length");
    close(fd);
    CPS_TRY(status);
    CPS_TRY(cps_sha256_create(&sha));
    cps_sha256_add(sha, out, bytes);
    cps_sha256_finish(sha, digest);
    cps_sha256_destroy(&sha);
    return memcmp(digest, part->sha256, sizeof digest) == 0
               ? CPS_OK
               : broken(folder, part->file, "is damaged: its SHA-256 is not that of the manifest");
}

/* Stores the rows of a part by key. */
static bool enter_rows(struct cps_checkpoint *self, const struct cps_checkpoint_part *part,
                       const uint32_t *rows)
{
    uint64_t key = part->first_key;
    for (uint32_t i = 0; i < part->rows; i++, key += part->stride, rows += self->state.words) {
        if (key >= self->state.keys || self->row_of[key])
            return false;
        self->row_of[key] = rows;
    }
    return true;
}

static bool is_complete(const struct cps_checkpoint *self)
{
    for (uint32_t key = 0; key < self->state.keys; key++)
        if (!self->row_of[key])
            return false;
    return true;
}

static enum cps_status read_best(struct cps_checkpoint *self, const char *folder,
                                 const struct cps_checkpoint_part *part)
{
    const struct cps_epoch_record *best = cps_history_best(&self->history);
    size_t row_bytes = self->state.best_words * sizeof *self->best;
    if (part->rows != self->state.keys || row_bytes == 0 || !best || best->epoch != self->state.best_epoch)
        return broken(folder, "manifest", "has a best model that is none of this run");
    CPS_TRY(cps_alloc("the best model", part->rows, row_bytes, &self->best));
    return read_part(folder, part, part->rows * row_bytes, self->best);
}

static enum cps_status read_parts(struct cps_checkpoint *self, const char *folder,
                                  const struct cps_checkpoint_part *parts, size_t count)
{
    uint64_t rows = 0;
    size_t row_bytes = self->state.words * sizeof(uint32_t);
    if (count > 0 && parts[count - 1].is_best)
        CPS_TRY(read_best(self, folder, &parts[--count]));
    for (size_t i = 0; i < count; i++)
        rows += parts[i].rows;
    if (rows != self->state.keys || self->state.words == 0)
        return broken(folder, "manifest", "has not a row for each key");
    CPS_TRY(cps_alloc("a checkpoint", rows, row_bytes, &self->words));
    CPS_TRY(cps_alloc("rows of a checkpoint", rows, sizeof *self->row_of, &self->row_of));
    uint32_t *place = self->words;
    for (size_t i = 0; i < count; i++) {
        CPS_TRY(read_part(folder, &parts[i], parts[i].rows * row_bytes, place));
        if (!enter_rows(self, &parts[i], place))
            return broken(folder, parts[i].file, "holds a row that is none of it");
        place += (size_t)parts[i].rows * self->state.words;
    }
    return is_complete(self) ? CPS_OK : broken(folder, "manifest", "has not a row for each key");
}

static enum cps_status read_manifest(const char *folder, struct cps_checkpoint *self,
                                     struct cps_checkpoint_part **parts, size_t *count)
{
    char path[CPS_CHECKPOINT_PATH_BYTES + 16];
    struct cps_file_map map;
    snprintf(path, sizeof path, "%s/manifest", folder);
    CPS_TRY(cps_file_map(&map, path, CPS_ERR_DATA));
    enum cps_status status =
        cps_checkpoint_manifest_decode(path, map.data, map.size, &self->state, &self->history, parts, count);
    cps_file_unmap(&map);
    return status;
}

enum cps_status cps_checkpoint_read(const char *folder, struct cps_checkpoint *out)
{
    struct cps_checkpoint_part *parts = NULL;
    size_t count = 0;
    *out = (struct cps_checkpoint){0};
    enum cps_status status = read_manifest(folder, out, &parts, &count);
    if (status == CPS_OK)
        status = read_parts(out, folder, parts, count);
    free(parts);
    if (status != CPS_OK)
        cps_checkpoint_release(out);
    return status;
}

static enum cps_status check_identity(const char *folder, uint64_t step,
                                      const struct cps_checkpoint_identity *wanted,
                                      const struct cps_checkpoint_state *state)
{
    if (state->step != step)
        return broken(folder, "manifest", "is of another step than its folder");
    if (state->identity.run_id != wanted->run_id)
        return broken(folder, "manifest", "is another run's");
    if (memcmp(state->identity.fingerprint, wanted->fingerprint, sizeof wanted->fingerprint) != 0)
        return broken(folder, "manifest", "is of a run on other data");
    if (memcmp(state->identity.plan, wanted->plan, sizeof wanted->plan) != 0)
        return broken(folder, "manifest", "is of a run with another model or other training");
    return CPS_OK;
}

enum cps_status cps_checkpoint_find(const char *run_folder, const struct cps_checkpoint_identity *identity,
                                    struct cps_checkpoint *out, bool *found)
{
    struct cps_checkpoint_steps steps = {0};
    char folder[CPS_CHECKPOINT_PATH_BYTES];
    *out = (struct cps_checkpoint){0};
    *found = false;
    CPS_TRY(cps_checkpoint_steps_list(run_folder, &steps));
    for (size_t i = steps.count; i-- > 0 && !*found;) {
        cps_checkpoint_folder(run_folder, steps.step[i], folder);
        if (!steps.has_manifest[i]) {
            cps_warn("checkpoint of step %llu not used: it is not complete", (unsigned long long)steps.step[i]);
            continue;
        }
        enum cps_status status = cps_checkpoint_read(folder, out);
        if (status == CPS_OK)
            status = check_identity(folder, steps.step[i], identity, &out->state);
        *found = status == CPS_OK;
        if (*found)
            break;
        cps_warn("checkpoint of step %llu not used: %s", (unsigned long long)steps.step[i], cps_error_text());
        cps_checkpoint_release(out);
    }
    cps_checkpoint_steps_release(&steps);
    return CPS_OK;
}

void cps_checkpoint_rows(const struct cps_checkpoint *self, uint32_t first_key, uint32_t stride, uint32_t count,
                         uint32_t *out)
{
    uint64_t key = first_key;
    for (uint32_t i = 0; i < count; i++, key += stride, out += self->state.words)
        memcpy(out, self->row_of[key], self->state.words * sizeof *out);
}
