/* Converts options to requests and plans; see settings.h. */
#include "deploy/training/settings.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "common/data/skip.h"
#include "common/model/blocks.h"
#include "common/model/exact.h"
#include "common/model/residual.h"

static const char DEFAULT_DATA[] = "data/ml-100k";

/* The values of 'auto', found by experiments with sets of different density:
 * deploy/tools/collab_ps/experiment/experiment.md. */
enum { SPARSE_RATINGS_A_ROW = 15, ADAM_EPOCHS = 8 };
static const double ADAM_LR_MAX = 0.003, ADAM_WD_BIAS = 0.03;

enum cps_status cps_settings_find_data(struct cps_options *options)
{
    struct stat info;
    if (options->data || options->train || stat(DEFAULT_DATA, &info) != 0)
        return CPS_OK;
    options->data = strdup(DEFAULT_DATA);
    return options->data ? CPS_OK : cps_fail_memory("a path", sizeof DEFAULT_DATA);
}

/* The number of lines that --skip-bad allows; its syntax was checked with the options. */
static uint64_t skip_bad(const struct cps_options *options)
{
    uint64_t lines = 0;
    if (options->skip_bad && !cps_text_to_u64(options->skip_bad, &lines))
        return CPS_SKIP_ALL;
    return lines;
}

struct cps_dataset_request cps_settings_dataset(const struct cps_options *options,
                                                const struct cps_initial_file *start)
{
    bool by_number = start && !cps_initial_file_has_names(start);
    return (struct cps_dataset_request){.path = options->data,
                                        .train_path = options->train,
                                        .valid_path = options->valid,
                                        .item_key = options->item_key,
                                        .user_column = options->user_column,
                                        .item_column = options->item_column,
                                        .rating_column = options->rating_column,
                                        .wide = options->layout == CPS_LAYOUT_WIDE,
                                        .missing = options->missing,
                                        .latin1 = options->encoding == CPS_ENCODING_LATIN1,
                                        .skip_bad = skip_bad(options),
                                        .synthetic = !options->data && !options->train,
                                        .fold = options->fold.number,
                                        .folds = options->fold.folds,
                                        .valid_pct = options->valid_pct,
                                        .seed = options->seed,
                                        .user_rows = by_number ? start->user_rows : 0,
                                        .movie_rows = by_number ? start->movie_rows : 0};
}

static void set_range(const struct cps_options *options, const struct cps_dataset *dataset,
                      struct cps_plan *plan)
{
    plan->has_range = options->y_range.kind != CPS_Y_RANGE_NONE;
    plan->range_low = options->y_range.lo;
    plan->range_high = options->y_range.hi;
    if (options->y_range.kind != CPS_Y_RANGE_AUTO)
        return;
    float low = fminf(0.0f, dataset->rating_min), margin = 0.1f * (dataset->rating_max - low);
    plan->range_low = low < 0 ? low - margin : low;
    plan->range_high = dataset->rating_max + margin;
    if (!(plan->range_low < plan->range_high)) { /* all ratings are 0, or equal and negative */
        plan->range_low = low - 1;
        plan->range_high = low + 1;
    }
}

/* Sets the steps between checkpoints, which may exceed those of the run. */
static void set_saves(const struct cps_options *options, struct cps_plan *plan)
{
    uint64_t unit = options->save_every.steps ? 1 : cps_plan_steps_per_epoch(plan);
    plan->save_every = options->save_every.count * unit;
    if (plan->save_every > UINT32_MAX)
        plan->save_every = 0;
}

static enum cps_status set_blocks(const struct cps_options *options, struct cps_plan *plan)
{
    plan->blocks = options->blocks;
    if (!plan->blocks)
        plan->blocks = cps_blocks_usual(plan->user_rows, plan->movie_rows, plan->train_count);
    if (cps_blocks_fit(plan->blocks, plan->user_rows, plan->movie_rows))
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "'--blocks' %u does not suit %u users and %u items: a block has from 1 to %u rows",
             plan->blocks, plan->user_rows, plan->movie_rows, CPS_BLOCK_MOST_ROWS);
    return cps_hint(CPS_ERR_USAGE, "leave it out to derive it from the number of ratings");
}

/* Whether --optimizer auto chose sgd. */
static bool chose_sgd(const struct cps_options *options, const struct cps_plan *plan)
{
    return options->optimizer == CPS_OPTIMIZER_AUTO && plan->optimizer == CPS_OPTIMIZER_SGD;
}

static bool begins_at_mean(const struct cps_options *options, const struct cps_plan *plan)
{
    static const uint64_t sparse = 5; /* training ratings a row */
    if (options->offset == CPS_OFFSET_AUTO)
        return plan->train_count < sparse * cps_plan_keys(plan) || chose_sgd(options, plan);
    return options->offset == CPS_OFFSET_MEAN;
}

