/*
 * The text of --help, from the option table: grouped, in two columns, wrapped. man.c
 * and completion.c render the same table for man and bash.
 */
#include <stdio.h>
#include <string.h>

#include "common/options/pages.h"
#include "common/options/value.h"

enum { WIDTH = 92, COLUMN = 28 };

/* Adds text wrapped to WIDTH, starting at column; later lines are indented. */
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

/* Adds left and its meaning in two columns, or the meaning on the next line if left is long. */
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
        if (option->group != group || option->hidden || !(option->commands & commands))
            continue;
        if (!titled) {
            const char *owner = commands == CPS_FOR_ALL ? cps_option_group_owner(group) : "";
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
    for (int command = 0; command < CPS_COMMAND_COUNT; command++) {
        const struct cps_command_info *info = &cps_command_table[command];
        char left[80];
        snprintf(left, sizeof left, "  %s%s%s", cps_command_names[command], info->operand ? " " : "",
                 info->operand ? info->operand : "");
        CPS_TRY(add_columns(out, left, info->summary));
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

/* On the page about all commands, a group's title names the commands that own it. */
static enum cps_status add_groups(struct cps_text *out, unsigned commands)
{
    for (int group = 0; group < CPS_GROUP_COUNT; group++)
        CPS_TRY(add_group(out, (enum cps_option_group)group, commands));
    return CPS_OK;
}

static enum cps_status add_usage(struct cps_text *out, const char *command, const char *operand)
{
    return cps_text_add(out, "collab-ps %s: %s\n\nUsage: collab-ps %s%s%s [--option VALUE]...\n\n",
                        cps_version(), cps_page_summary, command, operand ? " " : "", operand ? operand : "");
}

static enum cps_status add_sources(struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, "\n"));
    return add_wrapped(out, cps_page_sources, 0, 0);
}

static enum cps_status add_command_page(struct cps_text *out, enum cps_command command)
{
    const struct cps_command_info *info = &cps_command_table[command];
    char containing[40] = "collab-ps";
    CPS_TRY(add_usage(out, cps_command_names[command], info->operand));
    CPS_TRY(add_wrapped(out, info->text ? info->text : info->summary, 0, 0));
    CPS_TRY(add_groups(out, 1u << command));
    if (command == CPS_COMMAND_TRAIN || command == CPS_COMMAND_REPLAY || command == CPS_COMMAND_LR_FIND)
        CPS_TRY(add_sources(out));
    if (command != CPS_COMMAND_TRAIN)
        snprintf(containing, sizeof containing, " %s ", cps_command_names[command]);
    CPS_TRY(add_examples(out, containing));
    return add_exit_codes(out);
}

static enum cps_status add_whole_page(struct cps_text *out)
{
    CPS_TRY(add_usage(out, "[COMMAND]", NULL));
    CPS_TRY(add_wrapped(out, cps_page_promise, 0, 0));
    CPS_TRY(add_commands(out));
    CPS_TRY(add_groups(out, CPS_FOR_ALL));
    CPS_TRY(add_sources(out));
    CPS_TRY(add_examples(out, "collab-ps"));
    return add_exit_codes(out);
}

enum cps_status cps_options_help(enum cps_help_page page, enum cps_command command,
                                 const struct cps_page_script *scripts, struct cps_text *out)
{
    switch (page) {
    case CPS_HELP_MAN:
        return cps_page_manual(scripts, out);
    case CPS_HELP_COMPLETION:
        return cps_page_completion(scripts, out);
    case CPS_HELP_COMMAND:
        return add_command_page(out, command);
    case CPS_HELP_ALL:
        break;
    }
    return add_whole_page(out);
}
