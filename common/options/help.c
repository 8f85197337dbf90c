/*
 * The text of --help, from the option table: grouped, in two columns, wrapped. man.c
 * and completion.c say the same to other readers.
 */
#include <stdio.h>
#include <string.h>

#include "common/options/pages.h"
#include "common/options/value.h"

enum { WIDTH = 92, COLUMN = 28 };

const char cps_page_summary[] = "train collaborative filtering over parameter servers";
const char cps_page_promise[] =
    "Trains a matrix factorisation of user and item ratings. The loss curve is a function of the data, the "
    "seed and the hyper-parameters: the number of ranks, the transport and the processor change no bit of it. "
    "Alone it runs in one process; under mpirun one rank coordinates and the others are servers and workers.";
const char cps_page_sources[] =
    "Every option of training may also be set in an option file (--config) or in the environment as "
    "COLLAB_PS_ and the name in capitals, COLLAB_PS_LR_MAX for --lr-max. The command line wins over the "
    "environment, the environment over option files. --no-NAME turns a flag off. Defaults stand in square "
    "brackets.";

static const char replay_text[] =
    "Trains again with the data, the model and the training options that RUN/run.json has, with the ranks it "
    "is "
    "started with, and says whether losses and model are the same, or at which step they part (exit code 1). "
    "An option on the command line takes the place of the recorded one. Relative paths in the record start at "
    "the current folder. Nothing is kept unless --out is given.";

const struct cps_page_line cps_page_commands[] = {
    {"train", "Train a model; what is done when no command is named"},
    {"synth", "Write a synthetic set of ratings"},
    {"replay RUN", "Train again as RUN/run.json says and compare the losses, step by step"},
    {"compare RUN...", "Say which loss is lower and whether the difference is real: table, page, exit code"},
    {"experiment NAME", "Train what an experiment's file asks for and is missing, then compare"},
    {"help [COMMAND]", "Show this text, or the part of one command"},
    {"version", "Show the version"},
    {NULL, NULL},
};

const struct cps_page_line cps_page_examples[] = {
    {"collab-ps", "Train on the ratings that are at hand, in one process"},
    {"mpirun -n 8 collab-ps --data data/ml-100k", "The same curve on eight ranks"},
    {"collab-ps --data ratings.csv --model dot --y-range none --epochs 10",
     "A plain dot product on ratings of one's own"},
    {"collab-ps --train a.csv --valid b.csv --batch-order order.npy --init start.safetensors",
     "Replay the run of another framework"},
    {"collab-ps synth --users 138000 --items 27000 --ratings 20000000 --out data/big",
     "Write a large set to train on"},
    {"mpirun -n 8 collab-ps replay runs/a", "See that eight ranks give the losses of a recorded run"},
    {"collab-ps replay runs/a --wd 0.2", "See from which step on another weight decay tells"},
    {"collab-ps compare runs/* --out report", "Put runs side by side"},
    {"collab-ps experiment notebook", "The four models of fastai's notebook, beside fastai's own losses"},
    {NULL, NULL},
};

const struct cps_page_line cps_page_files[] = {
    {"run.json", "options with their sources, versions, ranks, hashes, how it ended"},
    {"history.csv", "losses of every epoch, and where its time went"},
    {"steps.csv", "losses of every step (--log-steps)"},
    {"metrics.jsonl", "an event a line, the loss of every step among them"},
    {"tb/", "the same for TensorBoard"},
    {"model.safetensors", "the model"},
    {"users.tsv, movies.tsv", "what each row of the model stands for"},
    {NULL, NULL},
};

const char *cps_version(void)
{
    return CPS_VERSION;
}

enum cps_status cps_page_describe(const struct cps_option *option, struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "%s", option->help));
    if (option->type == CPS_OPTION_RESERVED)
        return cps_text_add(out, " (not available yet)");
    if (option->alias)
        CPS_TRY(cps_text_add(out, "; also --%s", option->alias));
    if (option->choices) {
        CPS_TRY(cps_text_add(out, " ("));
        CPS_TRY(cps_option_choices(option, out));
        for (unsigned i = 0, told = 0; option->choices[i]; i++) {
            if (option->later >> i & 1)
                CPS_TRY(cps_text_add(out, "%s%s", told++ ? " and " : "; not yet: ", option->choices[i]));
        }
        CPS_TRY(cps_text_add(out, ")"));
    }
    bool shown = option->fallback && option->type != CPS_OPTION_FLAG;
    return shown ? cps_text_add(out, " [%s]", option->fallback) : CPS_OK;
}

