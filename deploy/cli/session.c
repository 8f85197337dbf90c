/* RUN -> model, options, ratings; see session.h. */
#include "deploy/cli/session.h"

#include <string.h>
#include <sys/stat.h>

#include "common/base/log.h"
#include "common/data/load.h"
#include "common/inference/title_search.h"
#include "deploy/cli/recorded.h"
#include "deploy/training/settings.h"

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* ---- the run's ratings ---- */

/* Options as of 'replay RUN [--data PATH]', before those of the record are applied. */
static enum cps_status replay_options(const struct cps_options *options, struct cps_options *out)
{
    char program[] = "collab-ps", replay[] = "replay", data[] = "--data";
    char *argv[] = {program, replay, options->run, options->data ? data : NULL, options->data, NULL};
    return cps_options_parse(options->data ? 5 : 3, argv, NULL, out);
}

static const char *recorded_value(const struct cps_run_reader *run, const char *name)
{
    for (size_t i = 0; i < run->option_count; i++)
        if (strcmp(run->options[i].name, name) == 0)
            return run->options[i].value;
    return NULL;
}

/* Other ratings are accepted only if the command line names them; rows are then found by external ids. */
static enum cps_status check_fingerprint(const struct cps_session *self, const struct cps_run_reader *run,
                                         bool named)
{
    char hex[CPS_SHA256_HEX_BYTES];
    cps_sha256_to_hex(self->dataset.fingerprint, hex);
    if (!run->fingerprint || strcmp(run->fingerprint, hex) == 0)
        return CPS_OK;
    if (named) {
        cps_warn("the ratings are not those that the run was trained on: %s", self->dataset.description);
        return CPS_OK;
    }
    cps_fail(CPS_ERR_DATA, "the ratings are not those that the run was trained on: %s",
             self->dataset.description);
    return cps_hint(CPS_ERR_DATA, "give '--data' to use them, or others, all the same");
}

static enum cps_status load(struct cps_session *self, const struct cps_run_reader *run,
                            const struct cps_options *trained, bool named)
{
    struct cps_dataset_request request = cps_settings_dataset(trained, NULL);
    request.shards = 1;
    request.keep_samples = true;
    if (recorded_value(run, "init")) {
        request.user_rows = self->model.plan.user_rows;
        request.movie_rows = self->model.plan.movie_rows;
    }
    CPS_TRY(cps_dataset_load(&request, &self->dataset));
    CPS_TRY(check_fingerprint(self, run, named));
    CPS_TRY(cps_row_map_build(&self->model, &self->dataset, &self->map));
    return cps_rated_build(&self->model, &self->dataset, &self->map, &self->rated);
}

static enum cps_status read_ratings(struct cps_session *self, const struct cps_options *options,
                                    const struct cps_run_reader *run)
{
    struct cps_options trained;
    struct cps_text differing = {0};
    bool other_data;
    CPS_TRY(replay_options(options, &trained));
    enum cps_status status = cps_recorded_adopt(run, &trained, &differing, &other_data);
    if (status == CPS_OK)
        status = load(self, run, &trained, options->data != NULL);
    cps_text_release(&differing);
    cps_options_release(&trained);
    self->has_ratings = status == CPS_OK;
    return status;
}

/* For commands that also work without ratings: warns if they cannot be read. */
static enum cps_status try_ratings(struct cps_session *self, const struct cps_options *options,
                                   const struct cps_run_reader *run, enum cps_session_ratings ratings)
{
    if (ratings == CPS_RATINGS_UNUSED)
        return CPS_OK;
    enum cps_status status = read_ratings(self, options, run);
    if (status != CPS_ERR_DATA || ratings == CPS_RATINGS_NEEDED)
        return status;
    cps_warn("without the run's ratings: %s", cps_error_text());
    return CPS_OK;
}

static enum cps_status read_run(struct cps_session *self, const struct cps_options *options,
                                enum cps_session_ratings ratings)
{
    struct cps_run_reader run;
    CPS_TRY(cps_run_reader_open(&run, options->run));
    size_t epochs = run.history.count;
    if (epochs) {
        const struct cps_epoch_record *last = &run.history.epochs[epochs - 1];
        self->noise = last->has_valid ? last->valid_loss : last->train_loss;
    }
    enum cps_status status = try_ratings(self, options, &run, ratings);
    cps_run_reader_close(&run);
    return status;
}

enum cps_status cps_session_open(const struct cps_options *options, enum cps_session_ratings ratings,
                                 struct cps_session *out)
{
    *out = (struct cps_session){.noise = 1};
    CPS_TRY(cps_trained_open(options->run, options->best, &out->model));
    if (is_folder(options->run))
        return read_run(out, options, ratings);
    if (ratings != CPS_RATINGS_NEEDED)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "'%s' is a model without a run, so the ratings it was trained on are not known",
             options->run);
    return cps_hint(CPS_ERR_DATA, "name the folder of the run");
}

void cps_session_close(struct cps_session *self)
{
    cps_trained_close(&self->model);
    cps_dataset_release(&self->dataset);
    cps_row_map_release(&self->map);
    cps_rated_release(&self->rated);
}

/* ---- names ---- */

const char *cps_session_movie_id(const struct cps_session *self, uint32_t row)
{
    return self->model.movies.id[row];
}

const char *cps_session_title(const struct cps_session *self, uint32_t row)
{
    return self->model.movies.title[row];
}

/* Reads all of path as one part. options give the meaning of its columns; items are found by id and by title.
 */
enum cps_status cps_session_read(const struct cps_session *self, const struct cps_options *options,
                                 const char *path, struct cps_dataset *dataset, struct cps_row_map *map)
{
    struct cps_dataset_request request = cps_settings_dataset(options, NULL);
    request.path = path;
    request.synthetic = false;
    request.item_key = CPS_ITEM_KEY_AUTO;
    request.valid_pct = 0;
    request.shards = 1;
    request.keep_samples = true;
    CPS_TRY(cps_dataset_load(&request, dataset));
    enum cps_status status = cps_row_map_build(&self->model, dataset, map);
    if (status != CPS_OK)
        cps_dataset_release(dataset);
    return status;
}

enum cps_status cps_session_find_user(const struct cps_session *self, const char *id, uint32_t *row)
{
    for (uint32_t user = 1; user < self->model.users.rows; user++) {
        if (strcmp(self->model.users.id[user], id) == 0) {
            *row = user;
            return CPS_OK;
        }
    }
    cps_fail(CPS_ERR_DATA, "the model has no user '%s'", id);
    return cps_hint(CPS_ERR_DATA,
                    "users.tsv lists them; for somebody else 'collab-ps fold-in' takes a few ratings");
}

enum cps_status cps_session_find_movie(const struct cps_session *self, const char *text, uint32_t *row)
{
    struct cps_title_search search;
    CPS_TRY(cps_title_search_init(&search, &self->model.movies));
    enum cps_status status = cps_title_search_find(&search, text, row);
    cps_title_search_release(&search);
    return status;
}
