/* The command table itself. To add a command: a line in CPS_COMMAND_MAP, a row here, a case in
 * deploy/cli/main.c. */
#include "common/options/command.h"

#include <string.h>

const char *const cps_command_names[] = {
#define X(name, text) text,
    CPS_COMMAND_MAP(X)
#undef X
        NULL};

const char cps_page_promise[] =
    "Trains a matrix factorisation of user and item ratings. The loss curve is a function of the data, the "
    "seed and the hyper-parameters: the number of ranks, the transport and the processor change no bit of it. "
    "Alone it runs in one process; under mpirun one rank coordinates and the others are servers and workers.";

const struct cps_command_info cps_command_table[CPS_COMMAND_COUNT] = {
    [CPS_COMMAND_TRAIN] = {.summary = "Train a model; the default command", .text = cps_page_promise},
    [CPS_COMMAND_SYNTH] = {.summary = "Write a synthetic set of ratings"},
    [CPS_COMMAND_PREPARE] =
        {.summary = "Convert a set of ratings to a file that --data maps instead of parsing",
         .text =
             "Reads a set of ratings and writes it, with its ids and titles, to a file that --data accepts in "
             "its place: nothing is parsed then, and every rank reads only its part. The loss curve equals "
             "that "
             "of the text files. A rating takes 8 bytes. The train/validation split is not part of the file. "
             "Training refuses a prepared set whose text files have changed since."},
    [CPS_COMMAND_REPLAY] =
        {.operand = "RUN",
         .summary = "Repeat the run recorded in RUN/run.json and compare the losses step by step",
         .text =
             "Repeats a run with the data, model and training options recorded in RUN/run.json, on the ranks "
             "that "
             "it is started with, and reports whether losses and model are identical or at which step they "
             "diverge (exit code 1). Options on the command line override recorded ones. Relative paths in the "
             "record are resolved from the current folder. Nothing is saved unless --out is given."},
    [CPS_COMMAND_LR_FIND] =
        {.summary = "Try learning rates from 1e-7 to 10 in a hundred steps, and suggest three",
         .text =
             "Trains for a hundred steps while the learning rate grows from 1e-7 towards 10, and stops when "
             "the "
             "smoothed loss is four times its lowest, as Learner.lr_find of fastai does. Prints the rates that "
             "fastai calls minimum, valley and steep; minimum, which noise moves least, is one to begin with for "
             "--lr-max. The losses go to "
             "lr-find.csv and, as a curve, to lr-find.svg (--out names others); no run is made or changed. It "
             "has the model, the data and the ranks of a training; the losses depend on no rank."},
    [CPS_COMMAND_COMPARE] =
        {.operand = "RUN...",
         .is_script = true,
         .summary = "Compare the losses of runs and test the differences: table, HTML page, exit code"},
    [CPS_COMMAND_EXPERIMENT] = {.operand = "NAME",
                                .is_script = true,
                                .summary =
                                    "Train the runs of an experiment file that are missing, then compare them"},
    [CPS_COMMAND_PREDICT] = {.operand = "RUN",
                             .summary = "Predict the ratings of (user, movie) pairs with a run's model"},
    [CPS_COMMAND_EVALUATE] =
        {.operand = "RUN",
         .summary = "Report a model's MSE, RMSE and MAE, also by rating and by the ratings per user and movie"},
    [CPS_COMMAND_RECOMMEND] =
        {.operand = "RUN",
         .summary = "List the movies with the highest predictions for a user, or for every user"},
    [CPS_COMMAND_FOLD_IN] = {.operand = "RUN",
                             .summary = "Recommend movies to a new person, from a few ratings"},
    [CPS_COMMAND_SIMILAR] = {.operand = "RUN",
                             .summary = "List the movies whose factors are nearest to a movie's"},
    [CPS_COMMAND_BIASES] = {.operand = "RUN",
                            .summary = "List the movies with the lowest and the highest biases"},
    [CPS_COMMAND_MAP] = {.operand = "RUN",
                         .summary = "Draw the movies on the first two principal components of their factors"},
    [CPS_COMMAND_EXPORT] = {.operand = "RUN", .summary = "Export a model's factors for other programs"},
    [CPS_COMMAND_DATA] = {.summary = "Summarize a set of ratings and its split"},
    [CPS_COMMAND_DOCTOR] =
        {.summary = "Check hosts, network, memory and files before a run",
         .text = "Checks what a run with these options needs and prints one line per check: ok, note, slow or "
                 "WRONG, followed by what to do. Alone it checks this host; under "
                 "mpirun, started like the run, every host and the links between them: "
                 "reachability, round trip and rate. Nothing is "
                 "trained or written. The exit code is 1 if something is wrong."},
    [CPS_COMMAND_HELP] = {.operand = "[COMMAND]", .summary = "Show this text, or the help of one command"},
    [CPS_COMMAND_VERSION] = {.summary = "Show the version"},
};

bool cps_command_find(const char *name, enum cps_command *out)
{
    for (int command = 0; command < CPS_COMMAND_COUNT; command++) {
        if (strcmp(name, cps_command_names[command]) == 0) {
            *out = (enum cps_command)command;
            return true;
        }
    }
    return false;
}

bool cps_command_takes_run(enum cps_command command)
{
    const char *operand = cps_command_table[command].operand;
    return operand && strcmp(operand, "RUN") == 0;
}
