/*
 * The enums behind options with a fixed set of values, each defined once together with the words that
 * options, records and errors use for its values.
 *
 * To add a value, append one entry: an entry's position is the number that records and messages carry.
 */
#ifndef CPS_BASE_CHOICES_H
#define CPS_BASE_CHOICES_H

/* X(name, word) */
#define CPS_MODEL_MAP(X)                                                                                       \
    X(MODEL_DOT, "dot")                                                                                        \
    X(MODEL_BIAS, "bias")

#define CPS_OPTIMIZER_MAP(X)                                                                                   \
    X(OPTIMIZER_ADAM, "adam")                                                                                  \
    X(OPTIMIZER_SGD, "sgd")                                                                                    \
    X(OPTIMIZER_ADAGRAD, "adagrad")

/* RANGE_TEST: what lr-find trains under. */
#define CPS_SCHEDULE_MAP(X)                                                                                    \
    X(SCHEDULE_ONE_CYCLE, "one-cycle")                                                                         \
    X(SCHEDULE_CONSTANT, "constant")                                                                           \
    X(SCHEDULE_COSINE, "cosine")                                                                               \
    X(SCHEDULE_RANGE_TEST, "range-test")

#define CPS_SOLVER_MAP(X)                                                                                      \
    X(SOLVER_BATCH, "batch")                                                                                   \
    X(SOLVER_BLOCK, "block")

#define CPS_CONSISTENCY_MAP(X)                                                                                 \
    X(CONSISTENCY_BSP, "bsp")                                                                                  \
    X(CONSISTENCY_SSP, "ssp")                                                                                  \
    X(CONSISTENCY_ASP, "asp")

/* AUTO: the title where the layout has titles, else the id. */
#define CPS_ITEM_KEY_MAP(X)                                                                                    \
    X(ITEM_KEY_AUTO, "auto")                                                                                   \
    X(ITEM_KEY_TITLE, "title")                                                                                 \
    X(ITEM_KEY_ID, "id")

/* LONG: a line per rating; WIDE: a line per user and a column per item. */
#define CPS_LAYOUT_MAP(X)                                                                                      \
    X(LAYOUT_LONG, "long")                                                                                     \
    X(LAYOUT_WIDE, "wide")

#define CPS_ENCODING_MAP(X)                                                                                    \
    X(ENCODING_UTF8, "utf-8")                                                                                  \
    X(ENCODING_LATIN1, "latin1")

/* AUTO: the widest that the processor supports. */
#define CPS_ISA_MAP(X)                                                                                         \
    X(ISA_AUTO, "auto")                                                                                        \
    X(ISA_SCALAR, "scalar")                                                                                    \
    X(ISA_AVX2, "avx2")                                                                                        \
    X(ISA_AVX512, "avx512")

/* AUTO: a bar on a terminal; elsewhere a line every 10 s of a long run. PLAIN: a line every 3 s, anywhere. */
#define CPS_PROGRESS_MAP(X)                                                                                    \
    X(PROGRESS_AUTO, "auto")                                                                                   \
    X(PROGRESS_PLAIN, "plain")                                                                                 \
    X(PROGRESS_NONE, "none")

/* The metrics that the epoch table shows beside the losses. */
#define CPS_METRICS_MAP(X)                                                                                     \
    X(METRICS_NONE, "none")                                                                                    \
    X(METRICS_RMSE, "rmse")                                                                                    \
    X(METRICS_MAE, "mae")                                                                                      \
    X(METRICS_RMSE_MAE, "rmse,mae")

/* MEAN: predictions are offset by the mean of the training ratings. AUTO: MEAN for a sparse set, else NONE. */
#define CPS_OFFSET_MAP(X)                                                                                      \
    X(OFFSET_NONE, "none")                                                                                     \
    X(OFFSET_MEAN, "mean")                                                                                     \
    X(OFFSET_AUTO, "auto")

#define CPS_CHOICE_VALUE(name, word) CPS_##name,
#define CPS_CHOICE_WORD(name, word) word,

enum cps_model_kind { CPS_MODEL_MAP(CPS_CHOICE_VALUE) };
enum cps_optimizer_kind { CPS_OPTIMIZER_MAP(CPS_CHOICE_VALUE) };
enum cps_schedule_kind { CPS_SCHEDULE_MAP(CPS_CHOICE_VALUE) };
enum cps_solver_kind { CPS_SOLVER_MAP(CPS_CHOICE_VALUE) };
enum cps_consistency { CPS_CONSISTENCY_MAP(CPS_CHOICE_VALUE) };
enum cps_offset_kind { CPS_OFFSET_MAP(CPS_CHOICE_VALUE) };
enum cps_item_key { CPS_ITEM_KEY_MAP(CPS_CHOICE_VALUE) };
enum cps_layout { CPS_LAYOUT_MAP(CPS_CHOICE_VALUE) };
enum cps_encoding { CPS_ENCODING_MAP(CPS_CHOICE_VALUE) };
enum cps_isa { CPS_ISA_MAP(CPS_CHOICE_VALUE) };
enum cps_progress { CPS_PROGRESS_MAP(CPS_CHOICE_VALUE) };
enum cps_metrics_shown { CPS_METRICS_MAP(CPS_CHOICE_VALUE) };

/* The number of values of each enum, for checking numbers from messages and files. */
#define CPS_CHOICE_ONE(name, word) +1
enum {
    CPS_MODELS = CPS_MODEL_MAP(CPS_CHOICE_ONE),
    CPS_OPTIMIZERS = CPS_OPTIMIZER_MAP(CPS_CHOICE_ONE),
    CPS_SCHEDULES = CPS_SCHEDULE_MAP(CPS_CHOICE_ONE),
    CPS_SOLVERS = CPS_SOLVER_MAP(CPS_CHOICE_ONE),
    CPS_CONSISTENCIES = CPS_CONSISTENCY_MAP(CPS_CHOICE_ONE),
};

/* Of an option, never of a plan: by the density of the ratings. */
#define CPS_OPTIMIZER_AUTO ((enum cps_optimizer_kind)CPS_OPTIMIZERS)

#endif
