/* Options -> the files behind them, by size and SHA-256; see inputs.h. */
#include "common/store/inputs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/data/movielens.h"
#include "common/store/model_files.h"

/* The digests of files that were read before. */
struct known {
    struct cps_text_digest texts[CPS_TEXTS];
    bool is_text[CPS_TEXTS];
};

static enum cps_status add_hashed(struct cps_inputs *self, const char *option, const char *path, uint64_t bytes,
                                  const char *hex)
{
    CPS_TRY(cps_grow("input files", &self->files, &self->capacity, self->count + 1, sizeof *self->files));
    struct cps_record_input *file = &self->files[self->count++];
    *file = (struct cps_record_input){
        .option = option, .path = strdup(path), .bytes = bytes, .sha256 = strdup(hex)};
    return file->path && file->sha256 ? CPS_OK : cps_fail_memory("an input file", 0);
}

static enum cps_status add(struct cps_inputs *self, const char *option, const char *path)
{
    char hex[CPS_SHA256_HEX_BYTES];
    uint64_t bytes;
    if (!path)
        return CPS_OK;
    CPS_TRY(cps_sha256_file(path, CPS_ERR_DATA, &bytes, hex));
    return add_hashed(self, option, path, bytes, hex);
}

/* Adds a file of the ratings, whose digest may be known. */
static enum cps_status add_text(struct cps_inputs *self, const struct known *known, int text,
                                const char *option, const char *path)
{
    char hex[CPS_SHA256_HEX_BYTES];
    if (!path || !known->is_text[text])
        return add(self, option, path);
    cps_sha256_to_hex(known->texts[text].sha256, hex);
    return add_hashed(self, option, path, known->texts[text].bytes, hex);
}

/* The reader of ratings knows which files of a folder it reads. */
static enum cps_status add_folder(struct cps_inputs *self, const struct cps_options *options,
                                  const struct known *known)
{
    struct cps_movielens layout;
    CPS_TRY(cps_movielens_find(options->data, &layout));
    CPS_TRY(add_text(self, known, CPS_TEXT_RATINGS, "data", layout.ratings_path));
    bool by_title = options->item_key != CPS_ITEM_KEY_ID && layout.titles_name;
    return by_title ? add_text(self, known, CPS_TEXT_TITLES, "data", layout.titles_path) : CPS_OK;
}

static enum cps_status add_ratings(struct cps_inputs *self, const struct cps_options *options,
                                   const struct known *known)
{
    if (options->train) {
        CPS_TRY(add_text(self, known, CPS_TEXT_RATINGS, "train", options->train));
        return add_text(self, known, CPS_TEXT_VALID, "valid", options->valid);
    }
    if (options->data && cps_is_folder(options->data))
        return add_folder(self, options, known);
    return add_text(self, known, CPS_TEXT_RATINGS, "data", options->data);
}

/* The names beside the tensors decide which row belongs to which user or movie. */
static enum cps_status add_model(struct cps_inputs *self, const char *init)
{
    struct cps_model_files files;
    if (!init)
        return CPS_OK;
    CPS_TRY(cps_model_files_find(init, &files));
    CPS_TRY(add(self, "init", files.model));
    if (!files.has_names)
        return CPS_OK;
    CPS_TRY(add(self, "init", files.users));
    return add(self, "init", files.movies);
}

static enum cps_status read_files(const struct cps_options *options, bool with_ratings,
                                  const struct known *known, struct cps_inputs *out)
{
    *out = (struct cps_inputs){0};
    if (with_ratings)
        CPS_TRY(add_ratings(out, options, known));
    CPS_TRY(add_model(out, options->init));
    return add(out, "batch-order", options->batch_order);
}

enum cps_status cps_inputs_read(const struct cps_options *options, bool with_ratings, struct cps_inputs *out)
{
    return read_files(options, with_ratings, &(struct known){0}, out);
}

/* ---- in the background ---- */

struct cps_inputs_job {
    pthread_t thread;
    bool begun, has_thread;
    atomic_bool done;
    const struct cps_options *options;
    bool with_ratings;
    struct known known;
    struct cps_inputs read;
    struct cps_failure failure;
};

static void *run_job(void *context)
{
    struct cps_inputs_job *job = context;
    cps_failure_note(&job->failure, read_files(job->options, job->with_ratings, &job->known, &job->read));
    atomic_store(&job->done, true);
    return NULL;
}

