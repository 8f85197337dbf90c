/*
 * Writing checkpoints; see checkpoint.h.
 *
 *     create: checkpoints/step-N/ -> rows, rows, … each appended to its server's part and hashed
 *     -> the best epoch's model, a part of its own, if there is one
 *     -> commit: fsync of the parts and their folder, then the manifest (temporary file, fsync,
 *        rename), fsync of the folder again, of checkpoints/ and of the run's folder
 *
 * Until the manifest has its final name the checkpoint does not exist, and the next pruning removes the folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "common/store/checkpoint_manifest.h"

struct part {
    struct cps_checkpoint_part described;
    struct cps_atomic_file file;
    struct cps_sha256 *sha;
};

struct cps_checkpoint_writer {
    char run_folder[CPS_CHECKPOINT_PATH_BYTES], folder[CPS_CHECKPOINT_PATH_BYTES];
    uint32_t words;
    struct part *parts; /* [servers + 1]: one for each server, the last for the best model */
    uint32_t part_count;
    bool committed;
};

static enum cps_status set_path(const char *folder, const char *name, char out[CPS_CHECKPOINT_PATH_BYTES])
{
    int length = snprintf(out, CPS_CHECKPOINT_PATH_BYTES, "%s/%s", folder, name);
    if (length < 0 || length >= CPS_CHECKPOINT_PATH_BYTES)
        return cps_fail(CPS_ERR_STORAGE, "cannot write '%.64s…': the path is too long", folder);
    return CPS_OK;
}

static enum cps_status open_part(struct cps_checkpoint_writer *self, uint32_t server, uint32_t servers)
{
    char path[CPS_CHECKPOINT_PATH_BYTES];
    struct part *part = &self->parts[server];
    part->described = (struct cps_checkpoint_part){.first_key = server, .stride = servers};
    snprintf(part->described.file, sizeof part->described.file, "rows-%u", server);
    CPS_TRY(set_path(self->folder, part->described.file, path));
    CPS_TRY(cps_sha256_create(&part->sha));
    return cps_atomic_file_open(&part->file, path);
}

static enum cps_status open_parts(struct cps_checkpoint_writer *self, uint32_t servers)
{
    CPS_TRY(cps_alloc("parts of a checkpoint", (size_t)servers + 1, sizeof *self->parts, &self->parts));
    for (uint32_t server = 0; server <= servers; server++)
        self->parts[server].file.fd = -1;
    self->part_count = servers;
    CPS_TRY(cps_checkpoint_remove(self->folder));
    CPS_TRY(cps_make_folders(self->folder));
    for (uint32_t server = 0; server < servers; server++)
        CPS_TRY(open_part(self, server, servers));
    return CPS_OK;
}

/* Whether folder already holds this checkpoint: a run may be stopped at the step at which it was resumed. */
static bool is_there(const char *folder, const struct cps_checkpoint_state *state)
{
    struct cps_checkpoint found = {0};
    char manifest[CPS_CHECKPOINT_PATH_BYTES];
    bool same = set_path(folder, "manifest", manifest) == CPS_OK && access(manifest, F_OK) == 0 &&
                cps_checkpoint_read(folder, &found) == CPS_OK && found.state.step == state->step &&
                memcmp(&found.state.identity, &state->identity, sizeof state->identity) == 0;
    cps_checkpoint_release(&found);
    return same;
}

enum cps_status cps_checkpoint_writer_create(const char *run_folder, const struct cps_checkpoint_state *state,
                                             uint32_t servers, bool *exists, struct cps_checkpoint_writer **out)
{
    struct cps_checkpoint_writer *self;
    *out = NULL;
    CPS_TRY(cps_alloc("a checkpoint", 1, sizeof *self, &self));
    snprintf(self->run_folder, sizeof self->run_folder, "%s", run_folder);
    cps_checkpoint_folder(run_folder, state->step, self->folder);
    self->words = state->words;
    *exists = is_there(self->folder, state);
    enum cps_status status = *exists ? CPS_OK : open_parts(self, servers);
    self->committed = *exists;
    if (status == CPS_OK)
        *out = self;
    else
        cps_checkpoint_writer_destroy(&self);
    return status;
}

enum cps_status cps_checkpoint_writer_rows(struct cps_checkpoint_writer *self, uint32_t server,
                                           const void *states, size_t bytes)
{
    struct part *part = &self->parts[server];
    cps_sha256_add(part->sha, states, bytes);
    part->described.rows += (uint32_t)(bytes / (self->words * sizeof(uint32_t)));
    return cps_atomic_file_write(&part->file, states, bytes);
}

