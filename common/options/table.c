/*
 * The option table itself. To add an option, add a field to struct cps_options and a row
 * here; parser, help, manual, completion, record and broadcast follow. Combinations of
 * options are checked in check.c.
 */
#include "common/options/table.h"

#include "common/options/recipes.h"
#include "proto/bounds.h"

#include <string.h>

static const char *const item_keys[] = {CPS_ITEM_KEY_MAP(CPS_CHOICE_WORD) NULL};
static const char *const layouts[] = {CPS_LAYOUT_MAP(CPS_CHOICE_WORD) NULL};
static const char *const encodings[] = {CPS_ENCODING_MAP(CPS_CHOICE_WORD) NULL};
static const char *const models[] = {CPS_MODEL_MAP(CPS_CHOICE_WORD) NULL};
static const char *const offsets[] = {CPS_OFFSET_MAP(CPS_CHOICE_WORD) NULL};
static const char *const optimizers[] = {CPS_OPTIMIZER_MAP(CPS_CHOICE_WORD) "auto", NULL};
static const char *const schedules[] = {CPS_SCHEDULE_MAP(CPS_CHOICE_WORD) NULL};
static const char *const solvers[] = {CPS_SOLVER_MAP(CPS_CHOICE_WORD) NULL};
static const char *const consistencies[] = {CPS_CONSISTENCY_MAP(CPS_CHOICE_WORD) NULL};
static const char *const transports[] = {"auto", "mpi", "ipc", "tcp", NULL};
static const char *const switches[] = {"auto", "on", "off", NULL};
static const char *const isas[] = {CPS_ISA_MAP(CPS_CHOICE_WORD) NULL};
static const char *const progresses[] = {CPS_PROGRESS_MAP(CPS_CHOICE_WORD) NULL};
static const char *const metrics[] = {CPS_METRICS_MAP(CPS_CHOICE_WORD) NULL};
static const char *const parts[] = {"valid", "train", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

#define FIELD(field) .offset = offsetof(struct cps_options, field)
#define RECORDED (CPS_FOR(TRAIN) | CPS_FOR(REPLAY) | CPS_FOR(DOCTOR))
#define RECORDS .commands = RECORDED, .group = CPS_GROUP_RUN
#define TRAINS (RECORDED | CPS_FOR(LR_FIND))
#define TRAIN(in) .commands = TRAINS, .group = CPS_GROUP_##in
#define DECIDES(what) .decides = CPS_DECIDES_##what
#define READ .commands = TRAINS | CPS_FOR(DATA), .group = CPS_GROUP_DATA
#define SOURCE                                                                                                 \
    .commands = CPS_FOR(TRAIN) | CPS_FOR(REPLAY) | CPS_FOR(LR_FIND) | CPS_FOR(DATA) | CPS_FOR(PREPARE) |       \
                CPS_FOR(DOCTOR),                                                                               \
    .group = CPS_GROUP_DATA
#define FORM                                                                                                   \
    .commands = CPS_FOR(TRAIN) | CPS_FOR(REPLAY) | CPS_FOR(LR_FIND) | CPS_FOR(DATA) | CPS_FOR(PREPARE) |       \
                CPS_FOR(EVALUATE),                                                                             \
    .group = CPS_GROUP_DATA
#define LISTS (CPS_FOR(RECOMMEND) | CPS_FOR(FOLD_IN) | CPS_FOR(SIMILAR) | CPS_FOR(BIASES))
#define PRINTS (LISTS | CPS_FOR(PREDICT) | CPS_FOR(EVALUATE) | CPS_FOR(MAP))
#define USES (PRINTS | CPS_FOR(EXPORT))
#define USE(bits) .commands = (bits), .group = CPS_GROUP_USE
#define SYNTH .commands = CPS_FOR(SYNTH), .group = CPS_GROUP_SYNTH
#define MANY 4294967295.0
#define LATER(name) (1u << CPS_##name)

const struct cps_option cps_option_table[] = {
    {"data", .argument = "PATH", .type = CPS_OPTION_STRING, SOURCE, DECIDES(DATA), FIELD(data),
     .help = "A folder in a MovieLens layout (100k, 1M, 10M, 20M, 25M, 32M, latest) or one ratings file "
             "(csv, tsv, '::', with or without a header), or a set that 'collab-ps prepare' wrote. When not "
             "given: data/ml-100k, else a built-in "
             "synthetic set of its shape"},
    {"item-key", .argument = "KEY", .type = CPS_OPTION_CHOICE, SOURCE, DECIDES(DATA), FIELD(item_key),
     .fallback = "auto", .choices = item_keys,
     .help = "Key that identifies an item; auto is the title if the layout has titles, else the id"},
    {"valid-pct", .argument = "SHARE", .type = CPS_OPTION_REAL, READ, DECIDES(DATA), FIELD(valid_pct),
     .fallback = "0.2", .high = 1, .below_high = true,
     .help = "Share of the ratings drawn for validation, from 0 to below 1"},
    {"fold", .argument = "I/K", .type = CPS_OPTION_FOLD, TRAIN(DATA), DECIDES(DATA), FIELD(fold),
     .fallback = "none",
     .help =
         "Validate on part I of K equal parts and train on the others, for cross-validation: for a given seed "
         "the K parts are disjoint and cover all ratings"},
    {"train", .argument = "FILE", .type = CPS_OPTION_STRING, SOURCE, DECIDES(DATA), FIELD(train),
     .help = "Ratings to train on, instead of --data and a random split; needs --valid"},
    {"valid", .argument = "FILE", .type = CPS_OPTION_STRING, SOURCE, DECIDES(DATA), FIELD(valid),
     .help = "Ratings to validate on; needs --train"},
    {"user-column", .argument = "COLUMN", .type = CPS_OPTION_STRING, FORM, DECIDES(DATA), FIELD(user_column),
     .help = "Header name or 1-based position of the column of user ids; detected when not given"},
    {"item-column", .argument = "COLUMN", .type = CPS_OPTION_STRING, FORM, DECIDES(DATA), FIELD(item_column),
     .help = "Header name or position of the column of item ids; detected when not given"},
    {"rating-column", .argument = "COLUMN", .type = CPS_OPTION_STRING, FORM, DECIDES(DATA),
     FIELD(rating_column), .help = "Header name or position of the column of ratings; detected when not given"},
    {"layout", .argument = "LAYOUT", .type = CPS_OPTION_CHOICE, FORM, DECIDES(DATA), FIELD(layout),
     .fallback = "long", .choices = layouts,
     .help = "long has one line per rating; wide is a matrix with a line per user and a column per item"},
    {"missing", .argument = "VALUE", .type = CPS_OPTION_STRING, FORM, DECIDES(DATA), FIELD(missing),
     .help = "Value of a cell without a rating in a wide file, besides an empty cell: 99, NA, …"},
    {"encoding", .argument = "NAME", .type = CPS_OPTION_CHOICE, FORM, DECIDES(DATA), FIELD(encoding),
     .fallback = "utf-8", .choices = encodings,
     .help = "Character encoding of the ids; latin1 accepts Western European text that is not UTF-8"},
    {"skip-bad", .argument = "N|all", .type = CPS_OPTION_STRING, FORM, DECIDES(DATA), FIELD(skip_bad),
     .help = "Skip up to N malformed lines of ratings and report the first ten; without it the first such line "
             "ends the run"},

    {"model", .argument = "MODEL", .type = CPS_OPTION_CHOICE, TRAIN(MODEL), DECIDES(CURVE), FIELD(model),
     .fallback = "bias", .choices = models,
     .help = "dot is the dot product of a user's and an item's factors; bias adds a bias for each"},
    {"y-range", .argument = "LO,HI", .type = CPS_OPTION_RANGE, TRAIN(MODEL), DECIDES(CURVE), FIELD(y_range),
     .fallback = "auto",
     .help =
         "Squeeze predictions into this range with a sigmoid, or 'none'; 'auto' is from 0 to a tenth above "
         "the largest rating: 0,5.5 for one to five stars; with negative ratings a tenth wider at both ends. "
         "Where sgd's decay is 'auto', the range is three times as wide if that suits the training ratings"},
    {"offset", .argument = "KIND", .type = CPS_OPTION_CHOICE, TRAIN(MODEL), DECIDES(CURVE), FIELD(offset),
     .fallback = "none", .choices = offsets,
     .help = "'mean' adds to every score what makes a score of 0 the mean of the training ratings, so that "
             "users and items with few ratings are predicted near it and not in the middle of the range; "
             "'auto' does so for sets with fewer than 5 training ratings a user and item, and where "
             "--optimizer auto takes sgd"},
    {"factors", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(MODEL), DECIDES(CURVE), FIELD(factors),
     .fallback = "50", .low = 1, .high = CPS_MOST_FACTORS, .help = "Length of a factor vector"},
    {"init", .argument = "RUN|FILE", .type = CPS_OPTION_STRING, TRAIN(MODEL), DECIDES(DATA), FIELD(init),
     .help = "Start from the model of a run, or a safetensors file, instead of random values; rows are matched "
             "by id "
             "if users.tsv and movies.tsv lie beside it, and new ids get random rows"},

    {"solver", .argument = "NAME", .type = CPS_OPTION_CHOICE, TRAIN(TRAINING), DECIDES(CURVE), FIELD(solver),
     .fallback = "batch", .choices = solvers,
     .help = "batch sums gradients over batches, as fastai does; block takes one SGD step per rating, "
             "block by block, and is many times faster on a large set. Its defaults differ: "
             "--optimizer sgd, and 'auto' for --epochs, --lr-max and --wd"},
    {"blocks", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(TRAINING), DECIDES(CURVE), FIELD(blocks),
     .fallback = "auto", .word = "auto", .low = 0, .high = CPS_MOST_BLOCKS,
     .help =
         "Number of blocks that --solver block divides users and items into; 'auto' is chosen from the number "
         "of ratings"},
    {"recipe", .argument = "NAME", .type = CPS_OPTION_CHOICE, TRAIN(TRAINING), FIELD(recipe),
     .fallback = "none", .choices = cps_recipe_names,
     .help =
         "Named built-in settings, which every other source overrides: 'best' does well on sets of any size, "
         "'notebook' is fastai's fourth model and equals the defaults"},
    {"epochs", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(TRAINING), DECIDES(CURVE), FIELD(epochs),
     .fallback = "5", .word = "auto", .low = 1, .high = CPS_MOST_EPOCHS,
     .help = "Passes over the training ratings; 'auto' is 8 with adam and 16 with sgd, and with --solver block "
             "20, or 10 from two million training ratings on. Losses are mean squared errors (MSE)"},
    {"early-stop", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(TRAINING), DECIDES(CURVE),
     FIELD(early_stop), .fallback = "off", .word = "off", .low = 1, .high = CPS_MOST_EPOCHS,
     .help =
         "Stop after N consecutive epochs without a new lowest valid_loss; the schedule remains that of all "
         "--epochs, and model-best.safetensors holds the best epoch's model"},
    {"lr-max", .argument = "RATE", .type = CPS_OPTION_REAL, TRAIN(TRAINING), DECIDES(CURVE), FIELD(lr_max),
     .fallback = "5e-3", .word = "auto", .above_low = true, .high = CPS_MOST_LR,
     .help = "Highest learning rate of the schedule; 'auto' is 0.003 with adam, and with sgd follows from the "
             "range of the ratings; with --solver block also from the epochs and the density of the set"},
    {"wd", .argument = "DECAY", .type = CPS_OPTION_REAL, TRAIN(TRAINING), DECIDES(CURVE), FIELD(wd),
     .fallback = "0.1", .word = "auto", .high = CPS_MOST_WD,
     .help = "Decoupled weight decay; every step takes lr*wd off every weight. 'auto' is 0.3 for 30 training "
             "ratings a user and item, and falls with the root of them, within 0.2 and 1; with sgd it follows "
             "from the number of ratings, their noise, and whether factors predict training ratings that they "
             "were not fitted to, and with --solver block from their range and density"},
    {"wd-bias", .argument = "DECAY", .type = CPS_OPTION_REAL, TRAIN(TRAINING), DECIDES(CURVE), FIELD(wd_bias),
     .fallback = "same", .word = "same", .other = "auto", .high = CPS_MOST_WD,
     .help =
         "Weight decay of the biases; 'same' is that of --wd; 'auto' is 0.03 with adam, and with sgd the "
         "best of several for users and for items, found by cross-validation on the training ratings: biases "
         "are then fitted to them before training and stay as they are, except with --init or --offset none"},
    {"batch-size", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(TRAINING), DECIDES(CURVE),
     FIELD(batch_size), .fallback = "64", .word = "auto", .low = 1, .high = CPS_MOST_BATCH,
     .help =
         "Ratings per step, summed over all workers; 'auto' is the power of two nearest to a 1,250th of the "
         "training ratings, but at least 16"},
    {"optimizer", .argument = "NAME", .type = CPS_OPTION_CHOICE, TRAIN(TRAINING), DECIDES(CURVE),
     FIELD(optimizer), .fallback = "adam", .choices = optimizers,
     .help = "'auto' is adam, or sgd for fewer than 15 training ratings a user and item. adam is AdamW: every "
             "weight moves at every step, rated or not. sgd is plain, without momentum. "
             "adagrad "
             "divides the rate by the root of a sum per row: of the mean squared gradients of its factors, and "
             "of its bias"},
    {"schedule", .argument = "NAME", .type = CPS_OPTION_CHOICE, TRAIN(TRAINING), DECIDES(CURVE),
     FIELD(schedule), .fallback = "one-cycle", .choices = schedules, .later = LATER(SCHEDULE_RANGE_TEST),
     .help = "Schedule of the learning rate; one-cycle also varies adam's momentum"},
    {"seed", .argument = "N", .type = CPS_OPTION_BIG, .group = CPS_GROUP_TRAINING,
     .commands = TRAINS | CPS_FOR(DATA), DECIDES(DATA), FIELD(seed), .fallback = "42",
     .help = "Seed of the split, the initial values and the order of the ratings"},
    {"batch-order", .argument = "FILE", .type = CPS_OPTION_STRING, TRAIN(TRAINING), DECIDES(CURVE),
     FIELD(batch_order),
     .help = "Train in a given order: an npy file, int32 [steps, batch], of 0-based row numbers in "
             "the --train file"},

    {"servers", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(RANKS), FIELD(servers), .fallback = "auto",
     .word = "auto", .high = CPS_MOST_NODES,
     .help = "Ranks that hold the tables; 'auto' assigns about 3 servers per 4 workers"},
    {"workers", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(RANKS), FIELD(workers), .fallback = "auto",
     .word = "auto", .high = CPS_MOST_NODES, .help = "Ranks that hold the ratings and compute gradients"},
    {"threads", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(RANKS), FIELD(threads), .fallback = "auto",
     .word = "auto", .low = 0, .high = 1024,
     .help = "Threads that each rank trains with; 'auto' shares the cores of a host among its ranks, in the "
             "block solver among those with workers. The batch solver has use for them from batches of about a "
             "thousand on"},
    {"memory", .argument = "MB", .type = CPS_OPTION_COUNT, .commands = TRAINS | CPS_FOR(PREPARE),
     .group = CPS_GROUP_RANKS, FIELD(memory), .fallback = "auto", .word = "auto", .low = 1, .high = 1e8,
     .help = "Memory for the ratings on each rank, for prepared sets with --solver block and for 'collab-ps "
             "prepare'; "
             "those that exceed it lie in a temporary file in $TMPDIR or /var/tmp. 'auto' follows from the "
             "memory available to the process"},
    {"consistency", .argument = "MODE", .type = CPS_OPTION_CHOICE, TRAIN(RANKS), DECIDES(CURVE),
     FIELD(consistency), .fallback = "bsp", .choices = consistencies,
     .later = LATER(CONSISTENCY_SSP) | LATER(CONSISTENCY_ASP), .hidden = true,
     .help =
         "bsp: every step sees the updates of all earlier steps, and the curve does not depend on the ranks"},
    {"staleness", .argument = "STEPS", .type = CPS_OPTION_COUNT, TRAIN(RANKS), DECIDES(CURVE), FIELD(staleness),
     .fallback = "0", .high = 65535, .hidden = true,
     .help = "Steps that a worker may run ahead of the slowest, with --consistency ssp"},
    {"transport", .argument = "NAME", .type = CPS_OPTION_CHOICE, TRAIN(RANKS), FIELD(transport),
     .fallback = "auto", .choices = transports,
     .help = "Transport of rows and gradients; auto is mpi within a host, tcp between hosts"},
    {"interface", .argument = "NAME", .type = CPS_OPTION_STRING, TRAIN(RANKS), FIELD(interface),
     .help = "Network to listen on: the name of an interface or a CIDR such as 10.0.0.0/8; found when not "
             "given"},
    {"encrypt", .argument = "WHEN", .type = CPS_OPTION_CHOICE, TRAIN(RANKS), FIELD(encrypt), .fallback = "auto",
     .choices = switches,
     .help = "Encrypt tcp traffic; auto does so between hosts, off lets others on the network read it"},
    {"port", .argument = "N", .type = CPS_OPTION_COUNT, TRAIN(RANKS), FIELD(port), .fallback = "any",
     .word = "any", .high = 65535, .help = "Rank i listens on port N + i (tcp); 'any' picks free ports"},
    {"isa", .argument = "NAME", .type = CPS_OPTION_CHOICE, TRAIN(RANKS), FIELD(isa), .fallback = "auto",
     .choices = isas,
     .help = "Instruction set of the kernels; all give the same bits, auto is the fastest available"},
    {"peer-timeout", .argument = "SECONDS", .type = CPS_OPTION_REAL, TRAIN(RANKS), FIELD(peer_timeout),
     .fallback = "60", .above_low = true, .high = 1e6,
     .help = "Fail the run when a rank is silent for this long during training"},
    {"load-timeout", .argument = "SECONDS", .type = CPS_OPTION_REAL, TRAIN(RANKS), FIELD(load_timeout),
     .fallback = "3600", .above_low = true, .high = 1e6,
     .help = "Fail the run when a rank is silent for this long while the ratings are read"},

    {"out", .argument = "DIR", .type = CPS_OPTION_STRING, RECORDS, FIELD(out),
     .help = "Folder of the run's records and model; when not given, runs/<time>-<id>"},
    {"overwrite", .type = CPS_OPTION_FLAG, RECORDS, FIELD(overwrite), .fallback = "off",
     .help = "Replace the run in the folder of --out"},
    {"resume", .argument = "RUN_DIR", .type = CPS_OPTION_STRING, .group = CPS_GROUP_RUN,
     .commands = CPS_FOR(TRAIN) | CPS_FOR(REPLAY), FIELD(resume),
     .help = "Resume an interrupted run from its newest checkpoint, with the options of its run.json, on any "
             "number "
             "of ranks"},
    {"save-every", .argument = "N", .type = CPS_OPTION_PERIOD, RECORDS, .kept = true, FIELD(save_every),
     .fallback = "off",
     .help =
         "Save a checkpoint every N epochs, or every N steps as 'Nsteps'; SIGUSR1 saves one now, SIGTERM and "
         "SIGINT save one and end"},
    {"keep", .argument = "N", .type = CPS_OPTION_COUNT, RECORDS, .kept = true, FIELD(keep), .fallback = "2",
     .low = 1, .high = 1000000, .help = "Number of checkpoints to keep, besides that of the best epoch"},
    {"log-steps", .type = CPS_OPTION_FLAG, RECORDS, .kept = true, FIELD(log_steps), .fallback = "off",
     .help = "Record every step in steps.csv, metrics.jsonl and tb/, not only every epoch"},
    {"metrics", .argument = "LIST", .type = CPS_OPTION_CHOICE, RECORDS, FIELD(metrics), .fallback = "none",
     .choices = metrics,
     .help = "Validation metrics to show beside the losses: rmse, the root of valid_loss, and mae, the mean "
             "absolute "
             "error; history.csv always has both"},
    {"progress", .argument = "HOW", .type = CPS_OPTION_CHOICE, TRAIN(RUN), FIELD(progress), .fallback = "auto",
     .choices = progresses, .help = "auto draws a bar on a terminal and writes plain lines elsewhere"},
    {"log-level", .argument = "LEVEL", .type = CPS_OPTION_CHOICE, .group = CPS_GROUP_RUN,
     .commands = TRAINS | CPS_FOR(DATA) | CPS_FOR(PREPARE) | USES, FIELD(log_level), .fallback = "info",
     .choices = log_levels, .help = "Verbosity of the log on standard error"},
    {"config", .argument = "FILE", .type = CPS_OPTION_STRING, TRAIN(RUN), FIELD(config),
     .help = "Read options from FILE, lines of 'name = value'; may be repeated, later files win"},

    {"user", .argument = "ID", .type = CPS_OPTION_STRING, USE(CPS_FOR(PREDICT) | CPS_FOR(RECOMMEND)),
     FIELD(user), .help = "A user, by the id used in the ratings"},
    {"movie", .alias = "item", .argument = "TITLE", .type = CPS_OPTION_STRING,
     USE(CPS_FOR(PREDICT) | CPS_FOR(SIMILAR)), FIELD(movie),
     .help = "A movie, by id or title; case is ignored, and the start of a title, or the starts of its words, "
             "suffice "
             "if only one movie matches"},
    {"pairs", .argument = "FILE", .type = CPS_OPTION_STRING, USE(CPS_FOR(PREDICT)), FIELD(pairs),
     .help = "Predict all pairs in FILE, one user id and movie id or title per line, separated by a tab, '::', "
             "';' or ','; '-' is standard input"},
    {"ratings", .argument = "FILE", .type = CPS_OPTION_STRING, USE(CPS_FOR(EVALUATE) | CPS_FOR(FOLD_IN)),
     FIELD(ratings_file),
     .help =
         "For evaluate a ratings file or folder as accepted by --data; for fold-in the ratings of one person, "
         "one movie and rating per line"},
    {"part", .argument = "PART", .type = CPS_OPTION_CHOICE, USE(CPS_FOR(EVALUATE)), FIELD(part),
     .fallback = "valid", .choices = parts, .help = "Which part of the run's own ratings to evaluate on"},
    {"count", .letter = 'k', .argument = "N", .type = CPS_OPTION_COUNT, USE(LISTS | CPS_FOR(MAP)), FIELD(count),
     .fallback = "10", .low = 1, .high = 1000000,
     .help = "Number of entries to list; for map the number of most rated movies to label, 50 when not given"},
    {"all", .type = CPS_OPTION_FLAG, USE(CPS_FOR(RECOMMEND)), FIELD(all), .fallback = "off",
     .help = "Make a list for every user, as TSV or JSON, using all cores"},
    {"with-rated", .type = CPS_OPTION_FLAG, USE(CPS_FOR(RECOMMEND) | CPS_FOR(FOLD_IN)), FIELD(with_rated),
     .fallback = "off", .help = "Include movies that the user has rated"},
    {"best", .type = CPS_OPTION_FLAG, USE(USES), FIELD(best), .fallback = "off",
     .help = "Use the model of the best epoch if that is not the last"},
    {"data", .argument = "PATH", .type = CPS_OPTION_STRING,
     USE(CPS_FOR(EVALUATE) | CPS_FOR(RECOMMEND) | CPS_FOR(MAP)), FIELD(data),
     .help = "Present location of the run's ratings; when not given, the one in run.json"},
    {"json", .type = CPS_OPTION_FLAG, USE(PRINTS | CPS_FOR(DATA)), FIELD(json), .fallback = "off",
     .help = "Print JSON instead of a table"},
    {"tsv", .type = CPS_OPTION_FLAG, USE(PRINTS | CPS_FOR(EXPORT)), FIELD(tsv), .fallback = "off",
     .help = "Print tab-separated values with a header line; for export, write such files"},
    {"npy", .type = CPS_OPTION_FLAG, USE(CPS_FOR(EXPORT)), FIELD(npy), .fallback = "off",
     .help = "Write NumPy arrays: user_factors.npy, movie_factors.npy, user_bias.npy, movie_bias.npy"},
    {"word2vec", .type = CPS_OPTION_FLAG, USE(CPS_FOR(EXPORT)), FIELD(word2vec), .fallback = "off",
     .help = "Write the text format of word2vec, for embedding viewers"},
    {"out", .argument = "PATH", .type = CPS_OPTION_STRING, USE(CPS_FOR(EXPORT) | CPS_FOR(MAP)), FIELD(out),
     .help = "For export the folder to write to (required); for map the picture, .svg, .png or .pdf"},

    {"users", .argument = "N", .type = CPS_OPTION_COUNT, SYNTH, FIELD(users), .fallback = "943", .low = 1,
     .high = MANY - 1, .help = "Number of users"},
    {"movies", .alias = "items", .argument = "N", .type = CPS_OPTION_COUNT, SYNTH, FIELD(movies),
     .fallback = "1682", .low = 1, .high = MANY - 1, .help = "Number of movies"},
    {"ratings", .argument = "N", .type = CPS_OPTION_BIG, SYNTH, FIELD(ratings), .fallback = "100000", .low = 1,
     .help = "Number of ratings; at most users times movies"},
    {"seed", .argument = "N", .type = CPS_OPTION_BIG, SYNTH, FIELD(seed), .fallback = "42",
     .help = "Seed of the synthetic set"},
    {"out", .argument = "FILE", .type = CPS_OPTION_STRING, .commands = CPS_FOR(PREPARE),
     .group = CPS_GROUP_DATA, FIELD(out), .help = "File to write the prepared set to (required)"},
    {"out", .argument = "NAME", .type = CPS_OPTION_STRING, .commands = CPS_FOR(LR_FIND), .group = CPS_GROUP_RUN,
     FIELD(out), .help = "Write NAME.csv and NAME.svg; lr-find when not given"},
    {"out", .argument = "DIR", .type = CPS_OPTION_STRING, SYNTH, FIELD(out),
     .help = "Folder to write ratings.csv and movies.csv to (required)"},

    {"help", .letter = 'h', .type = CPS_OPTION_ACTION, .group = CPS_GROUP_GENERAL, .commands = CPS_FOR_ALL,
     .help = "Show this text; after a command, the help of that command"},
    {"version", .letter = 'V', .type = CPS_OPTION_ACTION, .group = CPS_GROUP_GENERAL, .commands = CPS_FOR_ALL,
     .help = "Show the version"},
};

const size_t cps_option_count = sizeof cps_option_table / sizeof *cps_option_table;

_Static_assert(sizeof cps_option_table / sizeof *cps_option_table <= CPS_OPTIONS_MAX, "raise CPS_OPTIONS_MAX");

const char *cps_option_group_title(enum cps_option_group group)
{
    static const char *const titles[] = {
#define X(name, title) [CPS_GROUP_##name] = title,
        CPS_OPTION_GROUP_MAP(X)
#undef X
    };
    return titles[group];
}

const char *cps_option_group_owner(enum cps_option_group group)
{
    static const char *const owners[CPS_GROUP_COUNT] = {
        [CPS_GROUP_USE] = " (predict, evaluate, recommend, fold-in, similar, biases, map, export)",
        [CPS_GROUP_SYNTH] = " (synth)"};
    return owners[group] ? owners[group] : "";
}

static bool is_called(const char *candidate, const char *name, size_t length)
{
    return candidate && strlen(candidate) == length && memcmp(candidate, name, length) == 0;
}

const struct cps_option *cps_option_find(const char *name, size_t length, unsigned commands)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (!(option->commands & commands))
            continue;
        if (is_called(option->name, name, length) || is_called(option->alias, name, length))
            return option;
    }
    return NULL;
}

