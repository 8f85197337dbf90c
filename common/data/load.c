/*
 * Request -> open files -> build.c; see load.h.
 *
 * Decides which files are read and how a run describes them.
 */
#include "common/data/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/data/build.h"
#include "common/data/movielens.h"
#include "common/data/stored.h"
#include "common/text/input.h"

/* The open files of a request. */
struct inputs {
    struct cps_input ratings, valid, titles;
    struct cps_movielens layout;
    struct cps_dataset_sources sources;
    char description[sizeof((struct cps_dataset *)0)->description];
    bool decode; /* this rank decodes files that need decoding */
    struct cps_prepared prepared;
};

static void inputs_release(struct inputs *self)
{
    cps_input_release(&self->ratings);
    cps_input_release(&self->valid);
    cps_input_release(&self->titles);
}

static enum cps_status check_request(const struct cps_dataset_request *request)
{
    if (request->shards == 0 || request->shard >= request->shards)
        return cps_fail(CPS_ERR_USAGE, "shard %u of %u does not exist", request->shard, request->shards);
    bool seeded = request->synthetic || !request->train_path;
    if (seeded && !(request->valid_pct >= 0 && request->valid_pct < 1)) {
        cps_fail(CPS_ERR_USAGE, "--valid-pct %g is not between 0 and 1", request->valid_pct);
        return cps_hint(CPS_ERR_USAGE, "0 validates nothing; 1 would leave nothing to train on");
    }
    if (request->synthetic)
        return CPS_OK;
    if (!request->train_path != !request->valid_path)
        return cps_fail(CPS_ERR_USAGE,
                        request->train_path ? "--train '%s' is given without --valid"
                                            : "--valid '%s' is given without --train",
                        request->train_path ? request->train_path : request->valid_path);
    if (!request->train_path && !request->path)
        return cps_fail(CPS_ERR_USAGE, "no data to train on");
    return CPS_OK;
}

/* Checks the item key for a single ratings file, which has no titles. */
static enum cps_status check_no_titles(const struct cps_dataset_request *request, const char *path)
{
    if (request->item_key != CPS_ITEM_KEY_TITLE)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "--item-key title, but '%s' is a ratings file without titles", path);
    return cps_hint(CPS_ERR_USAGE,
                    "titles come with a MovieLens folder; --item-column picks another column as id");
}

static enum cps_status open_folder(struct inputs *self, const struct cps_dataset_request *request)
{
    struct cps_movielens *layout = &self->layout;
    CPS_TRY(cps_movielens_find(request->path, layout));
    if (request->wide)
        return cps_fail(CPS_ERR_USAGE, "--layout wide reads a file, and '%s' is a folder", request->path);
    CPS_TRY(cps_input_open(&self->ratings, layout->ratings_path, request->latin1, self->decode,
                           &self->sources.ratings));
    if (request->item_key == CPS_ITEM_KEY_ID) {
        snprintf(self->description, sizeof self->description, "%s in '%.400s' (%s)", layout->name,
                 request->path, layout->ratings_name);
        return CPS_OK;
    }
    if (!layout->titles_name) {
        cps_fail(CPS_ERR_DATA, "no titles for '%s': '%s/%s' is missing", layout->ratings_path, request->path,
                 layout->titles_wanted);
        return cps_hint(CPS_ERR_DATA, "--item-key id trains on ids without titles");
    }
    self->sources.title_delimiter = layout->title_delimiter;
    snprintf(self->description, sizeof self->description, "%s in '%.400s' (%s, titles from %s)", layout->name,
             request->path, layout->ratings_name, layout->titles_name);
    return cps_input_open(&self->titles, layout->titles_path, false, true, &self->sources.titles);
}

static enum cps_status open_split(struct inputs *self, const struct cps_dataset_request *request)
{
    CPS_TRY(check_no_titles(request, request->train_path));
    CPS_TRY(cps_input_open(&self->ratings, request->train_path, request->latin1, self->decode,
                           &self->sources.ratings));
    CPS_TRY(
        cps_input_open(&self->valid, request->valid_path, request->latin1, self->decode, &self->sources.valid));
    snprintf(self->description, sizeof self->description, "ratings in '%.200s', validation in '%.200s'",
             request->train_path, request->valid_path);
    return CPS_OK;
}

static enum cps_status open_inputs(struct inputs *self, const struct cps_dataset_request *request)
{
    if (request->train_path)
        return open_split(self, request);
    if (cps_is_folder(request->path))
        return open_folder(self, request);
    enum cps_status status =
        cps_input_open(&self->ratings, request->path, request->latin1, self->decode, &self->sources.ratings);
    if (status != CPS_OK || !cps_prepared_is_one(&self->sources.ratings))
        CPS_TRY(check_no_titles(request, request->path));
    CPS_TRY(status);
    snprintf(self->description, sizeof self->description, "ratings in '%.400s'", request->path);
    return CPS_OK;
}

/* Opens a prepared set given instead of ratings. */
static enum cps_status open_prepared(struct inputs *self)
{
    if (!cps_prepared_is_one(&self->sources.ratings))
        return CPS_OK;
    CPS_TRY(cps_prepared_open(&self->prepared, &self->sources.ratings));
    self->sources.prepared = &self->prepared;
    snprintf(self->description, sizeof self->description, "prepared set '%.400s'", self->sources.ratings.path);
    return CPS_OK;
}

