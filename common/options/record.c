/*
 * The effective options as a record: passed to a visitor for run.json, and written for the other hosts as
 * an option file whose '#:' notes hold the command and the sources:
 *
 *     #: command train
 *     #: source default
 *     epochs = 5
 *     #: source command line
 *     seed = 7
 */
#include <stdlib.h>
#include <string.h>

#include "common/options/command.h"
#include "common/options/config.h"
#include "common/options/value.h"

static const char *const source_texts[] = {"default",      "recipe",       "config file", "environment",
                                           "recorded run", "command line", NULL};

const char *cps_option_source_text(enum cps_option_source source)
{
    return source_texts[source];
}

enum cps_option_source cps_options_source(const struct cps_options *self, const char *name)
{
    const struct cps_option *option = cps_option_find(name, strlen(name), 1u << self->command);
    if (!option)
        return CPS_SOURCE_DEFAULT;
    return (enum cps_option_source)self->sources[cps_option_index(option)];
}

void cps_options_release(struct cps_options *self)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        if (cps_option_table[i].type != CPS_OPTION_STRING)
            continue;
        char **field = (char **)(void *)((char *)self + cps_option_table[i].offset);
        free(*field);
        *field = NULL; /* two rows may share a field */
    }
    free(self->run);
    cps_text_release(&self->warnings);
    *self = (struct cps_options){0};
}

static bool is_recorded(const struct cps_options *self, const struct cps_option *option)
{
    return (option->commands & 1u << self->command) && option->type != CPS_OPTION_ACTION;
}

static enum cps_status visit_one(const struct cps_options *self, const struct cps_option *option,
                                 cps_options_visit visit, void *context)
{
    struct cps_text value = {0};
    enum cps_status status = cps_option_format(self, option, &value);
    const struct cps_option_view view = {.group = cps_option_group_title(option->group),
                                         .name = option->name,
                                         .value = cps_option_has_value(self, option) ? value.data : NULL,
                                         .source = source_texts[self->sources[cps_option_index(option)]],
                                         .decides_curve = option->decides != CPS_DECIDES_NOTHING};
    if (status == CPS_OK)
        status = visit(context, &view);
    cps_text_release(&value);
    return status;
}

enum cps_status cps_options_each(const struct cps_options *self, cps_options_visit visit, void *context)
{
    for (size_t i = 0; i < cps_option_count; i++) {
        if (is_recorded(self, &cps_option_table[i]))
            CPS_TRY(visit_one(self, &cps_option_table[i], visit, context));
    }
    return CPS_OK;
}

struct writer {
    struct cps_text *out;
    const char *source; /* source of the previous line; NULL at first */
};

/* 'config' is left out: the values already include those of its files. */
static enum cps_status write_one(void *context, const struct cps_option_view *option)
{
    struct writer *writer = context;
    if (!option->value || strcmp(option->name, "config") == 0)
        return CPS_OK;
    if (writer->source != option->source)
        CPS_TRY(cps_text_add(writer->out, "#: source %s\n", option->source));
    writer->source = option->source;
    return cps_config_write(writer->out, option->name, option->value);
}

enum cps_status cps_options_write(const struct cps_options *self, struct cps_text *out)
{
    struct writer writer = {.out = out};
    CPS_TRY(cps_text_add(out, "#: command %s\n", cps_command_names[self->command]));
    return cps_options_each(self, write_one, &writer);
}

/* The number of name in names, or -1. */
static int position(const char *name, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(name, names[i]) == 0)
            return i;
    }
    return -1;
}

static enum cps_status read_note(struct cps_options *self, const struct cps_config_reader *reader,
                                 enum cps_option_source *source)
{
    bool command = strcmp(reader->name.data, "command") == 0;
    int number = position(reader->value.data, command ? cps_command_names : source_texts);
    if (number < 0)
        return cps_fail(CPS_ERR_USAGE, "%s:%zu: '%s' is no %s", reader->file, reader->line, reader->value.data,
                        command ? "command" : "source");
    if (!command) {
        *source = (enum cps_option_source)number;
        return CPS_OK;
    }
    cps_options_release(self); /* zeroes the fields of the command assumed so far */
    self->command = (enum cps_command)number;
    return cps_option_reset_all(self);
}

static enum cps_status read_all(struct cps_options *self, struct cps_config_reader *reader)
{
    enum cps_option_source source = CPS_SOURCE_DEFAULT;
    for (;;) {
        enum cps_config_item item;
        CPS_TRY(cps_config_next(reader, &item));
        if (item == CPS_CONFIG_END)
            return CPS_OK;
        if (item == CPS_CONFIG_NOTE) {
            CPS_TRY(read_note(self, reader, &source));
            continue;
        }
        const char *name = reader->name.data;
        const struct cps_option *option = cps_option_find(name, strlen(name), 1u << self->command);
        const struct cps_option_origin origin = {source, "", name};
        if (!option || !is_recorded(self, option))
            return cps_fail(CPS_ERR_USAGE, "%s:%zu: unknown option '%s'", reader->file, reader->line, name);
        CPS_TRY(cps_option_set(self, option, reader->value.data, &origin));
    }
}

enum cps_status cps_options_read(const char *text, size_t length, struct cps_options *out)
{
    struct cps_options self = {.command = CPS_COMMAND_TRAIN};
    struct cps_config_reader reader;
    cps_config_reader_init(&reader, "options record", text, length);
    enum cps_status status = cps_option_reset_all(&self);
    if (status == CPS_OK)
        status = read_all(&self, &reader);
    cps_config_reader_release(&reader);
    if (status == CPS_OK)
        *out = self;
    else
        cps_options_release(&self);
    return status;
}