/* Adds text wrapped to WIDTH with later lines indented; the cursor stands at column. */
static enum cps_status add_wrapped(struct cps_text *out, const char *text, int column, int indent)
{
    bool first = true;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (!first && column + 1 + length > WIDTH) {
            CPS_TRY(cps_text_add(out, "\n%*s", indent, ""));
            column = indent;
            first = true;
        }
        CPS_TRY(cps_text_add(out, "%s%.*s", first ? "" : " ", length, text));
        column += length + !first;
        first = false;
        text += length + (text[length] == ' ');
    }
    return cps_text_add(out, "\n");
}

/* Adds left and its meaning in two columns, or one below the other where left is long. */
static enum cps_status add_columns(struct cps_text *out, const char *left, const char *right)
{
    if (strlen(left) + 2 > COLUMN)
        CPS_TRY(cps_text_add(out, "%s\n%*s", left, COLUMN, ""));
    else
        CPS_TRY(cps_text_add(out, "%-*s", COLUMN, left));
    return add_wrapped(out, right, COLUMN, COLUMN);
}

static enum cps_status add_option(struct cps_text *out, const struct cps_option *option)
{
    char left[80], letter[8] = "";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    struct cps_text right = {0};
    enum cps_status status = cps_page_describe(option, &right);
    if (status == CPS_OK)
        status = add_columns(out, left, right.data);
    cps_text_release(&right);
    return status;
}

static enum cps_status add_group(struct cps_text *out, enum cps_option_group group, unsigned commands)
{
    bool titled = false;
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (option->group != group || !(option->commands & commands))
            continue;
        if (!titled) {
            const char *owner = group == CPS_GROUP_SYNTH && commands & CPS_FOR(TRAIN) ? " (synth)" : "";
            CPS_TRY(cps_text_add(out, "\n%s%s:\n", cps_option_group_title(group), owner));
        }
        titled = true;
        CPS_TRY(add_option(out, option));
    }
    return CPS_OK;
}

static enum cps_status add_commands(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "\nCommands:\n"));
    for (const struct cps_page_line *line = cps_page_commands; line->text; line++) {
        char left[80];
        snprintf(left, sizeof left, "  %s", line->text);
        CPS_TRY(add_columns(out, left, line->meaning));
    }
    return CPS_OK;
}

static enum cps_status add_examples(struct cps_text *out, const char *containing)
{
    CPS_TRY(cps_text_add(out, "\nExamples:\n"));
    for (const struct cps_page_line *line = cps_page_examples; line->text; line++) {
        if (strstr(line->text, containing))
            CPS_TRY(cps_text_add(out, "  # %s\n  %s\n", line->meaning, line->text));
    }
    return CPS_OK;
}

static enum cps_status add_exit_codes(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "\nExit codes:\n"));
#define X(name, code, text) CPS_TRY(cps_text_add(out, "  %3d  %s\n", code, text));
    CPS_STATUS_MAP(X)
#undef X
    return CPS_OK;
}

static enum cps_status add_page(struct cps_text *out, enum cps_help_page page)
{
    static const struct {
        const char *command, *text, *examples;
        unsigned commands;
    } pages[] = {
        [CPS_HELP_ALL] = {"[COMMAND]", cps_page_promise, "collab-ps", CPS_FOR(TRAIN) | CPS_FOR(SYNTH)},
        [CPS_HELP_TRAIN] = {"train", cps_page_promise, "collab-ps", CPS_FOR(TRAIN)},
        [CPS_HELP_SYNTH] = {"synth", "Write a synthetic set of ratings", " synth ", CPS_FOR(SYNTH)},
        [CPS_HELP_REPLAY] = {"replay RUN", replay_text, " replay ", CPS_FOR(REPLAY)},
    };
    CPS_TRY(cps_text_add(out, "collab-ps %s: %s\n\nUsage: collab-ps %s [--option VALUE]...\n\n", cps_version(),
                         cps_page_summary, pages[page].command));
    CPS_TRY(add_wrapped(out, pages[page].text, 0, 0));
    if (page == CPS_HELP_ALL)
        CPS_TRY(add_commands(out));
    for (int group = 0; group < CPS_GROUP_COUNT; group++)
        CPS_TRY(add_group(out, (enum cps_option_group)group, pages[page].commands));
    if (page != CPS_HELP_SYNTH) {
        CPS_TRY(cps_text_add(out, "\n"));
        CPS_TRY(add_wrapped(out, cps_page_sources, 0, 0));
    }
    CPS_TRY(add_examples(out, pages[page].examples));
    return add_exit_codes(out);
}

enum cps_status cps_options_help(enum cps_help_page page, struct cps_text *out)
{
    if (page == CPS_HELP_MAN)
        return cps_page_manual(out);
    return page == CPS_HELP_COMPLETION ? cps_page_completion(out) : add_page(out, page);
}
