/*
 * Fuzzing of the input of replay: a run's record and losses.
 *
 * An input is a letter that selects the file, then its contents: 'r' run.json, 'h' history.csv,
 * 's' steps.csv, 'm' metrics.jsonl. Besides the sanitizers, promises are checked: what was read is
 * complete and in order, options taken from it are accepted by the parser of options, a failure
 * gives one error line.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/options/options.h"
#include "common/store/run_losses.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_status(enum cps_status status)
{
    if (status == CPS_OK)
        return;
    require(status == CPS_ERR_DATA || status == CPS_ERR_USAGE);
    require(cps_error_text()[0] != '\0' && !strchr(cps_error_text(), '\n'));
}

/* Adopted options are sent to the other ranks as text, and must survive that. */
static void check_adopted(const struct cps_options *options)
{
    struct cps_options read;
    struct cps_text text = {0};
    require(options->command == CPS_COMMAND_TRAIN && options->epochs > 0 && options->lr_max > 0);
    require(cps_options_write(options, &text) == CPS_OK);
    require(cps_options_read(text.data, text.length, &read) == CPS_OK);
    require(read.seed == options->seed && read.wd == options->wd);
    cps_options_release(&read);
    cps_text_release(&text);
}

static void adopt(const struct cps_run_reader *run)
{
    char *argv[] = {(char *)"collab-ps", (char *)"replay", (char *)"run", NULL};
    struct cps_options options;
    struct cps_text differing = {0};
    bool other_data;
    struct cps_option_setting *settings = calloc(run->option_count + 1, sizeof *settings);
    require(settings && cps_options_parse(3, argv, NULL, &options) == CPS_OK);
    for (size_t i = 0; i < run->option_count; i++)
        settings[i] =
            (struct cps_option_setting){run->options[i].name, run->options[i].value, run->options[i].given};
    enum cps_status status =
        cps_options_adopt(&options, "run.json: ", settings, run->option_count, &differing, &other_data);
    check_status(status);
    if (status == CPS_OK)
        check_adopted(&options);
    cps_text_release(&differing);
    cps_options_release(&options);
    free(settings);
}

static void check_record(const struct cps_run_reader *run)
{
    require(run->state && run->version);
    for (size_t i = 0; i < run->option_count; i++)
        require(run->options[i].name != NULL);
    for (size_t i = 0; i < run->input_count; i++)
        require(run->inputs[i].option && run->inputs[i].path && strlen(run->inputs[i].sha256) == 64);
    adopt(run);
}

static void check_losses(const struct cps_run_reader *run)
{
    for (size_t i = 0; i < run->history.count; i++) {
        const struct cps_epoch_record *epoch = &run->history.epochs[i];
        require(epoch->epoch == i && (i == 0 || epoch->steps >= epoch[-1].steps));
    }
    require(run->loss_count <= run->loss_capacity);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct cps_run_reader run = {.path = "run.json"};
    enum cps_status status = CPS_ERR_DATA;
    const char *text = (const char *)bytes + 1;
    if (size == 0 || !strchr("rhsm", bytes[0]) || bytes[0] == '\0')
        return 0;
    cps_error_clear();
    switch (bytes[0]) {
    case 'r':
        status = cps_run_reader_parse(&run, text, size - 1);
        break;
    case 'h':
        status = cps_run_losses_history(&run, "history.csv", text, size - 1);
        break;
    case 's':
        status = cps_run_losses_steps(&run, "steps.csv", text, size - 1);
        break;
    case 'm':
        status = cps_run_losses_metrics(&run, "metrics.jsonl", text, size - 1);
        break;
    }
    check_status(status);
    if (status == CPS_OK && bytes[0] == 'r')
        check_record(&run);
    check_losses(&run);
    cps_run_reader_close(&run);
    return 0;
}
