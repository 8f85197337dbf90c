/*
 * Replays a run: trains with the options in its record, and compares the two folders.
 *
 *   RUN/run.json -> options -> a training job -> a run folder, --out or a temporary one
 *   RUN ------------------------------------+-> difference -> "same: …" or "differs: …"
 *
 * The new run is recorded like any other and then read back, so that the records of both are compared. All of
 * this takes place on the first rank; the others only train.
 */
#include "deploy/cli/replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/memory.h"
#include "common/store/run_difference.h"
#include "common/store/run_reader.h"
#include "deploy/cli/recorded.h"
#include "deploy/cli/scratch.h"
#include "deploy/training/training.h"
#include "server/record/figures.h"

struct replay {
    struct cps_run_reader recorded;
    struct cps_text differing; /* a line for each option that differs from the record */
    bool may_read_other_data;  /* because one of them selects the data */
    bool has_other_data;
    struct cps_epoch_limit limit;    /* an interrupted run is replayed as far as it went */
    const char *out;                 /* the folder of the new run */
    char scratch[CPS_SCRATCH_BYTES]; /* the folder made for it, or "" */
};

/* ---- before the run ---- */

static enum cps_status make_scratch(struct replay *self, struct cps_options *options)
{
    CPS_TRY(cps_scratch_make("replay", self->scratch));
    options->out = strdup(self->scratch);
    return options->out ? CPS_OK : cps_fail_memory("a path", 0);
}

/* --out must not be the replayed run, which would be overwritten. */
static enum cps_status check_out(const struct cps_options *options, const char *replayed)
{
    struct stat out, run;
    if (stat(options->out, &out) != 0 || stat(replayed, &run) != 0 || out.st_ino != run.st_ino ||
        out.st_dev != run.st_dev)
        return CPS_OK;
    return cps_fail(CPS_ERR_USAGE, "'--out' '%s' is the recorded run itself, which must not be overwritten",
                    options->out);
}

static enum cps_status choose_folder(struct replay *self, struct cps_options *options)
{
    CPS_TRY(options->out ? check_out(options, options->run) : make_scratch(self, options));
    self->out = options->out;
    options->log_steps = options->log_steps || self->recorded.loss_count > 0;
    return CPS_OK;
}

/* The number of epochs to compare, including one in which the run was interrupted or diverged. */
static uint32_t epochs_to_see(const struct cps_run_reader *run)
{
    uint64_t epochs = run->history.count;
    uint64_t whole_steps = epochs ? run->history.epochs[epochs - 1].steps : 0;
    if (strcmp(run->state, "done") == 0)
        return 0;
    return (uint32_t)(epochs + (run->loss_count > whole_steps || run->diverged));
}

static enum cps_status settle(struct replay *self, struct cps_options *options)
{
    const struct cps_run_reader *run = &self->recorded;
    CPS_TRY(cps_run_reader_open(&self->recorded, options->run));
    self->limit.epochs = epochs_to_see(run);
    if (run->history.count == 0 && run->loss_count == 0 && self->limit.epochs == 0)
        return cps_fail(CPS_ERR_DATA, "'%s' has no losses to compare with; its state is '%.200s'", options->run,
                        run->state);
    CPS_TRY(cps_recorded_adopt(run, options, &self->differing, &self->may_read_other_data));
    return choose_folder(self, options);
}

static enum cps_status check_inputs(struct replay *self, struct cps_training *training,
                                    const struct cps_options *options)
{
    const struct cps_inputs *inputs;
    CPS_TRY(cps_training_inputs(training, &inputs));
    return cps_inputs_check(inputs, options, self->recorded.inputs, self->recorded.input_count,
                            &self->differing, &self->may_read_other_data);
}

static enum cps_status check_data(struct replay *self, const struct cps_dataset *dataset)
{
    char hex[CPS_SHA256_HEX_BYTES];
    const char *recorded = self->recorded.fingerprint;
    cps_sha256_to_hex(dataset->fingerprint, hex);
    self->has_other_data = recorded && strcmp(recorded, hex) != 0;
    if (!self->has_other_data || self->may_read_other_data)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "the ratings are not those of the recorded run: %s", dataset->description);
    return cps_hint(CPS_ERR_DATA, "their fingerprint was %.16s…, and is %.16s…", recorded, hex);
}