enum cps_status cps_checkpoint_writer_best(struct cps_checkpoint_writer *self,
                                           const struct cps_checkpoint_state *state, const float *rows)
{
    char path[CPS_CHECKPOINT_PATH_BYTES];
    size_t bytes = (size_t)state->keys * state->best_words * sizeof *rows;
    if (self->committed)
        return CPS_OK;
    struct part *part = &self->parts[self->part_count++];
    part->described =
        (struct cps_checkpoint_part){.file = "best", .stride = 1, .rows = state->keys, .is_best = true};
    CPS_TRY(set_path(self->folder, part->described.file, path));
    CPS_TRY(cps_sha256_create(&part->sha));
    CPS_TRY(cps_atomic_file_open(&part->file, path));
    cps_sha256_add(part->sha, rows, bytes);
    return cps_atomic_file_write(&part->file, rows, bytes);
}

static enum cps_status sync_log(const char *path, uint64_t bytes, bool *is_there)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return cps_fail(CPS_ERR_STORAGE, "cannot read '%s': %s", path, strerror(error));
    }
    *is_there = (uint64_t)info.st_size >= bytes;
    int error = *is_there && fsync(fd) != 0 ? errno : 0;
    close(fd);
    return error ? cps_fail(CPS_ERR_STORAGE, "cannot flush '%s': %s", path, strerror(error)) : CPS_OK;
}

enum cps_status cps_checkpoint_sync_logs(const char *run_folder, const struct cps_checkpoint_state *state,
                                         bool *are_there)
{
    char path[CPS_CHECKPOINT_PATH_BYTES];
    *are_there = true;
    for (size_t i = 0; i < CPS_CHECKPOINT_LOGS && *are_there; i++) {
        if (!state->logs[i].file[0])
            continue;
        CPS_TRY(set_path(run_folder, state->logs[i].file, path));
        CPS_TRY(sync_log(path, state->logs[i].bytes, are_there));
    }
    return CPS_OK;
}

static enum cps_status commit_parts(struct cps_checkpoint_writer *self, struct cps_checkpoint_part *described)
{
    for (uint32_t i = 0; i < self->part_count; i++) {
        struct part *part = &self->parts[i];
        cps_sha256_finish(part->sha, part->described.sha256);
        CPS_TRY(cps_atomic_file_commit(&part->file));
        described[i] = part->described;
    }
    return cps_sync_folder(self->folder);
}

static enum cps_status write_manifest(struct cps_checkpoint_writer *self,
                                      const struct cps_checkpoint_state *state,
                                      const struct cps_checkpoint_part *parts)
{
    char path[CPS_CHECKPOINT_PATH_BYTES];
    struct cps_text text = {0};
    CPS_TRY(set_path(self->folder, "manifest", path));
    enum cps_status status = cps_checkpoint_manifest_encode(state, parts, self->part_count, &text);
    if (status == CPS_OK)
        status = cps_file_replace(path, text.data, text.length);
    cps_text_release(&text);
    return status;
}

static enum cps_status sync_folders(const struct cps_checkpoint_writer *self)
{
    char parent[CPS_CHECKPOINT_PATH_BYTES];
    CPS_TRY(cps_sync_folder(self->folder));
    CPS_TRY(set_path(self->run_folder, "checkpoints", parent));
    CPS_TRY(cps_sync_folder(parent));
    return cps_sync_folder(self->run_folder);
}

enum cps_status cps_checkpoint_writer_commit(struct cps_checkpoint_writer *self,
                                             const struct cps_checkpoint_state *state)
{
    struct cps_checkpoint_part *parts;
    if (self->committed)
        return CPS_OK;
    CPS_TRY(cps_alloc("parts of a checkpoint", self->part_count, sizeof *parts, &parts));
    enum cps_status status = commit_parts(self, parts);
    if (status == CPS_OK)
        status = write_manifest(self, state, parts);
    if (status == CPS_OK)
        status = sync_folders(self);
    free(parts);
    self->committed = status == CPS_OK;
    return status;
}

void cps_checkpoint_writer_destroy(struct cps_checkpoint_writer **out)
{
    struct cps_checkpoint_writer *self = *out;
    *out = NULL;
    if (!self)
        return;
    for (uint32_t i = 0; i < self->part_count; i++) {
        cps_atomic_file_abort(&self->parts[i].file);
        cps_sha256_destroy(&self->parts[i].sha);
    }
    if (!self->committed)
        (void)cps_checkpoint_remove(self->folder);
    free(self->parts);
    free(self);
}
