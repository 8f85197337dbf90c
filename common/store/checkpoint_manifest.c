/* The manifest of a checkpoint between struct and bytes; see checkpoint_manifest.h. */
#include "common/store/checkpoint_manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "proto/checkpoint.pb-c.h"

static const char MAGIC[8] = {'c', 'p', 's', '-', 'c', 'h', 'k', '1'};

enum { PREFIX_BYTES = sizeof MAGIC + sizeof(uint64_t) };

enum cps_status cps_checkpoint_plan_digest(const struct cps_plan *plan, uint8_t out[CPS_SHA256_BYTES])
{
    struct cps_sha256 *state;
    struct cps_plan kept = *plan;
    kept.servers = kept.workers = 0;
    kept.first_step = kept.save_every = 0;
    kept.validates_first = false;
    CPS_TRY(cps_sha256_create(&state));
#define ADD(number, type, name, ...)                                                                           \
    cps_sha256_add(state, #name, sizeof #name);                                                                \
    cps_sha256_add(state, &kept.name, sizeof kept.name);
    CPS_PLAN_FIELDS(ADD)
#undef ADD
    cps_sha256_finish(state, out);
    cps_sha256_destroy(&state);
    return CPS_OK;
}

/* ---- encoding ---- */

static void set_bytes(ProtobufCBinaryData *out, const uint8_t *bytes)
{
    out->len = CPS_SHA256_BYTES;
    out->data = (uint8_t *)(uintptr_t)bytes; /* read only: packed, never freed */
}

static void fill_part(const struct cps_checkpoint_part *part, Cps__CheckpointPart *wire)
{
    cps__checkpoint_part__init(wire);
    wire->file = (char *)(uintptr_t)part->file;
    wire->first_key = part->first_key;
    wire->stride = part->stride;
    wire->rows = part->rows;
    set_bytes(&wire->sha256, part->sha256);
}

static void fill_epoch(const struct cps_epoch_record *epoch, Cps__CheckpointEpoch *wire)
{
    cps__checkpoint_epoch__init(wire);
    wire->train_loss = epoch->train_loss;
    wire->has_valid = epoch->has_valid;
    wire->valid_loss = epoch->valid_loss;
    wire->valid_mae = epoch->valid_mae;
    wire->steps = epoch->steps;
    wire->time_s = epoch->time_s;
    wire->ratings_per_s = epoch->ratings_per_s;
    wire->compute_s = epoch->spent.compute;
    wire->wait_s = epoch->spent.wait;
    wire->optimizer_s = epoch->spent.optimizer;
    wire->validation_s = epoch->spent.validation;
    wire->save_s = epoch->spent.save;
}

/* The arrays that the message points to, in one allocation. */
struct lists {
    Cps__CheckpointLog log[CPS_CHECKPOINT_LOGS], *logs[CPS_CHECKPOINT_LOGS];
    Cps__CheckpointPart *part, **parts;
    Cps__CheckpointBest best;
    Cps__CheckpointEpoch *epoch, **epochs;
};

static enum cps_status reserve(struct lists *self, size_t parts, size_t epochs)
{
    *self = (struct lists){0};
    CPS_TRY(cps_alloc("a manifest", parts, sizeof *self->part, &self->part));
    CPS_TRY(cps_alloc("a manifest", parts, sizeof *self->parts, &self->parts));
    CPS_TRY(cps_alloc("a manifest", epochs, sizeof *self->epoch, &self->epoch));
    return cps_alloc("a manifest", epochs, sizeof *self->epochs, &self->epochs);
}

static void release(struct lists *self)
{
    free(self->part);
    free(self->parts);
    free(self->epoch);
    free(self->epochs);
}

static void fill(const struct cps_checkpoint_state *state, const struct cps_checkpoint_part *parts,
                 size_t part_count, struct lists *lists, Cps__Checkpoint *wire)
{
    cps__checkpoint__init(wire);
    wire->run_id = state->identity.run_id;
    set_bytes(&wire->fingerprint, state->identity.fingerprint);
    set_bytes(&wire->plan, state->identity.plan);
    wire->step = state->step;
    wire->average = state->average;
    wire->epoch_loss_low = (uint64_t)state->epoch_loss;
    wire->epoch_loss_high = (uint64_t)((unsigned __int128)state->epoch_loss >> 64);
    wire->epoch_ratings = state->epoch_ratings;
    wire->keys = state->keys;
    wire->words = state->words;
    wire->train_s = state->train_s;
    for (size_t i = 0; i < part_count; i++)
        fill_part(&parts[i], lists->parts[i] = &lists->part[i]);
    if (state->has_best) {
        cps__checkpoint_best__init(wire->best = &lists->best);
        wire->best->epoch = state->best_epoch;
        wire->best->words = state->best_words;
        wire->best->part = lists->parts[--part_count];
    }
    for (size_t i = 0; i < state->epoch_count; i++)
        fill_epoch(&state->epochs[i], lists->epochs[i] = &lists->epoch[i]);
    for (size_t i = 0; i < CPS_CHECKPOINT_LOGS; i++) {
        cps__checkpoint_log__init(lists->logs[i] = &lists->log[i]);
        lists->log[i].file = (char *)(uintptr_t)state->logs[i].file;
        lists->log[i].bytes = state->logs[i].bytes;
    }
    wire->n_parts = part_count;
    wire->parts = lists->parts;
    wire->n_epochs = state->epoch_count;
    wire->epochs = lists->epochs;
    wire->n_logs = CPS_CHECKPOINT_LOGS;
    wire->logs = lists->logs;
}

static enum cps_status digest_of(const void *bytes, size_t size, uint8_t out[CPS_SHA256_BYTES])
{
    struct cps_sha256 *state;
    CPS_TRY(cps_sha256_create(&state));
    cps_sha256_add(state, bytes, size);
    cps_sha256_finish(state, out);
    cps_sha256_destroy(&state);
    return CPS_OK;
}

static enum cps_status add_message(const Cps__Checkpoint *wire, struct cps_text *out)
{
    uint64_t length = cps__checkpoint__get_packed_size(wire);
    uint8_t *packed, digest[CPS_SHA256_BYTES];
    CPS_TRY(cps_text_add_bytes(out, MAGIC, sizeof MAGIC));
    CPS_TRY(cps_text_add_bytes(out, &length, sizeof length));
    CPS_TRY(cps_alloc("a manifest", length, 1, &packed));
    cps__checkpoint__pack(wire, packed);
    enum cps_status status = cps_text_add_bytes(out, packed, length);
    free(packed);
    CPS_TRY(status);
    CPS_TRY(digest_of(out->data, out->length, digest));
    return cps_text_add_bytes(out, digest, sizeof digest);
}

enum cps_status cps_checkpoint_manifest_encode(const struct cps_checkpoint_state *state,
                                               const struct cps_checkpoint_part *parts, size_t part_count,
                                               struct cps_text *out)
{
    Cps__Checkpoint wire;
    struct lists lists;
    enum cps_status status = reserve(&lists, part_count, state->epoch_count);
    if (status == CPS_OK) {
        fill(state, parts, part_count, &lists, &wire);
        status = add_message(&wire, out);
    }
    release(&lists);
    return status;
}

/* ---- decoding ---- */

static enum cps_status broken(const char *path, const char *why)
{
    return cps_fail(CPS_ERR_DATA, "'%s' %s", path, why);
}

static bool take_bytes(const ProtobufCBinaryData *wire, uint8_t out[CPS_SHA256_BYTES])
{
    if (wire->len != CPS_SHA256_BYTES)
        return false;
    memcpy(out, wire->data, CPS_SHA256_BYTES);
    return true;
}

/* Takes the name of a file, which must not be a path. */
static bool take_name(const char *wire, char *out, size_t bytes)
{
    if (strlen(wire) >= bytes || wire[0] == '.')
        return false;
    strcpy(out, wire);
    return true;
}

static bool take_part(const Cps__CheckpointPart *wire, struct cps_checkpoint_part *out)
{
    *out =
        (struct cps_checkpoint_part){.first_key = wire->first_key, .stride = wire->stride, .rows = wire->rows};
    return take_name(wire->file, out->file, sizeof out->file) && !strchr(out->file, '/') &&
           take_bytes(&wire->sha256, out->sha256);
}

static struct cps_epoch_record epoch_from(const Cps__CheckpointEpoch *wire, uint32_t number)
{
    return (struct cps_epoch_record){.epoch = number,
                                     .train_loss = wire->train_loss,
                                     .has_valid = wire->has_valid != 0,
                                     .valid_loss = wire->valid_loss,
                                     .valid_mae = wire->valid_mae,
                                     .steps = wire->steps,
                                     .time_s = wire->time_s,
                                     .ratings_per_s = wire->ratings_per_s,
                                     .spent = {.compute = wire->compute_s,
                                               .wait = wire->wait_s,
                                               .optimizer = wire->optimizer_s,
                                               .validation = wire->validation_s,
                                               .save = wire->save_s}};
}

static enum cps_status take_lists(const char *path, const Cps__Checkpoint *wire,
                                  struct cps_checkpoint_state *state, struct cps_history *history,
                                  struct cps_checkpoint_part *parts)
{
    for (size_t i = 0; i < wire->n_parts; i++)
        if (!take_part(wire->parts[i], &parts[i]))
            return broken(path, "names a part that is none");
    if (wire->best) {
        struct cps_checkpoint_part *best = &parts[wire->n_parts];
        if (!wire->best->part || !take_part(wire->best->part, best))
            return broken(path, "names a model that is none");
        best->is_best = true;
    }
    for (size_t i = 0; i < wire->n_epochs; i++) {
        const struct cps_epoch_record epoch = epoch_from(wire->epochs[i], (uint32_t)i);
        CPS_TRY(cps_history_add(history, &epoch));
    }
    for (size_t i = 0; i < wire->n_logs; i++) {
        if (!take_name(wire->logs[i]->file, state->logs[i].file, sizeof state->logs[i].file))
            return broken(path, "names a record that is none");
        state->logs[i].bytes = wire->logs[i]->bytes;
    }
    return CPS_OK;
}

static enum cps_status from_wire(const char *path, const Cps__Checkpoint *wire,
                                 struct cps_checkpoint_state *state, struct cps_history *history,
                                 struct cps_checkpoint_part **parts, size_t *part_count)
{
    *state = (struct cps_checkpoint_state){.identity.run_id = wire->run_id,
                                           .step = wire->step,
                                           .average = wire->average,
                                           .epoch_ratings = wire->epoch_ratings,
                                           .keys = wire->keys,
                                           .words = wire->words,
                                           .train_s = wire->train_s};
    state->epoch_loss = (cps_int128)((unsigned __int128)wire->epoch_loss_high << 64 | wire->epoch_loss_low);
    if (!take_bytes(&wire->fingerprint, state->identity.fingerprint) ||
        !take_bytes(&wire->plan, state->identity.plan) || wire->n_logs > CPS_CHECKPOINT_LOGS)
        return broken(path, "is no manifest of this version");
    if (wire->best) {
        state->has_best = true;
        state->best_epoch = wire->best->epoch;
        state->best_words = wire->best->words;
    }
    *part_count = wire->n_parts + state->has_best;
    CPS_TRY(cps_alloc("parts of a checkpoint", *part_count, sizeof **parts, parts));
    CPS_TRY(take_lists(path, wire, state, history, *parts));
    state->epochs = history->epochs;
    state->epoch_count = history->count;
    return CPS_OK;
}

/* Returns the message between prefix and digest, once both are verified. */
static enum cps_status find_message(const char *path, const uint8_t *bytes, size_t size, uint64_t *length)
{
    uint8_t digest[CPS_SHA256_BYTES];
    if (size < PREFIX_BYTES + CPS_SHA256_BYTES || memcmp(bytes, MAGIC, sizeof MAGIC) != 0)
        return broken(path, "is no manifest of a checkpoint");
    memcpy(length, bytes + sizeof MAGIC, sizeof *length);
    if (*length != size - PREFIX_BYTES - CPS_SHA256_BYTES)
        return broken(path, "is damaged: it has another length than it says");
    CPS_TRY(digest_of(bytes, size - CPS_SHA256_BYTES, digest));
    if (memcmp(digest, bytes + size - CPS_SHA256_BYTES, sizeof digest) != 0)
        return broken(path, "is damaged: its SHA-256 is another");
    return CPS_OK;
}

enum cps_status cps_checkpoint_manifest_decode(const char *path, const void *bytes, size_t size,
                                               struct cps_checkpoint_state *state, struct cps_history *history,
                                               struct cps_checkpoint_part **parts, size_t *part_count)
{
    uint64_t length = 0;
    CPS_TRY(find_message(path, bytes, size, &length));
    Cps__Checkpoint *wire = cps__checkpoint__unpack(NULL, length, (const uint8_t *)bytes + PREFIX_BYTES);
    if (!wire)
        return broken(path, "cannot be read: it is of another version, or there is no memory");
    enum cps_status status = from_wire(path, wire, state, history, parts, part_count);
    cps__checkpoint__free_unpacked(wire, NULL);
    return status;
}