/* ---- after the run ---- */

static enum cps_status print_same(const struct replay *self, const struct cps_run_reader *now,
                                  const struct cps_run_difference *parting)
{
    const struct cps_run_reader *recorded = &self->recorded;
    struct cps_history common = {.epochs = now->history.epochs, .count = parting->epochs};
    char curve[CPS_SHA256_HEX_BYTES];
    CPS_TRY(cps_history_hash(&common, curve));
    printf("same: curve %s (", curve);
    if (recorded->loss_count)
        printf("%s step%s, ", cps_figure_grouped(parting->steps).text, parting->steps == 1 ? "" : "s");
    printf("%s epoch%s)\n", cps_figure_grouped(parting->epochs).text, parting->epochs == 1 ? "" : "s");
    if (strcmp(recorded->state, "done") != 0)
        printf("  the recorded run went no further, its state is '%s'\n", recorded->state);
    else if (recorded->history.count != now->history.count)
        printf("  the recorded run has %zu epochs, this one %zu\n", recorded->history.count,
               now->history.count);
    else if (!recorded->loss_count)
        printf("  no losses of steps were recorded: --log-steps does\n");
    return CPS_OK;
}

static void print_losses(const struct cps_run_difference *parting)
{
    double relative = fabs(parting->now - parting->recorded) / fabs(parting->recorded);
    printf("recorded %.9g, now %.9g", parting->recorded, parting->now);
    printf(isfinite(relative) ? " (%.1e relative)\n" : "\n", relative);
}

static void print_hashes(const char *what, const char *recorded, const char *now)
{
    printf("no loss, but the %s: recorded sha256 %s, now %s\n", what, recorded, now);
}

/* Prints all known differences between the two runs. */
static void print_reasons(const struct replay *self)
{
    const char *version = self->recorded.version;
    for (const char *line = self->differing.data; line && *line; line += strcspn(line, "\n") + 1)
        printf("  %.*s\n", (int)strcspn(line, "\n"), line);
    if (self->has_other_data)
        printf("  the ratings, or how they are split, are others\n");
    if (strcmp(version, cps_version()) != 0)
        printf("  recorded by collab-ps %s, this is %s\n", version, cps_version());
    else if (!self->differing.length && !self->has_other_data)
        printf("  no option of data, model or training differs\n");
}

static void print_difference(const struct replay *self, const struct cps_run_reader *now,
                             const struct cps_run_difference *parting)
{
    const struct cps_run_reader *recorded = &self->recorded;
    printf("differs: ");
    switch (parting->kind) {
    case CPS_RUN_DIFFERENCE_STEP:
        printf("first at step %s (epoch %llu): ", cps_figure_grouped(parting->step).text,
               (unsigned long long)parting->epoch);
        print_losses(parting);
        break;
    case CPS_RUN_DIFFERENCE_TRAIN_LOSS:
    case CPS_RUN_DIFFERENCE_VALID_LOSS:
        printf("first in epoch %llu, %s_loss: ", (unsigned long long)parting->epoch,
               parting->kind == CPS_RUN_DIFFERENCE_TRAIN_LOSS ? "train" : "valid");
        print_losses(parting);
        break;
    case CPS_RUN_DIFFERENCE_CURVE_HASH:
        print_hashes("curve", recorded->curve_sha256, now->curve_sha256);
        break;
    case CPS_RUN_DIFFERENCE_MODEL_HASH:
    case CPS_RUN_DIFFERENCE_NONE:
        print_hashes("model", recorded->model_sha256, now->model_sha256);
        break;
    }
    print_reasons(self);
    if (!recorded->loss_count)
        printf("  no losses of steps were recorded: --log-steps would have told the step\n");
}

/* The number of steps that a run has recorded, in either file. */
static uint64_t recorded_steps(const struct cps_run_reader *run)
{
    uint64_t by_epoch = run->history.count ? run->history.epochs[run->history.count - 1].steps : 0;
    return run->loss_count > by_epoch ? run->loss_count : by_epoch;
}

