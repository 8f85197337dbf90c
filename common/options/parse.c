/*
 * From argv, environment and option files to struct cps_options.
 *
 *   argv --+-- first walk: command, --help, --config FILEs
 *          |
 *   defaults -> recipe -> option files -> COLLAB_PS_* -> argv, second walk -> checks
 *
 * Each stage overwrites what the one before it set.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/options/check.h"
#include "common/options/command.h"
#include "common/options/config.h"
#include "common/options/recipes.h"
#include "common/options/value.h"

static const char env_prefix[] = "COLLAB_PS_";

/* Variables with the prefix that are not options: deploy/cli/script.c and the scripts it starts read them. */
static const char *const other_variables[] = {"python", "program", NULL};

static unsigned command_bit(const struct cps_options *self)
{
    return 1u << self->command;
}

/* The first command that has option: the best known of those that share it. */
static const char *owner_of(const struct cps_option *option)
{
    int command = 0;
    while (!(option->commands >> command & 1))
        command++;
    return cps_command_names[command];
}

/* Reports that name is not an option of the command; dashes is "--" or "". */
static enum cps_status fail_unknown(const struct cps_options *self, const char *where, const char *dashes,
                                    const char *name)
{
    const struct cps_option *elsewhere = cps_option_find(name, strlen(name), CPS_FOR_ALL);
    const char *command = cps_command_names[self->command];
    const char *nearest = cps_option_nearest(name, command_bit(self));
    if (elsewhere)
        cps_fail(CPS_ERR_USAGE, "%s'%s%s' is not an option of '%s'", where, dashes, name, command);
    else
        cps_fail(CPS_ERR_USAGE, "%sunknown option '%s%.200s'", where, dashes, name);
    if (nearest)
        return cps_hint(CPS_ERR_USAGE, "did you mean '%s%s'?", dashes, nearest);
    if (elsewhere)
        return cps_hint(CPS_ERR_USAGE, "it belongs to 'collab-ps %s'", owner_of(elsewhere));
    return cps_hint(CPS_ERR_USAGE, "'collab-ps help %s' lists the options", command);
}

/* A pass over the options in argv. */
struct arguments {
    char *const *next; /* ends with NULL */
};

struct argument {
    const struct cps_option *option; /* NULL at the end */
    const char *value;               /* "on" or "off" for a flag */
};

static enum cps_status fail_positional(const char *text)
{
    cps_fail(CPS_ERR_USAGE, "unexpected argument '%.200s'", text);
    enum cps_command command;
    if (cps_command_find(text, &command))
        return cps_hint(CPS_ERR_USAGE, "the command goes first: 'collab-ps %s …'", text);
    if (text[0] == '-' && text[1] && cps_option_find(text + 1, strcspn(text + 1, "="), CPS_FOR_ALL))
        return cps_hint(CPS_ERR_USAGE, "options begin with two dashes: '-%s'", text);
    return cps_hint(CPS_ERR_USAGE, "options are written '--name VALUE' or '--name=VALUE'");
}

static const struct cps_option *find_letter(const struct cps_options *self, const char *text)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        const struct cps_option *option = &cps_option_table[i];
        if (option->letter && text[1] == option->letter && text[2] == '\0' &&
            option->commands & command_bit(self))
            return option;
    }
    return NULL;
}

/* The value of option, written as text: after its '=', or the next argument. */
static enum cps_status take_value(struct arguments *self, const char *text, struct argument *out)
{
    const char *equals = strchr(text, '=');
    if (!out->option->argument) {
        if (!equals)
            return CPS_OK;
        cps_fail(CPS_ERR_USAGE, "'--%s' takes no value", out->option->name);
        if (out->option->type == CPS_OPTION_FLAG)
            cps_hint(CPS_ERR_USAGE, "'--no-%s' turns it off", out->option->name);
        return CPS_ERR_USAGE;
    }
    out->value = equals ? equals + 1 : *self->next;
    if (equals)
        return CPS_OK;
    if (out->value && strncmp(out->value, "--", 2) != 0) {
        self->next++;
        return CPS_OK;
    }
    cps_fail(CPS_ERR_USAGE, "'%s' needs a value: %s", text, out->option->argument);
    if (out->value)
        cps_hint(CPS_ERR_USAGE, "a value that begins with dashes is written '%s=%.100s'", text, out->value);
    return CPS_ERR_USAGE;
}