void cps_inputs_resume(struct cps_inputs *self, const struct cps_dataset *loaded)
{
    struct cps_inputs_job *job = self->job;
    if (!job || job->begun)
        return;
    job->begun = true;
    if (loaded) {
        memcpy(job->known.texts, loaded->texts, sizeof job->known.texts);
        memcpy(job->known.is_text, loaded->is_text, sizeof job->known.is_text);
    }
    job->has_thread = pthread_create(&job->thread, NULL, run_job, job) == 0;
    if (!job->has_thread)
        run_job(job);
}

bool cps_inputs_are_read(const struct cps_inputs *self)
{
    return !self->job || atomic_load(&self->job->done);
}

enum cps_status cps_inputs_begin(const struct cps_options *options, bool with_ratings, struct cps_inputs *out)
{
    *out = (struct cps_inputs){0};
    CPS_TRY(cps_alloc("a reader of input files", 1, sizeof *out->job, &out->job));
    out->job->options = options;
    out->job->with_ratings = with_ratings;
    if (!with_ratings)
        cps_inputs_resume(out, NULL);
    return CPS_OK;
}

enum cps_status cps_inputs_await(struct cps_inputs *self)
{
    struct cps_inputs_job *job = self->job;
    if (!job)
        return CPS_OK;
    cps_inputs_resume(self, NULL);
    if (job->has_thread)
        pthread_join(job->thread, NULL);
    enum cps_status status = cps_failure_raise(&job->failure);
    *self = job->read;
    free(job);
    return status;
}

void cps_inputs_release(struct cps_inputs *self)
{
    if (self->job && !self->job->begun) {
        free(self->job);
        self->job = NULL;
    }
    cps_inputs_await(self); /* its errors concern nobody any more */
    for (size_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->files[i].path);
        free((void *)(uintptr_t)self->files[i].sha256);
    }
    free(self->files);
    *self = (struct cps_inputs){0};
}

bool cps_inputs_has_others(const struct cps_options *options)
{
    return options->init || options->batch_order;
}

static bool is_of_ratings(const struct cps_record_input *file)
{
    return strcmp(file->option, "init") != 0 && strcmp(file->option, "batch-order") != 0;
}

enum cps_status cps_inputs_digest(const struct cps_inputs *self, uint8_t out[CPS_SHA256_BYTES])
{
    struct cps_sha256 *state;
    CPS_TRY(cps_sha256_create(&state));
    for (size_t i = 0; i < self->count; i++) {
        if (is_of_ratings(&self->files[i]))
            continue;
        cps_sha256_add(state, self->files[i].option, strlen(self->files[i].option) + 1);
        cps_sha256_add(state, self->files[i].sha256, CPS_SHA256_HEX_BYTES);
    }
    cps_sha256_finish(state, out);
    cps_sha256_destroy(&state);
    return CPS_OK;
}

/* ---- comparison with a record ---- */

/* The file of self that corresponds to recorded[place]: the one with the same position among the files of its
 * option. NULL if the option now names fewer files. */
static const struct cps_record_input *counterpart(const struct cps_inputs *self,
                                                  const struct cps_record_input *recorded, size_t place)
{
    const char *option = recorded[place].option;
    size_t before = 0;
    for (size_t i = 0; i < place; i++)
        before += strcmp(recorded[i].option, option) == 0;
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->files[i].option, option) == 0 && before-- == 0)
            return &self->files[i];
    return NULL;
}

static enum cps_status refuse(const struct cps_record_input *recorded, const struct cps_record_input *now)
{
    cps_fail(CPS_ERR_DATA,
             "'%s' is not the file that the recorded '--%s' named: it had %llu bytes, sha256 %.16s…, and has "
             "%llu, %.16s…",
             now->path, recorded->option, (unsigned long long)recorded->bytes, recorded->sha256,
             (unsigned long long)now->bytes, now->sha256);
    return cps_hint(CPS_ERR_DATA, "give '--%s' to train with it, or with another file, all the same",
                    recorded->option);
}

enum cps_status cps_inputs_check(const struct cps_inputs *self, const struct cps_options *options,
                                 const struct cps_record_input *recorded, size_t recorded_count,
                                 struct cps_text *differing, bool *others)
{
    for (size_t i = 0; i < recorded_count; i++) {
        const struct cps_record_input *now = counterpart(self, recorded, i);
        if (!now || (now->bytes == recorded[i].bytes && strcmp(now->sha256, recorded[i].sha256) == 0))
            continue;
        if (cps_options_source(options, now->option) != CPS_SOURCE_COMMAND_LINE)
            return refuse(&recorded[i], now);
        *others = true;
        CPS_TRY(cps_text_add(differing, "--%s: recorded a file of sha256 %.16s…, now %.16s…\n", now->option,
                             recorded[i].sha256, now->sha256));
    }
    return CPS_OK;
}