uint32_t cps_settings_batch_size(const struct cps_options *options, uint64_t train_count)
{
    const uint64_t most = 1u << 24; /* the plan's limit */
    uint64_t wanted = train_count / 1250, size = 16;
    if (options->batch_size)
        return options->batch_size;
    while (size < most && wanted > size + size / 2)
        size *= 2;
    return (uint32_t)size;
}

/* The decay for 'auto': rows with few ratings need more regularization than rows with many. Square root and
 * quotients are correctly rounded on every machine, and the result is rounded to two digits. */
static double decay(const struct cps_options *options, const struct cps_plan *plan)
{
    static const double middle = 0.3, least = 0.2, most = 1.0, ratings_a_row = 30;
    if (!isnan(options->wd))
        return options->wd;
    double density = (double)plan->train_count / (double)cps_plan_keys(plan);
    double wanted = middle * sqrt(ratings_a_row / density);
    return floor(100 * fmin(fmax(wanted, least), most) + 0.5) / 100;
}

/* x to three digits, by steps that are the same on every machine. */
static double three_digits(double x)
{
    double unit = 1;
    while (x >= 1000 * unit)
        unit *= 10;
    while (x < 100 * unit)
        unit /= 10;
    return floor(x / unit + 0.5) * unit;
}

/* Resolves 'auto' for the block solver: more decay for sparser sets, and with it a longer way, the product of rate
 * and epochs, since decay slows the growth of the factors. Of ratings on another scale, the squared errors and so the
 * gradients grow with the square of the range, against which rate and decay are set. Row-wise AdaGrad divides that out. */
static void settle_blocks(const struct cps_options *options, struct cps_plan *plan)
{
    static const double decay = 0.1, way = 0.23, fastest = 0.06, usual_density = 90, usual_width = 5.5;
    static const double least = 0.7, most = 1.5, scale_limit = 1e4;
    static const double adagrad_rate = 0.1, adagrad_decay = 0.01;
    enum { FEW_EPOCHS = 10, MANY_EPOCHS = 20, MANY_RATINGS = 2000000 };
    bool adagrad = plan->optimizer == CPS_OPTIMIZER_ADAGRAD;
    double density = (double)plan->train_count / (double)cps_plan_keys(plan);
    double sparsity = fmin(fmax(sqrt(sqrt(usual_density / density)), least), most);
    double width = plan->has_range ? (double)plan->range_high - (double)plan->range_low : usual_width;
    double scale = fmin(fmax(width / usual_width * (width / usual_width), 1 / scale_limit), scale_limit);
    if (options->epochs == 0)
        plan->epochs = adagrad || plan->train_count > MANY_RATINGS ? FEW_EPOCHS : MANY_EPOCHS;
    if (isnan(options->lr_max))
        plan->lr_max =
            adagrad ? adagrad_rate : three_digits(fmin(way * sparsity / plan->epochs, fastest) / scale);
    if (isnan(options->wd))
        plan->wd = adagrad ? adagrad_decay : three_digits(decay * sparsity * scale);
    if (isnan(options->wd_bias))
        plan->wd_bias = plan->wd;
}

/* Whether the batch solver with sgd was requested. */
static bool trains_sgd(const struct cps_options *options)
{
    return options->optimizer == CPS_OPTIMIZER_SGD && options->solver == CPS_SOLVER_BATCH;
}

const struct cps_penalty_search *cps_settings_search(const struct cps_options *options,
                                                     const struct cps_plan *plan,
                                                     struct cps_penalty_search *search)
{
    *search = (struct cps_penalty_search){.below_ratings_a_row = SPARSE_RATINGS_A_ROW,
                                          .seed = options->seed,
                                          .batch_size = plan->batch_size,
                                          .has_range = plan->has_range,
                                          .may_widen = options->y_range.kind == CPS_Y_RANGE_AUTO,
                                          .range_low = plan->range_low,
                                          .range_high = plan->range_high};
    if (options->optimizer == CPS_OPTIMIZER_AUTO)
        return search;
    search->below_ratings_a_row = UINT32_MAX;
    return trains_sgd(options) && (isinf(options->wd_bias) || isnan(options->wd)) ? search : NULL;
}

/* Adam moves a row as far for one rating as for a hundred. Gradient descent with decay converges to ridge
 * regression, whose penalty p corresponds to a decay of 2p/n for n ratings, times the square of the slope of
 * predictions over scores; the learning rate scales with that as well. Factors grow if a singular value of the
 * errors of biases exceeds their penalty. */
