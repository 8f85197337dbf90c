/*
 * Checks that concern several options, made after all sources have been read: the last stage before a run
 * may rely on its options.
 */
#include "common/options/check.h"

#include <math.h>
#include <string.h>

#include "common/options/command.h"
#include "common/options/value.h"

static const struct cps_option *row(const struct cps_options *self, const char *name)
{
    return cps_option_find(name, strlen(name), 1u << self->command);
}

static bool is_given(const struct cps_options *self, const char *name)
{
    return cps_options_source(self, name) != CPS_SOURCE_DEFAULT;
}

/* Adds a hint naming the source of option name if that is not the command line, since the user may not
 * remember having set it. */
static enum cps_status blame(const struct cps_options *self, const char *name)
{
    enum cps_option_source source = cps_options_source(self, name);
    if (source == CPS_SOURCE_RECIPE)
        return cps_hint(CPS_ERR_USAGE, "'--%s' comes from the recipe", name);
    if (source == CPS_SOURCE_CONFIG)
        return cps_hint(CPS_ERR_USAGE, "'--%s' comes from an option file", name);
    if (source == CPS_SOURCE_ENVIRONMENT)
        return cps_hint(CPS_ERR_USAGE, "'--%s' comes from the environment", name);
    if (source == CPS_SOURCE_RECORD)
        return cps_hint(CPS_ERR_USAGE, "'--%s' comes from the recorded run", name);
    return CPS_ERR_USAGE;
}

/* Of two options that exclude each other, resets the one from the weaker source, so that an exported
 * COLLAB_PS_DATA does not stop '--train'. */
static enum cps_status exclude(struct cps_options *self, const char *a, const char *b)
{
    if (!is_given(self, a) || !is_given(self, b))
        return CPS_OK;
    enum cps_option_source from_a = cps_options_source(self, a), from_b = cps_options_source(self, b);
    if (from_a != from_b)
        return cps_option_reset(self, row(self, from_a < from_b ? a : b));
    cps_fail(CPS_ERR_USAGE, "'--%s' and '--%s' exclude each other", a, b);
    return blame(self, a);
}

static enum cps_status need(const struct cps_options *self, const char *option, const char *needed)
{
    if (!is_given(self, option) || is_given(self, needed))
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "'--%s' needs '--%s' as well", option, needed);
    return blame(self, option);
}

static enum cps_status check_skip_bad(const struct cps_options *self)
{
    uint64_t lines;
    if (!self->skip_bad || strcmp(self->skip_bad, "all") == 0 || cps_text_to_u64(self->skip_bad, &lines))
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "'--skip-bad' is a number of lines or 'all', not '%s'", self->skip_bad);
    return blame(self, "skip-bad");
}

/* Checks options that belong to one layout only. */
static enum cps_status check_layout(const struct cps_options *self)
{
    bool wide = self->layout == CPS_LAYOUT_WIDE;
    const char *odd = wide && self->item_column     ? "item-column"
                      : wide && self->rating_column ? "rating-column"
                      : !wide && self->missing      ? "missing"
                                                    : NULL;
    if (!odd)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "'--%s' %s '--layout wide'", odd, wide ? "does not go with" : "needs");
    return blame(self, odd);
}

static enum cps_status check_data(struct cps_options *self)
{
    CPS_TRY(check_skip_bad(self));
    CPS_TRY(check_layout(self));
    static const char *const drawn[] = {"data", "valid-pct"}, *const explicit[] = {"train", "valid"};
    for (size_t i = 0; i < 4; i++)
        CPS_TRY(exclude(self, drawn[i / 2], explicit[i % 2]));
    CPS_TRY(exclude(self, "fold", "valid-pct"));
    CPS_TRY(exclude(self, "fold", "train"));
    CPS_TRY(exclude(self, "fold", "valid"));
    CPS_TRY(need(self, "train", "valid"));
    return need(self, "valid", "train");
}