/* Files that only rank 0 decodes cannot be read in parts. */
static enum cps_status open_all(struct inputs *self, const struct cps_dataset_request *request)
{
    CPS_TRY(check_request(request));
    if (request->synthetic) {
        self->sources.synth = &cps_synth_builtin;
        snprintf(self->description, sizeof self->description,
                 "a built-in synthetic set of MovieLens 100k's shape");
        return CPS_OK;
    }
    CPS_TRY(open_inputs(self, request));
    self->sources.whole = self->ratings.needs_decoding || self->valid.needs_decoding;
    return request->train_path ? CPS_OK : open_prepared(self);
}

/* Whether source is the bytes of the file that input has open. */
static bool is_as_it_is(const struct cps_input *input, const struct cps_source *source)
{
    return source->path && source->data == input->map.data && source->size == input->map.size;
}

/* Describes the origin of the data, since build.c does not know the names of files. */
static void describe(const struct inputs *self, struct cps_dataset *out)
{
    const struct cps_dataset_sources *sources = &self->sources;
    out->is_text[CPS_TEXT_TITLES] = is_as_it_is(&self->titles, &sources->titles);
    out->is_text[CPS_TEXT_RATINGS] = !sources->prepared && is_as_it_is(&self->ratings, &sources->ratings);
    out->is_text[CPS_TEXT_VALID] = is_as_it_is(&self->valid, &sources->valid);
    snprintf(out->description, sizeof out->description, "%s", self->description);
    if (self->layout.name)
        out->columns[0] = '\0'; /* a known layout needs no description of columns */
}

enum cps_status cps_dataset_load(const struct cps_dataset_request *request, struct cps_dataset *out)
{
    struct inputs inputs = {.decode = true};
    *out = (struct cps_dataset){0};
    enum cps_status status = open_all(&inputs, request);
    if (status == CPS_OK)
        status = cps_dataset_build(request, &inputs.sources, out);
    if (status == CPS_OK)
        describe(&inputs, out);
    inputs_release(&inputs);
    return status;
}

/* Agrees on the status: if any rank failed, all drop their results. */
static enum cps_status agree(const struct cps_peers *peers, enum cps_status status)
{
    return peers ? peers->agree(peers->context, status) : status;
}

enum cps_status cps_dataset_load_shared(const struct cps_dataset_request *request,
                                        const struct cps_sharing *sharing, struct cps_dataset *out,
                                        struct cps_dataset *shards)
{
    const struct cps_peers *peers = sharing->peers;
    struct inputs inputs = {.decode = !peers || peers->rank == 0};
    struct cps_dataset_request all = *request;
    all.shard = 0;
    all.shards = 1;
    *out = (struct cps_dataset){0};
    enum cps_status status = agree(peers, open_all(&inputs, &all));
    if (status == CPS_OK) {
        status = cps_dataset_build_shared(&all, &inputs.sources, sharing, out, shards);
        status = agree(peers, status);
    }
    if (status == CPS_OK) {
        describe(&inputs, out);
        if (out->stored)
            cps_stored_keep(out->stored, &inputs.ratings);
    } else {
        cps_dataset_release(out);
        for (uint32_t s = 0; s < sharing->shards; s++)
            cps_dataset_release(&shards[s]);
    }
    inputs_release(&inputs);
    return status;
}

/* ---- preparing ---- */

/* Records the properties of a file by which a later change is detected. The hash of a file that is text as it
 * is is left empty: it is that of the text. */
static enum cps_status note_origin(const struct cps_input *input, const struct cps_source *source,
                                   struct cps_prepared_source *out)
{
    const char *path = source->path;
    struct stat info;
    out->path = realpath(path, NULL);
    if (!out->path || stat(path, &info) != 0)
        return cps_fail(CPS_ERR_DATA, "cannot find '%s': %s", path, strerror(errno));
    out->mtime_ns = (uint64_t)info.st_mtim.tv_sec * 1000000000u + (uint64_t)info.st_mtim.tv_nsec;
    out->bytes = source->size;
    if (is_as_it_is(input, source))
        return CPS_OK;
    return cps_sha256_file(path, CPS_ERR_DATA, &out->bytes, out->sha256);
}

static enum cps_status prepare(struct inputs *inputs, const struct cps_dataset_request *request,
                               const char *path, struct cps_dataset *out)
{
    const struct cps_dataset_sources *sources = &inputs->sources;
    const struct cps_source *texts[CPS_TEXTS] = {&sources->titles, &sources->ratings, &sources->valid};
    const struct cps_input *files[CPS_TEXTS] = {&inputs->titles, &inputs->ratings, &inputs->valid};
    struct cps_prepared_source origin[CPS_TEXTS] = {0};
    uint32_t count = 0;
    enum cps_status status = CPS_OK;
    if (sources->synth)
        return cps_fail(CPS_ERR_USAGE, "no ratings to prepare: give '--data', or '--train' and '--valid'");
    if (sources->prepared)
        return cps_fail(CPS_ERR_USAGE, "'%s' is a prepared set already", sources->ratings.path);
    for (int i = 0; i < CPS_TEXTS && status == CPS_OK; i++)
        if (texts[i]->path)
            status = note_origin(files[i], texts[i], &origin[count++]);
    if (status == CPS_OK)
        status = cps_dataset_prepare(request, sources, origin, count, path, out);
    for (uint32_t i = 0; i < count; i++)
        free(origin[i].path);
    return status;
}

enum cps_status cps_dataset_load_and_prepare(const struct cps_dataset_request *request, const char *path,
                                             struct cps_dataset *out)
{
    struct inputs inputs = {.decode = true};
    *out = (struct cps_dataset){0};
    enum cps_status status = open_all(&inputs, request);
    if (status == CPS_OK)
        status = prepare(&inputs, request, path, out);
    if (status == CPS_OK)
        describe(&inputs, out);
    inputs_release(&inputs);
    return status;
}