/* Whether the runs ended in the same way; for an interrupted run, what happens after its last step is open. */
static bool ended_alike(const struct cps_run_reader *recorded, const struct cps_run_reader *now)
{
    if (recorded->diverged)
        return now->diverged && now->diverged_step == recorded->diverged_step;
    return !now->diverged ||
           (now->diverged_step >= recorded_steps(recorded) && strcmp(recorded->state, "done") != 0);
}

static void print_ends(const struct replay *self, const struct cps_run_reader *now)
{
    printf("differs: in no loss that both runs have, but in their end: recorded '%s', now '%s'\n",
           self->recorded.state, now->diverged ? now->state : "training went on");
    print_reasons(self);
}

static enum cps_status print_verdict(const struct replay *self, const struct cps_run_reader *now)
{
    struct cps_run_difference parting;
    cps_run_difference_find(&self->recorded, now, &parting);
    bool alike = parting.kind == CPS_RUN_DIFFERENCE_NONE && ended_alike(&self->recorded, now);
    if (parting.kind != CPS_RUN_DIFFERENCE_NONE)
        print_difference(self, now, &parting);
    else if (!alike)
        print_ends(self, now);
    else
        CPS_TRY(print_same(self, now, &parting));
    if (fflush(stdout) != 0 || ferror(stdout))
        return cps_fail(CPS_ERR_STORAGE, "cannot write to standard output: %s", strerror(errno));
    return alike ? CPS_OK : CPS_DIFFERS;
}

static enum cps_status judge(struct replay *self, enum cps_status status)
{
    struct cps_run_reader now;
    bool interrupted = status == CPS_ERR_INTERRUPTED && !self->limit.reached;
    if (interrupted || (status != CPS_OK && status != CPS_ERR_DIVERGED && status != CPS_ERR_INTERRUPTED))
        return status;
    CPS_TRY(cps_run_reader_open(&now, self->out));
    enum cps_status verdict = print_verdict(self, &now);
    cps_run_reader_close(&now);
    return verdict;
}

static void release(struct replay *self)
{
    cps_scratch_remove(self->scratch);
    cps_run_reader_close(&self->recorded);
    cps_text_release(&self->differing);
}

/* ---- the run ---- */

static enum cps_status prepare(struct replay *self, struct cps_training *training, struct cps_options *options)
{
    bool leads = cps_training_leads(training);
    CPS_TRY(cps_training_agree(training, leads ? settle(self, options) : CPS_OK));
    CPS_TRY(cps_training_open(training));
    CPS_TRY(cps_training_agree(training, leads ? check_inputs(self, training, options) : CPS_OK));
    CPS_TRY(cps_training_load(training));
    CPS_TRY(cps_training_agree(training, leads ? check_data(self, cps_training_dataset(training)) : CPS_OK));
    return cps_training_plan(training);
}

/* Trains and compares. The comparison is made on the first rank, which decides the exit status. */
static enum cps_status replay(struct replay *self, struct cps_training *training, struct cps_options *options)
{
    enum cps_status agreed;
    CPS_TRY(prepare(self, training, options));
    const struct cps_training_terms terms = {
        .scratch = self->scratch[0] != '\0', .no_saves = true, .limit = &self->limit};
    CPS_TRY(cps_training_connect(training, &terms));
    enum cps_status status = cps_training_run(training, &agreed);
    if (!cps_training_has_ended(agreed))
        return status;
    cps_training_close_record(training);
    if (cps_training_leads(training))
        status = judge(self, status);
    else if (status == agreed)
        status = CPS_OK;
    return cps_training_agree(training, status);
}

int cps_replay(struct cps_options *options)
{
    struct replay self = {.out = NULL};
    struct cps_training *training;
    enum cps_status status = cps_training_start(options, &training);
    if (status == CPS_OK)
        status = replay(&self, training, options);
    cps_training_close(training, status);
    release(&self);
    return cps_training_end(&training, status);
}