/* AdamW multiplies a weight by 1 - lr·wd at every step: it must stay above 0. */
static enum cps_status check_decay(const struct cps_options *self, const char *name, double decay)
{
    if (isnan(self->lr_max) || !isfinite(decay) || self->lr_max * decay < 1)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE,
             "'--lr-max' %g times '--%s' %g is not below 1: one step of weight decay would erase a weight",
             self->lr_max, name, decay);
    return is_given(self, "lr-max") ? blame(self, "lr-max") : blame(self, name);
}

/* A resumed run continues in its own folder. */
static enum cps_status check_resume(struct cps_options *self)
{
    if (!is_given(self, "resume"))
        return CPS_OK;
    CPS_TRY(exclude(self, "out", "resume"));
    return exclude(self, "overwrite", "resume");
}

/* Applies the block solver's defaults to options that were not given: 'auto', resolved when the ratings are
 * known. A recorded run keeps its own defaults, which may be those of an earlier version. */
static void settle_block_defaults(struct cps_options *self)
{
    bool recorded = cps_options_source(self, "solver") == CPS_SOURCE_RECORD;
    if (!is_given(self, "optimizer") || self->optimizer == CPS_OPTIMIZER_AUTO)
        self->optimizer = CPS_OPTIMIZER_SGD;
    if (!is_given(self, "lr-max") && !recorded)
        self->lr_max = (double)NAN;
    if (!is_given(self, "epochs") && !recorded)
        self->epochs = 0;
    if (!is_given(self, "wd") && !recorded)
        self->wd = (double)NAN;
    if (isinf(self->wd_bias))
        self->wd_bias = (double)NAN;
}

/* Given, and not by a recipe, of which a solver takes what it has. */
static bool says_itself(const struct cps_options *self, const char *name)
{
    return is_given(self, name) && cps_options_source(self, name) != CPS_SOURCE_RECIPE;
}

static enum cps_status check_solver(struct cps_options *self)
{
    bool block = self->solver == CPS_SOLVER_BLOCK;
    const char *odd = !block && is_given(self, "blocks")         ? "blocks"
                      : block && says_itself(self, "batch-size") ? "batch-size"
                      : block && is_given(self, "batch-order")   ? "batch-order"
                                                                 : NULL;
    if (odd) {
        cps_fail(CPS_ERR_USAGE, "'--%s' %s '--solver block'", odd, block ? "does not go with" : "needs");
        return blame(self, odd);
    }
    if (!block)
        return CPS_OK;
    settle_block_defaults(self);
    if (self->optimizer != CPS_OPTIMIZER_ADAM)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE,
             "'--solver block' has no adam: adam updates every row in every step, and here every "
             "rating is a step");
    cps_hint(CPS_ERR_USAGE, "'--optimizer sgd' or '--optimizer adagrad'");
    return is_given(self, "optimizer") ? CPS_ERR_USAGE : blame(self, "solver");
}

static enum cps_status check_train(struct cps_options *self)
{
    CPS_TRY(check_resume(self));
    CPS_TRY(check_data(self));
    CPS_TRY(check_solver(self));
    CPS_TRY(need(self, "batch-order", "train"));
    CPS_TRY(check_decay(self, "wd", self->wd));
    CPS_TRY(check_decay(self, "wd-bias", self->wd_bias));
    if (self->staleness > 0 && self->consistency != CPS_CONSISTENCY_SSP) {
        cps_fail(CPS_ERR_USAGE, "'--staleness' needs '--consistency ssp'");
        return blame(self, "staleness");
    }
    return CPS_OK;
}

/* The rates that are tried need not go together with the decay, and a sub-epoch is no step to try one in. */
static enum cps_status check_lr_find(struct cps_options *self)
{
    CPS_TRY(check_data(self));
    CPS_TRY(need(self, "batch-order", "train"));
    if (self->solver != CPS_SOLVER_BLOCK)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "'collab-ps lr-find' tries a rate in every batch, and '--solver block' has none");
    return blame(self, "solver");
}

