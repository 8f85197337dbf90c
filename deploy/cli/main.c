/* collab-ps: parses the command line and runs the command. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/cluster/cluster.h"
#include "common/cluster/launcher.h"
#include "common/data/synth_write.h"
#include "common/options/command.h"
#include "deploy/cli/lr_find.h"
#include "deploy/cli/prepare.h"
#include "deploy/cli/replay.h"
#include "deploy/cli/resume.h"
#include "deploy/cli/script.h"
#include "deploy/cli/train.h"
#include "deploy/cli/use.h"
#include "deploy/doctor/doctor.h"
#include "deploy/training/origin.h"
#include "deploy/training/settings.h"

extern char **environ;

/* Whether this process prints: of several ranks only the first does. */
static bool speaks(void)
{
    return cps_launcher_find().rank == 0;
}

/* Prints the error. A launcher ends all ranks as soon as one fails, so the others first give rank 0 time to
 * print; a rank that is still alive after that has an error of its own, and prints it. */
static int fail(enum cps_status status)
{
    static const uint64_t patience_ns = 3000000000u;
    if (!speaks())
        cps_sleep_ns(patience_ns);
    cps_log_error(cps_error_text(), cps_error_hint());
    return cps_status_exit_code(status);
}

static int show_help(const struct cps_options *options)
{
    struct cps_text text = {0};
    enum cps_status status = cps_options_help(options->help_page, options->help_command, cps_scripts, &text);
    if (status != CPS_OK)
        return fail(status);
    if (speaks())
        fwrite(text.data, 1, text.length, stdout);
    cps_text_release(&text);
    return 0;
}

static int write_synthetic(const struct cps_options *options)
{
    const struct cps_synth_spec spec = {
        .users = options->users, .movies = options->movies, .ratings = options->ratings, .seed = options->seed};
    if (!speaks())
        return 0;
    enum cps_status status = cps_synth_write(&spec, options->out);
    if (status != CPS_OK)
        return fail(status);
    printf("%s: %llu ratings of %u movies by %u users, seed %llu\n", options->out,
           (unsigned long long)options->ratings, options->movies, options->users,
           (unsigned long long)options->seed);
    return 0;
}

/* Replaces this process; returns only if that fails. */
static int run_script(const struct cps_options *options)
{
    return speaks() ? fail(cps_script(cps_command_names[options->command], options->arguments)) : 0;
}

/* Runs a command that uses a model; under a launcher only the first rank does. */
static int use(const struct cps_options *options, enum cps_status (*command)(const struct cps_options *))
{
    enum cps_status status = speaks() ? command(options) : CPS_OK;
    return status == CPS_OK ? 0 : fail(status);
}

static int examine(struct cps_options *options)
{
    char build[CPS_BUILD_BYTES];
    cps_origin_build(build, sizeof build);
    enum cps_status status = cps_settings_find_data(options);
    return status == CPS_OK ? cps_doctor(options, build) : fail(status);
}

static int run_command(struct cps_options *options)
{
    switch (options->command) {
    case CPS_COMMAND_HELP:
        return show_help(options);
    case CPS_COMMAND_VERSION:
        if (speaks())
            printf("collab-ps %s\n", cps_version());
        return 0;
    case CPS_COMMAND_SYNTH:
        return write_synthetic(options);
    case CPS_COMMAND_PREPARE:
        return use(options, cps_prepare);
    case CPS_COMMAND_REPLAY:
        return cps_replay(options);
    case CPS_COMMAND_LR_FIND:
        return cps_lr_find(options);
    case CPS_COMMAND_COMPARE:
    case CPS_COMMAND_EXPERIMENT:
        return run_script(options);
    case CPS_COMMAND_PREDICT:
        return use(options, cps_use_predict);
    case CPS_COMMAND_EVALUATE:
        return use(options, cps_use_evaluate);
    case CPS_COMMAND_RECOMMEND:
        return use(options, cps_use_recommend);
    case CPS_COMMAND_FOLD_IN:
        return use(options, cps_use_fold_in);
    case CPS_COMMAND_SIMILAR:
        return use(options, cps_use_similar);
    case CPS_COMMAND_BIASES:
        return use(options, cps_use_biases);
    case CPS_COMMAND_MAP:
        return use(options, cps_use_map);
    case CPS_COMMAND_EXPORT:
        return use(options, cps_use_export);
    case CPS_COMMAND_DATA:
        return use(options, cps_use_data);
    case CPS_COMMAND_DOCTOR:
        return examine(options);
    case CPS_COMMAND_TRAIN:
    case CPS_COMMAND_COUNT:
        break;
    }
    return options->resume ? cps_resume(options) : cps_train(options);
}

/* Keeps standard streams that the caller closed occupied: otherwise the next file or socket would get the
 * number of one, and receive its output. */
static void hold_standard_streams(void)
{
    int fd = 0;
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDONLY);
    if (fd >= 0)
        close(fd);
}

/* Flushes the output, and reports an error in writing it. */
static int finish_output(int code)
{
    bool taken = fflush(stdout) == 0 && !ferror(stdout);
    return taken || code != 0 ? code : fail(cps_fail(CPS_ERR_STORAGE, "cannot write to the standard output"));
}

int main(int argc, char **argv)
{
    struct cps_options options;
    hold_standard_streams();
    enum cps_status status = cps_options_parse(argc, argv, environ, &options);
    if (status != CPS_OK)
        return fail(status);
    cps_log_set_level(options.log_level);
    if (speaks())
        cps_log_lines(CPS_LOG_WARN, "", options.warnings.data);
    int code = finish_output(run_command(&options));
    cps_options_release(&options);
    return code;
}