/* The edit distance from name to candidate; 1 if one is a prefix of the other ("batch", "batch-size")
 * of at least two characters. */
static size_t name_distance(const char *name, const char *candidate)
{
    size_t a = strlen(name), b = strlen(candidate), shorter = a < b ? a : b;
    size_t distance = cps_text_distance(name, candidate);
    if (shorter >= 2 && distance > 1 && strncmp(name, candidate, shorter) == 0)
        return 1;
    return distance;
}

/* Stores candidate in *best if it is closer to name than the best so far. */
static void keep_closer(const char *name, const char *candidate, const char **best, size_t *least)
{
    size_t distance = name_distance(name, candidate);
    if (distance < *least) {
        *least = distance;
        *best = candidate;
    }
}

/* One more than the number of edits that count as a typing error of name. */
static size_t too_far(const char *name)
{
    return 2 + strlen(name) / 4;
}

const char *cps_option_nearest(const char *name, unsigned commands)
{
    const char *best = NULL;
    size_t least = too_far(name);
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (!(option->commands & commands))
            continue;
        keep_closer(name, option->name, &best, &least);
        if (option->alias)
            keep_closer(name, option->alias, &best, &least);
    }
    return best;
}

const char *cps_nearest_name(const char *name, const char *const *names)
{
    const char *best = NULL;
    size_t least = too_far(name);
    for (; *names; names++)
        keep_closer(name, *names, &best, &least);
    return best;
}