static enum cps_status check_prepare(struct cps_options *self)
{
    CPS_TRY(check_data(self));
    if (self->out)
        return CPS_OK;
    return cps_fail(CPS_ERR_USAGE, "'collab-ps prepare' needs '--out FILE', the set to write");
}

static enum cps_status check_synth(const struct cps_options *self)
{
    if (!self->out)
        return cps_fail(CPS_ERR_USAGE, "'collab-ps synth' needs '--out DIR', the folder to write");
    uint64_t pairs = (uint64_t)self->users * self->movies;
    if (self->ratings > pairs)
        return cps_fail(CPS_ERR_USAGE,
                        "'--ratings' %llu is more than the %llu pairs of '--users' %u and '--movies' %u",
                        (unsigned long long)self->ratings, (unsigned long long)pairs, (unsigned)self->users,
                        (unsigned)self->movies);
    return CPS_OK;
}

static enum cps_status need_one(const struct cps_options *self, bool given, const char *what)
{
    if (given)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "'collab-ps %s' needs %s", cps_command_names[self->command], what);
    return cps_hint(CPS_ERR_USAGE, "'collab-ps help %s' tells more", cps_command_names[self->command]);
}

/* Checks the options that a command on a model requires. */
static enum cps_status check_use(struct cps_options *self)
{
    if (self->json && self->tsv)
        return cps_fail(CPS_ERR_USAGE, "'--json' and '--tsv' exclude each other");
    switch (self->command) {
    case CPS_COMMAND_PREDICT:
        if (self->pairs && (self->user || self->movie))
            return cps_fail(CPS_ERR_USAGE, "'--pairs' excludes '--user' and '--movie'");
        return need_one(self, self->pairs || (self->user && self->movie),
                        "'--user ID --movie TITLE' or '--pairs FILE'");
    case CPS_COMMAND_RECOMMEND:
        if (self->user && self->all)
            return cps_fail(CPS_ERR_USAGE, "'--user' and '--all' exclude each other");
        return need_one(self, self->user || self->all, "'--user ID' or '--all'");
    case CPS_COMMAND_SIMILAR:
        return need_one(self, self->movie, "'--movie TITLE'");
    case CPS_COMMAND_FOLD_IN:
        return need_one(self, self->ratings_file, "'--ratings FILE'");
    case CPS_COMMAND_EXPORT:
        CPS_TRY(need_one(self, self->out, "'--out DIR'"));
        return need_one(self, self->npy || self->tsv || self->word2vec, "'--npy', '--tsv' or '--word2vec'");
    default:
        return CPS_OK;
    }
}

static enum cps_status check_run(const struct cps_options *self)
{
    if (self->resume)
        return cps_fail(CPS_ERR_USAGE,
                        "'collab-ps replay' repeats a run from its beginning and cannot take '--resume'");
    if (self->run)
        return CPS_OK;
    const char *name = cps_command_names[self->command];
    cps_fail(CPS_ERR_USAGE, "'collab-ps %s' needs the folder of a run", name);
    return cps_hint(CPS_ERR_USAGE, "it goes first: 'collab-ps %s RUN [--option VALUE]'", name);
}

enum cps_status cps_options_check(struct cps_options *self)
{
    if (cps_command_takes_run(self->command))
        CPS_TRY(check_run(self));
    switch (self->command) {
    case CPS_COMMAND_SYNTH:
        return check_synth(self);
    case CPS_COMMAND_TRAIN:
        return check_train(self);
    case CPS_COMMAND_LR_FIND:
        return check_lr_find(self);
    case CPS_COMMAND_PREPARE:
        return check_prepare(self);
    case CPS_COMMAND_DATA:
    case CPS_COMMAND_DOCTOR:
        return check_data(self);
    default: /* a replay's options are checked after the record has been adopted */
        return check_use(self);
    }
}
