/*
 * The text of --help, from the option table: grouped, in two columns, wrapped. man.c
 * and completion.c say the same to other readers.
 */
#include <stdio.h>
#include <string.h>

#include "common/options/pages.h"
#include "common/options/value.h"

enum { WIDTH = 92, COLUMN = 28 };

static const char replay_text[] =
    "Trains again with the data, the model and the training options that RUN/run.json has, with the ranks it "
    "is "
    "started with, and says whether losses and model are the same, or at which step they part (exit code 1). "
    "An option on the command line takes the place of the recorded one. Relative paths in the record start at "
    "the current folder. Nothing is kept unless --out is given.";

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