static void settle_sgd(const struct cps_options *options, const struct cps_baselines *baselines,
                       struct cps_plan *plan)
{
    static const double most_decay = 0.5; /* of a step */
    double count = (double)plan->train_count;
    plan->optimizer = CPS_OPTIMIZER_SGD;
    if (baselines->wants_wider)
        cps_widen_range(&plan->range_low, &plan->range_high);
    double slope = cps_slope_at_mean(plan->has_range, plan->range_low, plan->range_high, baselines->mean);
    double square = slope * slope;
    if (isnan(options->wd))
        plan->wd = 2 * baselines->factor_penalty * slope / count;
    if (isinf(options->wd_bias)) {
        plan->wd_bias = 2 * baselines->user_penalty * square / count;
        plan->wd_movie_bias = 2 * baselines->movie_penalty * square / count;
    } else if (isnan(options->wd_bias))
        plan->wd_bias = plan->wd;
    if (isnan(options->lr_max))
        plan->lr_max = cps_sgd_rate(plan->train_count, slope);
    if (isnan(options->wd))
        plan->wd = fmin(plan->wd, most_decay / plan->lr_max);
    if (options->epochs == 0)
        plan->epochs = CPS_SGD_EPOCHS;
}

/* Biases fitted by penalties that the ratings chose are not trained. */
static bool keeps_biases(const struct cps_options *options, const struct cps_baselines *baselines,
                         const struct cps_plan *plan)
{
    return plan->optimizer == CPS_OPTIMIZER_SGD && plan->solver == CPS_SOLVER_BATCH &&
           plan->model == CPS_MODEL_BIAS && baselines->user_penalty > 0 && isinf(options->wd_bias) &&
           !options->init;
}

enum cps_status cps_settings_complete(const struct cps_options *options, const struct cps_baselines *baselines,
                                      struct cps_plan *plan)
{
    if (trains_sgd(options) || (options->optimizer == CPS_OPTIMIZER_AUTO && baselines->user_penalty > 0))
        settle_sgd(options, baselines, plan);
    if (begins_at_mean(options, plan)) {
        plan->offset = cps_offset_of_mean(plan, baselines->mean);
        plan->keeps_biases = keeps_biases(options, baselines, plan);
    }
    double decay = cps_plan_largest_decay(plan);
    if (plan->lr_max * decay < 1)
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE,
             "a learning rate of %g times a weight decay of %g is not below 1: a step would remove all of a "
             "weight",
             plan->lr_max, decay);
    return cps_hint(CPS_ERR_USAGE,
                    "leave '--lr-max', '--wd' and '--wd-bias' all to the recipe, or none of them");
}

enum cps_status cps_settings_plan(const struct cps_options *options, const struct cps_dataset *dataset,
                                  const struct cps_job *layout, const struct cps_initial_file *start,
                                  struct cps_plan *out)
{
    float largest = fmaxf(fabsf(dataset->rating_min), fabsf(dataset->rating_max));
    enum cps_optimizer_kind optimizer =
        options->optimizer == CPS_OPTIMIZER_AUTO ? CPS_OPTIMIZER_ADAM : options->optimizer;
    *out = (struct cps_plan){.model = options->model,
                             .factors = options->factors,
                             .user_rows = dataset->users.rows,
                             .movie_rows = dataset->movies.rows,
                             .optimizer = optimizer,
                             .schedule = options->schedule,
                             .consistency = options->consistency,
                             .epochs = options->epochs                  ? options->epochs
                                       : optimizer == CPS_OPTIMIZER_SGD ? CPS_SGD_EPOCHS
                                                                        : ADAM_EPOCHS,
                             .solver = options->solver,
                             .batch_size = cps_settings_batch_size(options, dataset->train_count),
                             .train_count = dataset->train_count,
                             .valid_count = dataset->valid_count,
                             .lr_max = isnan(options->lr_max) ? ADAM_LR_MAX : options->lr_max,
                             .seed = options->seed,
                             .gradient_bits = cps_gradient_bits(largest),
                             .servers = layout->servers,
                             .workers = layout->workers};
    out->wd = decay(options, out);
    out->wd_bias = isinf(options->wd_bias)   ? ADAM_WD_BIAS
                   : isnan(options->wd_bias) ? out->wd
                                             : options->wd_bias;
    set_range(options, dataset, out);
    if (options->solver == CPS_SOLVER_BLOCK) {
        settle_blocks(options, out);
        CPS_TRY(set_blocks(options, out));
    }
    set_saves(options, out);
    if (options->early_stop && dataset->valid_count == 0) {
        cps_fail(CPS_ERR_USAGE, "'--early-stop' needs ratings to validate on, and there are none");
        return cps_hint(CPS_ERR_USAGE, "hold some out with '--valid-pct 0.2' or '--valid FILE'");
    }
    return start ? cps_initial_file_check(start, out) : CPS_OK;
}