static enum cps_status next_argument(const struct cps_options *self, struct arguments *arguments,
                                     struct argument *out)
{
    *out = (struct argument){.value = "on"};
    const char *text = *arguments->next;
    if (!text)
        return CPS_OK;
    arguments->next++;
    if (text[0] == '-' && text[1] != '-' && (out->option = find_letter(self, text)))
        return take_value(arguments, text, out);
    if (strncmp(text, "--", 2) != 0 || text[2] == '\0')
        return fail_positional(text);
    size_t length = strcspn(text + 2, "=");
    out->option = cps_option_find(text + 2, length, command_bit(self));
    if (!out->option && strncmp(text, "--no-", 5) == 0) {
        const struct cps_option *flag = cps_option_find(text + 5, length - 3, command_bit(self));
        if (flag && flag->type == CPS_OPTION_FLAG)
            *out = (struct argument){flag, "off"};
    }
    if (out->option)
        return take_value(arguments, text, out);
    char name[200];
    snprintf(name, sizeof name, "%.*s", (int)(length < 199 ? length : 199), text + 2);
    return fail_unknown(self, "", "--", name);
}

/* source is that of a recipe or of an option file. */
static enum cps_status set_from_file(struct cps_options *self, const struct cps_config_reader *reader,
                                     enum cps_option_source source)
{
    struct cps_text where = {0};
    CPS_TRY(cps_text_add(&where, "%s:%zu: ", reader->file, reader->line));
    const char *name = reader->name.data;
    const struct cps_option *option = cps_option_find(name, strlen(name), command_bit(self));
    const struct cps_option_origin origin = {source, where.data, name};
    enum cps_status status;
    if (!option)
        status = fail_unknown(self, where.data, "", name);
    else if (option->type == CPS_OPTION_ACTION || strcmp(name, "config") == 0)
        status = cps_fail(CPS_ERR_USAGE, "%s'%s' cannot be set in an option file", where.data, name);
    else
        status = cps_option_set(self, option, reader->value.data, &origin);
    cps_text_release(&where);
    return status;
}

static enum cps_status read_settings(struct cps_options *self, struct cps_config_reader *reader,
                                     enum cps_option_source source)
{
    for (;;) {
        enum cps_config_item item;
        CPS_TRY(cps_config_next(reader, &item));
        if (item == CPS_CONFIG_END)
            return CPS_OK;
        if (item == CPS_CONFIG_SETTING)
            CPS_TRY(set_from_file(self, reader, source));
    }
}

static enum cps_status read_config(struct cps_options *self, const char *path)
{
    struct cps_file_map map;
    struct cps_config_reader reader;
    CPS_TRY(cps_file_map(&map, path, CPS_ERR_USAGE));
    cps_config_reader_init(&reader, path, map.data, map.size);
    enum cps_status status = read_settings(self, &reader, CPS_SOURCE_CONFIG);
    cps_config_reader_release(&reader);
    cps_file_unmap(&map);
    return status;
}

/* Applies the selected recipe, if the command has recipes. */
static enum cps_status read_recipe(struct cps_options *self, uint32_t recipe)
{
    struct cps_config_reader reader;
    const char *text = cps_recipe_texts[recipe];
    cps_config_reader_init(&reader, cps_recipe_names[recipe], text, strlen(text));
    enum cps_status status = read_settings(self, &reader, CPS_SOURCE_RECIPE);
    cps_config_reader_release(&reader);
    return status;
}

/* Reads the option file at path and adds its name to self->config. */
static enum cps_status use_config(struct cps_options *self, const struct cps_option *option, const char *path,
                                  const struct cps_option_origin *origin)
{
    struct cps_text names = {0};
    if (path[0] == '\0')
        return cps_option_set(self, option, path, origin);
    CPS_TRY(read_config(self, path));
    enum cps_status status =
        cps_text_add(&names, "%s%s%s", self->config ? self->config : "", self->config ? ", " : "", path);
    if (status == CPS_OK)
        status = cps_option_set(self, option, names.data, origin);
    cps_text_release(&names);
    return status;
}

static bool is_config(const struct cps_option *option)
{
    return option->offset == offsetof(struct cps_options, config) && option->type == CPS_OPTION_STRING;
}

/* "COLLAB_PS_LR_MAX" for "lr-max". */
static enum cps_status add_variable_name(struct cps_text *out, const char *name)
{
    CPS_TRY(cps_text_add(out, "%s", env_prefix));
    for (; *name; name++)
        CPS_TRY(cps_text_add(out, "%c", *name == '-' ? '_' : toupper((unsigned char)*name)));
    return CPS_OK;
}

