/* The texts that the help and the manual page share, and one option described in words; see pages.h. */
#include "common/options/pages.h"

#include "common/options/value.h"

const char cps_page_summary[] = "train collaborative filtering over parameter servers";
const char cps_page_sources[] =
    "Every option of training may also be set in an option file (--config) or in the environment as "
    "COLLAB_PS_ and the name in capitals, COLLAB_PS_LR_MAX for --lr-max. The command line wins over the "
    "environment, the environment over option files, and these over a recipe. --no-NAME turns a flag off. "
    "Defaults stand in square "
    "brackets.";

const struct cps_page_line cps_page_examples[] = {
    {"collab-ps", "Train on the default ratings, in one process"},
    {"mpirun -n 8 collab-ps --data data/ml-100k", "The same curve on eight ranks"},
    {"collab-ps --data ratings.csv --model dot --y-range none --epochs 10",
     "A plain dot product on your own ratings"},
    {"collab-ps --train a.csv --valid b.csv --batch-order order.npy --init start.safetensors",
     "Replay the run of another framework"},
    {"collab-ps synth --users 138000 --items 27000 --ratings 20000000 --out data/big",
     "Write a large set to train on"},
    {"mpirun -n 8 collab-ps replay runs/a", "Check that eight ranks reproduce the losses of a recorded run"},
    {"collab-ps replay runs/a --wd 0.2", "Find the first step that another weight decay changes"},
    {"collab-ps compare runs/* --out report", "Compare runs"},
    {"collab-ps experiment notebook",
     "The four models of fastai's notebook, compared with fastai's own losses"},
    {NULL, NULL},
};

const struct cps_page_line cps_page_files[] = {
    {"run.json", "options with their sources, versions, ranks, hashes, outcome"},
    {"history.csv", "losses and time breakdown of every epoch"},
    {"steps.csv", "losses of every step (--log-steps)"},
    {"metrics.jsonl", "events as they happen, one per line"},
    {"tb/", "the same for TensorBoard"},
    {"model.safetensors", "the model"},
    {"users.tsv, movies.tsv", "the user or movie of each row of the model"},
    {NULL, NULL},
};

const char *cps_version(void)
{
    return CPS_VERSION;
}

enum cps_status cps_page_describe(const struct cps_option *option, struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "%s", option->help));
    if (option->alias)
        CPS_TRY(cps_text_add(out, "; also --%s", option->alias));
    if (option->choices) {
        CPS_TRY(cps_text_add(out, " ("));
        CPS_TRY(cps_option_choices(option, out));
        CPS_TRY(cps_text_add(out, ")"));
    }
    bool shown = option->fallback && option->type != CPS_OPTION_FLAG;
    return shown ? cps_text_add(out, " [%s]", option->fallback) : CPS_OK;
}
