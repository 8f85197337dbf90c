/* The manual page, from the option table; 'collab-ps help --man | man -l -' shows it. */
#include <stdio.h>
#include <string.h>

#include "common/options/pages.h"

/* Adds text escaped for troff: '-' becomes a minus that can be copied, and a dot or quote at the start of
 * a line is not taken as a request. */
static enum cps_status add_troff(struct cps_text *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        CPS_TRY(cps_text_add(out, "\\&"));
    for (; *text; text++) {
        if (*text == '-')
            CPS_TRY(cps_text_add(out, "\\-"));
        else if (*text == '\\')
            CPS_TRY(cps_text_add(out, "\\e"));
        else
            CPS_TRY(cps_text_add_bytes(out, text, 1));
    }
    return cps_text_add(out, "\n");
}

static enum cps_status add_section(struct cps_text *out, const char *title)
{
    return cps_text_add(out, ".SH %s\n", title);
}

static enum cps_status add_option(struct cps_text *out, const struct cps_option *option)
{
    CPS_TRY(cps_text_add(out, ".TP\n.B "));
    if (option->letter)
        CPS_TRY(cps_text_add(out, "\\-%c, ", option->letter));
    char head[80];
    snprintf(head, sizeof head, "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    CPS_TRY(add_troff(out, head));
    struct cps_text description = {0};
    enum cps_status status = cps_page_describe(option, &description);
    if (status == CPS_OK)
        status = add_troff(out, description.data);
    cps_text_release(&description);
    return status;
}

static enum cps_status add_options(struct cps_text *out)
{
    CPS_TRY(add_section(out, "OPTIONS"));
    for (int group = 0; group < CPS_GROUP_COUNT; group++) {
        CPS_TRY(cps_text_add(out, ".SS %s\n", cps_option_group_title((enum cps_option_group)group)));
        for (size_t i = 0; i < cps_option_count; i++) {
            if ((int)cps_option_table[i].group == group && !cps_option_table[i].hidden)
                CPS_TRY(add_option(out, &cps_option_table[i]));
        }
    }
    return CPS_OK;
}

/* Adds an entry of a list: its head in bold and its meaning. */
static enum cps_status add_entry(struct cps_text *out, const char *dashes, const char *name,
                                 const char *argument, const char *help)
{
    struct cps_text head = {0};
    enum cps_status status =
        cps_text_add(&head, "%s%s%s%s", dashes, name, argument ? " " : "", argument ? argument : "");
    if (status == CPS_OK)
        status = cps_text_add(out, ".TP\n.B ");
    if (status == CPS_OK)
        status = add_troff(out, head.data);
    cps_text_release(&head);
    return status == CPS_OK ? add_troff(out, help) : status;
}

static enum cps_status add_script(struct cps_text *out, const struct cps_page_script *script)
{
    CPS_TRY(cps_text_add(out, ".SS Of %s\n", cps_command_names[script->command]));
    CPS_TRY(add_entry(out, "", script->operand, NULL, script->help));
    for (const struct cps_page_option *option = script->options; option->name; option++)
        CPS_TRY(add_entry(out, "--", option->name, option->argument, option->help));
    return CPS_OK;
}

static enum cps_status add_lines(struct cps_text *out, const char *title, const struct cps_page_line *line)
{
    CPS_TRY(add_section(out, title));
    for (; line->text; line++) {
        CPS_TRY(cps_text_add(out, ".TP\n.B "));
        CPS_TRY(add_troff(out, line->text));
        CPS_TRY(add_troff(out, line->meaning));
    }
    return CPS_OK;
}

static enum cps_status add_commands(struct cps_text *out)
{
    CPS_TRY(add_section(out, "COMMANDS"));
    for (int command = 0; command < CPS_COMMAND_COUNT; command++) {
        const struct cps_command_info *info = &cps_command_table[command];
        CPS_TRY(cps_text_add(out, ".TP\n.B %s", cps_command_names[command]));
        CPS_TRY(cps_text_add(out, info->operand ? " %s\n" : "\n", info->operand));
        CPS_TRY(add_troff(out, info->text && command != CPS_COMMAND_TRAIN ? info->text : info->summary));
    }
    return CPS_OK;
}

static enum cps_status add_exit_status(struct cps_text *out)
{
    CPS_TRY(add_section(out, "EXIT STATUS"));
#define X(name, code, text) CPS_TRY(cps_text_add(out, ".TP\n.B %d\n%s\n", code, text));
    CPS_STATUS_MAP(X)
#undef X
    return CPS_OK;
}

enum cps_status cps_page_manual(const struct cps_page_script *scripts, struct cps_text *out)
{
    CPS_TRY(cps_text_add(out, ".TH COLLAB\\-PS 1 \"\" \"collab\\-ps %s\"\n", cps_version()));
    CPS_TRY(cps_text_add(out, ".SH NAME\ncollab\\-ps \\- %s\n", cps_page_summary));
    CPS_TRY(cps_text_add(out, ".SH SYNOPSIS\n.B collab\\-ps\n[\\fICOMMAND\\fR] [\\fB\\-\\-option\\fR "
                              "\\fIVALUE\\fR] ...\n"));
    CPS_TRY(add_section(out, "DESCRIPTION"));
    CPS_TRY(add_troff(out, cps_page_promise));
    CPS_TRY(add_commands(out));
    CPS_TRY(add_options(out));
    for (; scripts->operand; scripts++)
        CPS_TRY(add_script(out, scripts));
    CPS_TRY(add_section(out, "ENVIRONMENT"));
    CPS_TRY(add_troff(out, cps_page_sources));
    CPS_TRY(add_lines(out, "FILES", cps_page_files));
    CPS_TRY(add_lines(out, "EXAMPLES", cps_page_examples));
    return add_exit_status(out);
}