static enum cps_status warn_unknown_variable(struct cps_options *self, const char *entry, size_t length,
                                             const char *name)
{
    const char *nearest = cps_option_nearest(name, command_bit(self));
    CPS_TRY(cps_text_add(&self->warnings, "environment variable '%.*s' is not an option and is ignored",
                         (int)length, entry));
    if (nearest) {
        CPS_TRY(cps_text_add(&self->warnings, "; did you mean '"));
        CPS_TRY(add_variable_name(&self->warnings, nearest));
        CPS_TRY(cps_text_add(&self->warnings, "'?"));
    }
    return cps_text_add(&self->warnings, "\n");
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

/* Applies entry, "COLLAB_PS_LR_MAX=5e-3". An empty value counts as unset; an option of another command is
 * ignored. */
static enum cps_status set_from_variable(struct cps_options *self, const char *entry, bool want_config)
{
    char name[64], variable[80];
    size_t length = strcspn(entry, "="), prefix = sizeof env_prefix - 1;
    if (entry[length] == '\0' || entry[length + 1] == '\0' || length - prefix >= sizeof name)
        return CPS_OK;
    for (size_t i = prefix; i <= length; i++)
        name[i - prefix] = (char)(entry[i] == '_' ? '-' : tolower((unsigned char)entry[i]));
    name[length - prefix] = '\0';
    snprintf(variable, sizeof variable, "%.*s", (int)length, entry);
    const struct cps_option_origin origin = {CPS_SOURCE_ENVIRONMENT, "", variable};
    const struct cps_option *option = cps_option_find(name, length - prefix, command_bit(self));
    if (!option) {
        if (want_config || cps_option_find(name, length - prefix, CPS_FOR_ALL) ||
            is_among(name, other_variables))
            return CPS_OK;
        return warn_unknown_variable(self, entry, length, name);
    }
    if (option->type == CPS_OPTION_ACTION || is_config(option) != want_config)
        return CPS_OK;
    return want_config ? use_config(self, option, entry + length + 1, &origin)
                       : cps_option_set(self, option, entry + length + 1, &origin);
}

static enum cps_status read_environment(struct cps_options *self, char *const *envp, bool want_config)
{
    for (; envp && *envp; envp++) {
        if (strncmp(*envp, env_prefix, sizeof env_prefix - 1) == 0)
            CPS_TRY(set_from_variable(self, *envp, want_config));
    }
    return CPS_OK;
}

static enum cps_status read_arguments(struct cps_options *self, char *const *argv, bool want_config)
{
    struct arguments arguments = {argv};
    struct argument argument;
    char name[80];
    for (;;) {
        CPS_TRY(next_argument(self, &arguments, &argument));
        if (!argument.option)
            return CPS_OK;
        if (is_config(argument.option) != want_config)
            continue;
        snprintf(name, sizeof name, "--%s", argument.option->name);
        const struct cps_option_origin origin = {CPS_SOURCE_COMMAND_LINE, "", name};
        CPS_TRY(want_config ? use_config(self, argument.option, argument.value, &origin)
                            : cps_option_set(self, argument.option, argument.value, &origin));
    }
}

/* The first pass: checks that all names are known and looks for --help or --version, which override
 * everything else. */
static enum cps_status find_action(struct cps_options *self, char *const *argv, bool *found)
{
    struct arguments arguments = {argv};
    struct argument argument;
    *found = false;
    do {
        CPS_TRY(next_argument(self, &arguments, &argument));
        *found = argument.option && argument.option->type == CPS_OPTION_ACTION;
    } while (argument.option && !*found);
    if (!*found)
        return CPS_OK;
    self->command = argument.option->letter == 'V' ? CPS_COMMAND_VERSION : CPS_COMMAND_HELP;
    return CPS_OK;
}

/* Applies all sources, weakest first, above the given recipe (0: none). */
static enum cps_status read_all(struct cps_options *self, uint32_t recipe, char *const *argv, char *const *envp)
{
    cps_text_clear(&self->warnings);
    CPS_TRY(cps_option_reset_all(self));
    if (recipe)
        CPS_TRY(read_recipe(self, recipe));
    CPS_TRY(read_environment(self, envp, true));
    CPS_TRY(read_arguments(self, argv, true));
    CPS_TRY(read_environment(self, envp, false));
    return read_arguments(self, argv, false);
}

static enum cps_status read_options(struct cps_options *self, char *const *argv, char *const *envp)
{
    bool action;
    CPS_TRY(find_action(self, argv, &action));
    if (action)
        return CPS_OK;
    CPS_TRY(read_all(self, 0, argv, envp));
    if (self->recipe)
        CPS_TRY(read_all(self, self->recipe, argv, envp));
    return cps_options_check(self);
}

/* Adds the names of all commands: "train, synth, … and version". */
static enum cps_status add_command_names(struct cps_text *out)
{
    for (int i = 0; i < CPS_COMMAND_COUNT; i++)
        CPS_TRY(cps_text_add(out, "%s%s",
                             i == 0                      ? ""
                             : i + 1 < CPS_COMMAND_COUNT ? ", "
                                                         : " and ",
                             cps_command_names[i]));
    return CPS_OK;
}

static enum cps_status hint_commands(const char *before, const char *after)
{
    struct cps_text names = {0};
    enum cps_status status = add_command_names(&names);
    if (status == CPS_OK)
        status = cps_hint(CPS_ERR_USAGE, "%s%s%s", before, names.data, after);
    cps_text_release(&names);
    return status;
}

/* 'help NAME' is 'NAME --help'; a script has a page of its own. */
static void ask_for_help(struct cps_options *self, enum cps_command command)
{
    static const char *const ask[] = {"--help", NULL};
    if (cps_command_table[command].is_script) {
        self->command = command;
        self->arguments = ask;
    } else if (command != CPS_COMMAND_HELP && command != CPS_COMMAND_VERSION) {
        self->help_page = CPS_HELP_COMMAND;
        self->help_command = command;
    }
}

/* 'help' and 'version' take at most the name of a page. */
static enum cps_status read_help_page(struct cps_options *self, char *const *argv)
{
    enum cps_command command;
    if (!argv[0])
        return CPS_OK;
    if (argv[1] || self->command == CPS_COMMAND_VERSION)
        return cps_fail(CPS_ERR_USAGE, "unexpected argument '%.200s'", argv[argv[1] ? 1 : 0]);
    if (strcmp(argv[0], "--man") == 0) {
        self->help_page = CPS_HELP_MAN;
    } else if (strcmp(argv[0], "--completion") == 0) {
        self->help_page = CPS_HELP_COMPLETION;
    } else if (cps_command_find(argv[0], &command)) {
        ask_for_help(self, command);
    } else if (strcmp(argv[0], "--all") != 0) {
        cps_fail(CPS_ERR_USAGE, "no help for '%.200s'", argv[0]);
        return hint_commands("there is help for ", "; 'collab-ps help' lists everything");
    }
    return CPS_OK;
}

static enum cps_status read_command(struct cps_options *self, const char *name)
{
    if (cps_command_find(name, &self->command))
        return CPS_OK;
    cps_fail(CPS_ERR_USAGE, "unknown command '%.200s'", name);
    if (strpbrk(name, "./"))
        return cps_hint(CPS_ERR_USAGE, "to train on it: 'collab-ps --data %.200s'", name);
    const char *nearest = cps_nearest_name(name, cps_command_names);
    if (nearest)
        return cps_hint(CPS_ERR_USAGE, "did you mean '%s'?", nearest);
    return hint_commands("the commands are ", "");
}

/* A command on a run takes its folder before the options. */
static enum cps_status read_run(struct cps_options *self, const char *path)
{
    self->run = strdup(path);
    return self->run ? CPS_OK : cps_fail_memory("the path of a run", strlen(path));
}

static enum cps_status parse(struct cps_options *self, char *const *argv, char *const *envp)
{
    if (argv[0] && argv[0][0] != '-') {
        CPS_TRY(read_command(self, *argv++));
        if (self->command != CPS_COMMAND_HELP && self->command != CPS_COMMAND_VERSION) {
            self->help_page = CPS_HELP_COMMAND;
            self->help_command = self->command;
        }
    }
    if (cps_command_table[self->command].is_script) {
        self->arguments = (const char *const *)argv;
        return CPS_OK;
    }
    if (cps_command_takes_run(self->command) && argv[0] && argv[0][0] != '-')
        CPS_TRY(read_run(self, *argv++));
    if (self->command == CPS_COMMAND_HELP || self->command == CPS_COMMAND_VERSION)
        return read_help_page(self, argv);
    return read_options(self, argv, envp);
}

enum cps_status cps_options_parse(int argc, char **argv, char **envp, struct cps_options *out)
{
    struct cps_options self = {.command = CPS_COMMAND_TRAIN};
    enum cps_status status = parse(&self, argc > 0 ? argv + 1 : argv, envp);
    if (status != CPS_OK) {
        cps_options_release(&self);
        return status;
    }
    *out = self;
    return CPS_OK;
}
