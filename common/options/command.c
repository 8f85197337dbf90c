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
    [CPS_COMMAND_TRAIN] = {.summary = "Train a model; what is done when no command is named",
                           .text = cps_page_promise},
    [CPS_COMMAND_SYNTH] = {.summary = "Write a synthetic set of ratings"},
    [CPS_COMMAND_PREPARE] =
        {.summary = "Read a set of ratings once and for all, into a file that --data maps",
         .text =
             "Reads a set of ratings and writes it, with its ids and titles, to a file that --data takes in "
             "place of it: nothing is parsed then, and every rank reads its part alone. The loss curve is that "
             "of the text. A rating takes 8 bytes. How to split is not part of the set. Training refuses a "
             "prepared set whose text has changed since."},
    [CPS_COMMAND_REPLAY] =
        {.operand = "RUN",
         .summary = "Train again as RUN/run.json says and compare the losses, step by step",
         .text =
             "Trains again with the data, the model and the training options that RUN/run.json has, with the "
             "ranks it is started with, and says whether losses and model are the same, or at which step they "
             "part (exit code 1). An option on the command line takes the place of the recorded one. Relative "
             "paths in the record start at the current folder. Nothing is kept unless --out is given."},
    [CPS_COMMAND_LR_FIND] =
        {.summary = "Try learning rates from 1e-7 to 10 in a hundred steps, and suggest two",
         .text =
             "Trains for a hundred steps while the learning rate grows from 1e-7 towards 10, and stops when "
             "the "
             "smoothed loss is four times its lowest, as Learner.lr_find of fastai does. Prints the rates that "
             "fastai calls valley and steep; either is one to begin with for --lr-max. The losses go to "
             "lr-find.csv and, as a curve, to lr-find.svg (--out names others); no run is made or changed. It "
             "has the model, the data and the ranks of a training; the losses depend on no rank."},
    [CPS_COMMAND_COMPARE] =
        {.operand = "RUN...",
         .is_script = true,
         .summary = "Say which loss is lower and whether the difference is real: table, page, exit code"},
    [CPS_COMMAND_EXPERIMENT] = {.operand = "NAME",
                                .is_script = true,
                                .summary =
                                    "Train what an experiment's file asks for and is missing, then compare"},
    [CPS_COMMAND_PREDICT] = {.operand = "RUN",
                             .summary = "Predict ratings of pairs of a user and a movie with a run's model"},
    [CPS_COMMAND_EVALUATE] =
        {.operand = "RUN",
         .summary =
             "Errors of a run's model: MSE, RMSE, MAE; by rating, and by how often user and movie were seen"},
    [CPS_COMMAND_RECOMMEND] = {.operand = "RUN",
                               .summary =
                                   "The movies with the highest predictions for a user, or for every user"},
    [CPS_COMMAND_FOLD_IN] = {.operand = "RUN",
                             .summary = "The same for a person who was not in the data, from a few ratings"},
    [CPS_COMMAND_SIMILAR] = {.operand = "RUN", .summary = "The movies whose factors are nearest to a movie's"},
    [CPS_COMMAND_BIASES] = {.operand = "RUN", .summary = "The movies with the lowest and the highest biases"},
    [CPS_COMMAND_MAP] = {.operand = "RUN",
                         .summary =
                             "The movies on the first principal components of their factors, as a picture"},
    [CPS_COMMAND_EXPORT] = {.operand = "RUN", .summary = "Write a model's factors for other programs"},
    [CPS_COMMAND_DATA] = {.summary = "Show what is in a set of ratings, and how it will be split"},
    [CPS_COMMAND_DOCTOR] = {.summary = "Say before a run what is wrong with hosts, network, memory and files",
                            .text = "Looks at what a run with these options needs, and prints a line for each "
                                    "thing: ok, note, slow or "
                                    "WRONG, and below it what to do. Alone it looks at this host; under "
                                    "mpirun, started as the run will "
                                    "be, at every host and at the links between them: who reaches whom, round "
                                    "trip and rate. Nothing is "
                                    "trained or written. The exit code is 1 when something is wrong."},
    [CPS_COMMAND_HELP] = {.operand = "[COMMAND]", .summary = "Show this text, or the part of one command"},
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
