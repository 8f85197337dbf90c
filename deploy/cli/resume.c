/*
 * Resuming a run: all refusals before the first message, and reading the checkpoint; see resume.h.
 *
 * Options that decide the curve come from the record. Of these the command line may only give new paths of the
 * files, whose contents must be unchanged. The number of ranks and the transport are chosen anew at each start.
 */
#include "deploy/cli/resume.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/store/run_reader.h"
#include "deploy/cli/recorded.h"
#include "deploy/training/training.h"
#include "server/coordinator/coordinator.h"

struct resume {
    struct cps_run_reader recorded;
    struct cps_text differing;
    struct cps_checkpoint checkpoint;
    struct cps_former_run former;
    bool found;
};

/* Whether a line of the differences between command line and record is refused: any but one that only gives a
 * new path for a file. */
static bool is_refused(const char *line)
{
    static const char *const moved[] = {"--data: recorded ", "--train: recorded ", "--valid: recorded ",
                                        "--init: recorded ", "--batch-order: recorded "};
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++)
        if (strncmp(line, moved[i], strlen(moved[i])) == 0)
            return false;
    return true;
}

/* Refuses options that differ, naming each. */
static enum cps_status check_differing(const struct resume *self, const struct cps_options *options)
{
    struct cps_text refused = {0};
    enum cps_status status = CPS_OK;
    for (const char *line = self->differing.data; status == CPS_OK && line && *line;) {
        size_t length = strcspn(line, "\n");
        if (is_refused(line))
            status = cps_text_add(&refused, "%s%.*s", refused.length ? "; " : "", (int)length, line);
        line += length + (line[length] == '\n');
    }
    if (status == CPS_OK && refused.length) {
        cps_fail(CPS_ERR_USAGE, "'%s' cannot go on with other options: %s", options->resume, refused.data);
        if (strstr(refused.data, "--epochs:"))
            status = cps_hint(CPS_ERR_USAGE,
                              "another number of epochs is another schedule from the first step on: train "
                              "anew with it, or start a new run from this model with --init");
        else
            status = cps_hint(CPS_ERR_USAGE, "leave them out to go on, or train a new run with them");
    }
    cps_text_release(&refused);
    return status;
}

static enum cps_status check_state(const struct resume *self, const struct cps_options *options)
{
    if (strcmp(self->recorded.state, "done") != 0)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "the run in '%s' is complete: there is nothing to go on with", options->resume);
    return cps_hint(CPS_ERR_USAGE,
                    "more epochs are another schedule: train anew with --epochs, or start a new run "
                    "from its model with --init");
}

static enum cps_status settle(struct resume *self, struct cps_options *options)
{
    bool other_data;
    CPS_TRY(cps_run_reader_open_record(&self->recorded, options->resume));
    CPS_TRY(cps_recorded_adopt(&self->recorded, options, &self->differing, &other_data));
    CPS_TRY(check_differing(self, options));
    CPS_TRY(check_state(self, options));
    free(options->out);
    options->out = strdup(options->resume);
    return options->out ? CPS_OK : cps_fail_memory("a path", strlen(options->resume));
}

/* A file that the command line names may have another path, but must have the same contents. */
static enum cps_status check_inputs(const struct resume *self, struct cps_training *training,
                                    const struct cps_options *options)
{
    const struct cps_inputs *inputs;
    struct cps_text others = {0};
    bool any = false;
    CPS_TRY(cps_training_inputs(training, &inputs));
    enum cps_status status =
        cps_inputs_check(inputs, options, self->recorded.inputs, self->recorded.input_count, &others, &any);
    if (status == CPS_OK && any) {
        others.data[strcspn(others.data, "\n")] = '\0';
        status = cps_fail(CPS_ERR_DATA, "'%s' cannot go on with other data: %s", options->resume, others.data);
    }
    cps_text_release(&others);
    return status;
}

static enum cps_status check_data(const struct resume *self, const struct cps_dataset *dataset)
{
    char hex[CPS_SHA256_HEX_BYTES];
    cps_sha256_to_hex(dataset->fingerprint, hex);
    if (self->recorded.fingerprint && strcmp(self->recorded.fingerprint, hex) == 0)
        return CPS_OK;
    cps_fail(CPS_ERR_DATA, "the ratings are not those that the run was trained on: %s", dataset->description);
    return cps_hint(CPS_ERR_DATA, "their fingerprint was %.16s…, and is %.16s…",
                    self->recorded.fingerprint ? self->recorded.fingerprint : "none", hex);
}

static enum cps_status find_checkpoint(struct resume *self, const struct cps_plan *plan,
                                       const uint8_t fingerprint[CPS_SHA256_BYTES], const char *folder)
{
    struct cps_checkpoint_identity identity = {.run_id = self->recorded.run_id};
    memcpy(identity.fingerprint, fingerprint, sizeof identity.fingerprint);
    CPS_TRY(cps_checkpoint_plan_digest(plan, identity.plan));
    CPS_TRY(cps_checkpoint_find(folder, &identity, &self->checkpoint, &self->found));
    self->former = (struct cps_former_run){.run_id = self->recorded.run_id,
                                           .starts = self->recorded.starts,
                                           .checkpoint = self->found ? &self->checkpoint : NULL};
    if (self->found)
        cps_log(CPS_LOG_INFO, "going on after step %llu of %llu",
                (unsigned long long)self->checkpoint.state.step, (unsigned long long)cps_plan_steps(plan));
    else
        cps_warn("'%s' has no checkpoint to go on from: it begins again with its first step", folder);
    return CPS_OK;
}

/* Makes all checks before the first message, on the first rank. */
static enum cps_status prepare(struct resume *self, struct cps_training *training, struct cps_options *options)
{
    bool leads = cps_training_leads(training);
    CPS_TRY(cps_training_agree(training, leads ? settle(self, options) : CPS_OK));
    CPS_TRY(cps_training_open(training));
    CPS_TRY(cps_training_agree(training, leads ? check_inputs(self, training, options) : CPS_OK));
    CPS_TRY(cps_training_load(training));
    CPS_TRY(cps_training_agree(training, leads ? check_data(self, cps_training_dataset(training)) : CPS_OK));
    CPS_TRY(cps_training_plan(training));
    if (leads)
        return cps_training_agree(training, find_checkpoint(self, cps_training_planned(training),
                                                            cps_training_dataset(training)->fingerprint,
                                                            cps_training_folder(training)));
    return cps_training_agree(training, CPS_OK);
}

int cps_resume(struct cps_options *options)
{
    struct resume self = {.found = false};
    struct cps_training *training;
    const struct cps_training_terms terms = {.former = &self.former};
    enum cps_status agreed, status = cps_training_start(options, &training);
    if (status == CPS_OK)
        status = prepare(&self, training, options);
    if (status == CPS_OK)
        status = cps_training_connect(training, &terms);
    if (status == CPS_OK)
        status = cps_training_run(training, &agreed);
    else if (status == CPS_ERR_INTERRUPTED) /* it can be resumed again */
        status = cps_fail(CPS_ERR_PREEMPTED, CPS_STOPPED_RESUMING);
    cps_training_close(training, status);
    cps_checkpoint_release(&self.checkpoint);
    cps_run_reader_close(&self.recorded);
    cps_text_release(&self.differing);
    return cps_training_end(&training, status);
}
